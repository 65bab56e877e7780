import math

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import spearmanr
from skimage.metrics import structural_similarity
from tests.metrics.oracles import random_map

from regard.metrics import controls
from regard.metrics.similarity import cosine, spearman, ssim
from regard.types import Map, RegardError


def test_similarities_agree_with_scipy_and_scikit_image():
    a, b = random_map(3, 1, (9, 9)), random_map(3, 2, (9, 9))
    b.values[0] = (4 * b.values[0]).round()  # ties
    for k in range(3):
        u, v = a.values[k, 0].double().numpy(), b.values[k, 0].double().numpy()
        assert spearman(a, b)[k].item() == pytest.approx(spearmanr(u.ravel(), v.ravel()).statistic, abs=1e-6)
        scaled = [(m - m.min()) / (m.max() - m.min()) for m in (u, v)]
        assert ssim(a, b)[k].item() == pytest.approx(structural_similarity(*scaled, data_range=1.0), abs=1e-6)
        expected = torch.nn.functional.cosine_similarity(a.values[k].flatten(), b.values[k].flatten(), dim=0)
        assert cosine(a, b)[k].item() == pytest.approx(expected.item(), abs=1e-6)


def test_only_valid_positions_count():
    a, b = random_map(1, 1, (4, 4)), random_map(1, 2, (4, 4))
    valid = torch.ones(1, 1, 4, 4, dtype=torch.bool)
    valid[..., 2:] = False
    left = [Map(m.values[..., :2].contiguous(), "relevance") for m in (a, b)]
    assert torch.equal(spearman(a, b, valid=valid), spearman(*left))
    assert torch.allclose(cosine(a, b, valid=valid), cosine(*left))


def test_a_constant_map_has_a_cosine_and_no_rank_correlation():
    flat = controls.uniform_map(1, (7, 7))
    assert cosine(flat, flat).item() == pytest.approx(1)
    assert spearman(flat, flat).isnan().all()
    assert ssim(flat, flat).isnan().all()
    assert cosine(flat, Map(torch.zeros(1, 1, 7, 7), "gate")).isnan().all()


def test_other_grids_and_grids_without_structure_are_named():
    with pytest.raises(RegardError, match="one grid"):
        cosine(random_map(1), random_map(1, size=(4, 4)))
    with pytest.raises(RegardError, match="no structure"):
        ssim(random_map(1, size=(2, 2)), random_map(1, size=(2, 2)))


@settings(max_examples=30, deadline=None)
@given(seed=st.integers(0, 10_000), levels=st.integers(2, 50), scale=st.floats(1e-3, 1e3), shift=st.floats(-10, 10))
def test_similarities_are_symmetric_bounded_and_independent_of_scale(seed, levels, scale, shift):
    a, b = (Map((levels * random_map(2, seed + k).values).floor() + 1, "relevance") for k in (0, 1))
    for alike in (cosine, spearman, ssim):
        assert torch.allclose(alike(a, b), alike(b, a), atol=1e-6, equal_nan=True)
        assert (alike(a, b).nan_to_num(0).abs() <= 1 + 1e-6).all()
        assert torch.allclose(alike(a, a).nan_to_num(1).float(), torch.ones(2), atol=1e-6)
        scaled = Map(scale * b.values.double(), "relevance")
        assert torch.allclose(alike(a, scaled), alike(a, b), atol=1e-5, equal_nan=True)
    for alike in (spearman, ssim):
        moved = Map(shift + scale * b.values.double(), "relevance")
        assert torch.allclose(alike(a, moved), alike(a, b), atol=1e-4, equal_nan=True)
    turned = Map(-b.values, "relevance")
    assert torch.allclose(spearman(a, turned), -spearman(a, b), atol=1e-6, equal_nan=True)
    assert torch.allclose(cosine(a, turned), -cosine(a, b), atol=1e-6)


@pytest.mark.parametrize("value", [math.nan, math.inf])
def test_a_map_that_is_not_finite_is_undefined_and_does_not_affect_others(value):
    a, b = random_map(2, 1), random_map(2, 2)
    a.values[0, 0, 3, 3] = value
    for alike in (cosine, spearman, ssim):
        assert alike(a, b).isnan().tolist() == alike(b, a).isnan().tolist() == [True, False]
    valid = torch.ones(2, 1, 8, 8, dtype=torch.bool)
    valid[..., 3, 3] = False
    assert not cosine(a, b, valid=valid).isnan().any(), "what does not count may be anything"
    assert not spearman(a, b, valid=valid).isnan().any()


def test_no_valid_position_one_pixel_and_no_image():
    a, b = random_map(1, 1), random_map(1, 2)
    nowhere = torch.zeros(1, 1, 8, 8, dtype=torch.bool)
    assert spearman(a, b, valid=nowhere).isnan().all()
    assert cosine(a, b, valid=nowhere).isnan().all()
    one = Map(torch.tensor([[[[2.0]]]]), "bits")
    assert cosine(one, Map(-one.values, "relevance")).item() == -1
    assert spearman(one, one).isnan().all()
    for alike in (cosine, spearman, ssim):
        assert alike(random_map(0), random_map(0)).shape == (0,)


@pytest.mark.parametrize("size", [(3, 3), (4, 9), (6, 5)])
def test_small_grids_have_the_largest_odd_window_that_fits(size):
    a, b = random_map(1, 1, size), random_map(1, 2, size)
    scaled = [((m - m.min()) / (m.max() - m.min()))[0, 0].double().numpy() for m in (a.values, b.values)]
    window = min(n - 1 + n % 2 for n in size)
    expected = structural_similarity(*scaled, data_range=1.0, win_size=window)
    assert ssim(a, b).item() == pytest.approx(expected, abs=1e-6)
