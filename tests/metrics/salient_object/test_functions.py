"""Values worked out by hand, errors, and what is undefined."""

import math

import numpy as np
import pytest
import torch
from scipy.ndimage import distance_transform_edt
from tests.metrics.salient_object.cases import noise

from regard.metrics import salient_object as so
from regard.metrics.salient_object.curves import adaptive_threshold
from regard.metrics.salient_object.kernels import level_histogram, structure_sums, weighted_sums
from regard.metrics.salient_object.s_measure import structure_by_torch
from regard.metrics.salient_object.weighted_f import nearest_object, weighted_by_torch
from regard.types import RegardError

G = torch.tensor([[0.0, 0, 0, 0], [0, 1, 2, 0], [0, 2, 4, 1], [0, 0, 1, 0]], dtype=torch.float64).reshape(1, 1, 4, 4)
MASK = torch.zeros(1, 1, 4, 4, dtype=torch.bool)
MASK[..., 1:3, 1:3] = True


def test_known_values():
    assert so.mae(G / 4, MASK).item() == pytest.approx(0.140625, abs=1e-12)
    assert so.max_f(G / 4, MASK).item() == pytest.approx(0.9285714286, abs=1e-9)
    assert so.mean_f(G / 4, MASK).item() == pytest.approx(0.7065127369, abs=1e-9)
    assert so.adaptive_threshold(G / 4).item() == pytest.approx(0.34375, abs=1e-12)
    assert so.adaptive_f(G / 4, MASK).item() == pytest.approx(0.9285714286, abs=1e-9)


def test_a_perfect_prediction():
    scores = so.salient_object_scores(MASK.double(), MASK)
    assert scores["mae"].item() == 0
    for name in ("max_f", "adaptive_f", "weighted_f", "s"):
        assert scores[name].item() == pytest.approx(1, abs=1e-12), name
    assert scores["max_e"].item() == pytest.approx(16 / 15, abs=1e-12)  # by the authors' N - 1
    assert scores["mean_f"].item() == pytest.approx((255 + 1.3 * 0.25 / (0.3 * 0.25 + 1)) / 256, abs=1e-12)


def test_single_functions_equal_the_joint_scores():
    prediction = torch.from_numpy(noise((3, 1, 20, 15), 1))
    masks = torch.from_numpy(noise((3, 1, 20, 15), 2) > 0.6)
    scores = so.salient_object_scores(prediction, masks)
    single = {
        "max_f": so.max_f,
        "mean_f": so.mean_f,
        "adaptive_f": so.adaptive_f,
        "weighted_f": so.weighted_f,
        "mae": so.mae,
        "s": so.s_measure,
        "max_e": so.max_e,
        "mean_e": so.mean_e,
        "adaptive_e": so.adaptive_e,
    }
    assert set(single) == set(scores) == set(so.SALIENT_OBJECT_METRICS)
    for name, function in single.items():
        assert torch.equal(function(prediction, masks), scores[name]), name


def test_empty_masks_are_undefined_only_for_f_and_are_counted():
    masks = torch.stack([MASK[0], torch.zeros_like(MASK[0])])
    scores = so.salient_object_scores((G / 4).expand(2, -1, -1, -1), masks)
    undefined = {name for name, value in scores.items() if value[1].isnan()}
    assert undefined == {"max_f", "mean_f", "adaptive_f", "weighted_f"}
    assert not any(value[0].isnan() for value in scores.values())
    assert so.mask_conditions(masks)["empty mask"].tolist() == [False, True]
    assert scores["s"][1].item() == pytest.approx(1 - (G / 4).mean().item(), abs=1e-12)


def test_the_s_measure_of_a_constant_prediction_ignores_rounding():
    """Rounding of the mean must not decide whether a quarter counts as constant."""
    masks = torch.zeros(1, 1, 30, 30, dtype=torch.bool)
    masks[..., 3:9, 3:9] = True
    near = [so.s_measure(torch.full((1, 1, 30, 30), c, dtype=torch.float64), masks).item() for c in (0.3, 0.3 + 1e-13)]
    assert near[0] == pytest.approx(near[1], abs=1e-9)


@pytest.mark.parametrize("seed", range(6))
def test_nearest_object_pixel_agrees_with_scipy(seed):
    masks = object_masks(seed)
    expected = distance_transform_edt(~masks, return_distances=False, return_indices=True)
    assert np.array_equal(nearest_object(torch.from_numpy(masks)[None])[0].numpy(), expected)


def object_masks(seed):
    """One of some sizes, with more or fewer pixels of the object."""
    shape = [(1, 7), (9, 1), (13, 18), (18, 13), (30, 30), (5, 64)][seed]
    masks = noise(shape, seed) > (0.5, 0.7, 0.9, 0.97, 0.99, 0.95)[seed]
    masks.flat[3] = True
    return masks


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize("seed", range(6))
def test_compiled_passes_and_torch_give_the_same_sums(seed, dtype):
    masks = torch.from_numpy(object_masks(seed))
    masks = torch.stack([masks, masks.flip(0), ~masks, torch.zeros_like(masks), torch.ones_like(masks)])
    x = torch.from_numpy(noise(masks.shape, seed + 50)).to(dtype)
    x[2] = x[2].round()  # ties
    x[3] = 0.3
    limits = adaptive_threshold(x[:, None])
    some = masks.flatten(1).any(1)
    compiled, plain = weighted_sums(x, masks), torch.stack(weighted_by_torch(x.double(), masks))
    assert torch.allclose(compiled[:, some], plain[:, some], rtol=0, atol=1e-11 * masks[0].numel())
    compiled, plain = structure_sums(x, masks, limits), structure_by_torch(x.double(), masks, limits)
    assert torch.allclose(compiled, plain, rtol=1e-12, atol=1e-11)
    histogram = level_histogram(x, masks)
    levels = (x * 255).long()
    for k in (0, 1):
        expected = torch.stack([torch.bincount(v[m == k], minlength=256) for v, m in zip(levels, masks, strict=True)])
        assert torch.equal(histogram[:, k], expected)


def test_images_whose_pixels_do_not_lie_in_a_row_score_alike():
    x, masks = torch.from_numpy(noise((3, 1, 12, 9), 0)), torch.from_numpy(noise((3, 1, 12, 9), 1) > 0.6)
    turned = [each.mT.contiguous().mT for each in (x, masks)]
    assert not turned[0].is_contiguous()
    for name, values in so.salient_object_scores(*turned).items():
        assert torch.equal(values, so.salient_object_scores(x, masks)[name]), name


def test_an_empty_mask_has_indices_inside_the_image():
    rows, columns = nearest_object(torch.zeros(2, 4, 5, dtype=torch.bool)).unbind(1)
    assert 0 <= rows.min() <= rows.max() < 4
    assert 0 <= columns.min() <= columns.max() < 5


def test_errors_name_what_is_wrong():
    with pytest.raises(RegardError, match=r"not logits"):
        so.mae(G, MASK)
    with pytest.raises(RegardError, match=r"differ in shape: resize the prediction"):
        so.max_f(G[..., :3] / 4, MASK)
    with pytest.raises(RegardError, match=r"masks must be bool"):
        so.s_measure(G / 4, MASK.double())
    with pytest.raises(RegardError, match=r"must be \(B,1,h,w\)"):
        so.mean_e(G[0] / 4, MASK[0])
    with pytest.raises(RegardError, match=r"must be finite"):
        so.mae(torch.full((1, 1, 4, 4), math.nan), MASK)
