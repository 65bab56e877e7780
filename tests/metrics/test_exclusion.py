import math

import pytest
import torch
from tests.metrics.oracles import N, OnePixel, constant_prediction, images, random_map, two_classes

from regard.metrics import controls
from regard.metrics.faithfulness import divergence, exclusion
from regard.types import Map, RegardError


def test_one_pixel_flips_exactly_until_that_pixel_is_kept():
    x, other, model = torch.full((1, 3, 8, 8), 0.9), torch.full((1, 3, 8, 8), 0.2), OnePixel(3, 3)
    e = exclusion(model, x, model.map(x), other, steps=N)
    kl = 0.9 * math.log(0.9 / 0.2) + 0.1 * math.log(0.1 / 0.8)
    assert e.shares[0].unique().tolist() == pytest.approx([0, 1 / N, 1])
    assert e.recomputed.flips[0].tolist() == [1.0] + [0.0] * N
    assert e.recomputed.kl[0, 0].item() == pytest.approx(kl, abs=1e-6)
    assert e.recomputed.kl[0, 1:].abs().max() == 0
    missed = exclusion(model, x, Map(1 - model.map(x).values, "gate"), other, steps=N)
    assert missed.recomputed.flips[0].tolist() == [1.0] * N + [0.0]
    assert e.frozen is None


def test_the_sum_of_pixels_mixes_both_images_by_the_share():
    x, other = torch.full((1, 3, 8, 8), 0.8), torch.full((1, 3, 8, 8), 0.4)
    e = exclusion(lambda y: two_classes(y.mean((1, 2, 3)).double()), x, random_map(1), other, steps=4)
    p = (0.8 * e.shares + 0.4 * (1 - e.shares)).double()
    assert torch.allclose(e.recomputed.kl.double(), 0.8 * (0.8 / p).log() + 0.2 * (0.2 / (1 - p)).log(), atol=1e-6)
    assert e.recomputed.flips[0].tolist() == [1.0, 0.0, 0.0, 0.0, 0.0]


def test_a_model_that_ignores_its_input_never_flips():
    x = images(3)
    e = exclusion(constant_prediction, x, random_map(3), x[controls.derangement(3)])
    assert e.recomputed.flips.sum() == 0
    assert e.recomputed.kl.sum() == 0


def test_a_frozen_map_belongs_to_its_image():
    x, rows = images(3), []

    def frozen(changed, row):
        rows.append(row)
        assert torch.equal(changed[-1], x[row[-1]])  # share 1 comes last and is the image itself
        return constant_prediction(changed)

    e = exclusion(constant_prediction, x, random_map(3), x.roll(1, 0), frozen=frozen, steps=4, batch_size=5)
    assert torch.cat(rows).tolist() == [0] * 5 + [1] * 5 + [2] * 5
    assert e.frozen.kl.sum() == 0


def test_divergence_agrees_with_torch_and_bounds_what_is_excluded():
    p, q = (torch.rand(4, 5, generator=torch.Generator().manual_seed(s)).double() for s in (0, 1))
    p, q = p / p.sum(1, keepdim=True), q / q.sum(1, keepdim=True)
    expected = torch.distributions.kl_divergence(torch.distributions.Categorical(p), torch.distributions.Categorical(q))
    assert torch.allclose(divergence(p, q).double(), expected, atol=1e-6)
    assert divergence(torch.tensor([[1.0, 0.0]]), torch.tensor([[0.0, 1.0]])).item() == pytest.approx(27.631, abs=1e-3)


def test_multi_label_lists_of_unequal_length_and_nan_are_named():
    x = images(2)
    with pytest.raises(RegardError, match="multi-label"):
        exclusion(lambda y: torch.full((len(y), 3), 0.9), x, random_map(2), x)
    with pytest.raises(RegardError, match="one map"):
        exclusion(constant_prediction, x, random_map(1), x)
    map = random_map(2)
    map.values[1, 0, 0, 0] = torch.inf
    assert exclusion(constant_prediction, x, map, x, steps=2).recomputed.flips.isnan().all(1).tolist() == [False, True]


def test_nan_from_predict_is_named():
    with pytest.raises(RegardError, match="not finite for 2 of 2"):
        exclusion(lambda y: torch.full((len(y), 2), torch.nan), images(2), random_map(2), images(2))
