import numpy as np
import pytest
import scipy.ndimage
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from regard.metrics.localization import boxes_to_masks, dilate
from regard.types import RegardError


@settings(max_examples=30)
@given(seed=st.integers(0, 99), height=st.integers(1, 13), width=st.integers(1, 13), pixels=st.floats(0, 20))
def test_disc_is_euclidean_and_square_is_chessboard_distance(seed, height, width, pixels):
    mask = np.random.default_rng(seed).random((height, width)) < 0.1
    mask[0, -1] = True
    tensor = torch.from_numpy(mask)[None, None]
    rows, columns = np.indices((2 * 21 + 1, 2 * 21 + 1)) - 21
    for shape, near in {
        "disc": rows**2 + columns**2 <= pixels**2,
        "square": np.maximum(abs(rows), abs(columns)) <= pixels,
    }.items():
        expected = scipy.ndimage.binary_dilation(mask, near)
        assert (dilate(tensor, pixels, shape=shape)[0, 0].numpy() == expected).all()


def test_zero_pixels_change_nothing_and_an_empty_mask_stays_empty():
    mask = torch.rand(2, 1, 7, 5, generator=torch.Generator().manual_seed(0)) < 0.3
    assert torch.equal(dilate(mask, 0), mask)
    assert not dilate(torch.zeros(1, 1, 7, 5, dtype=torch.bool), 3).any()


def test_masks_of_a_batch_do_not_mix():
    mask = torch.zeros(2, 1, 9, 9, dtype=torch.bool)
    mask[0, 0, 4, 4] = True
    assert dilate(mask, 2)[0].sum() == 13
    assert not dilate(mask, 2)[1].any()


@pytest.mark.parametrize("pixels", [-1, float("nan"), float("inf")])
def test_impossible_distances_are_refused(pixels):
    with pytest.raises(RegardError, match="finite distance"):
        dilate(torch.ones(1, 1, 2, 2, dtype=torch.bool), pixels)


def test_unknown_shape_is_refused():
    with pytest.raises(RegardError, match="'disc' or 'square'"):
        dilate.__wrapped__(torch.ones(1, 1, 2, 2, dtype=torch.bool), 1, shape="star")


def test_whole_pixel_box_covers_its_pixels_in_x_then_y():
    mask = boxes_to_masks(torch.tensor([[2.0, 1.0, 5.0, 3.0]]), (4, 6))[0, 0]
    assert mask.nonzero().tolist() == [[r, c] for r in (1, 2) for c in (2, 3, 4)]


def test_box_takes_pixels_by_their_centres_and_may_reach_outside_or_be_empty():
    boxes = torch.tensor([[0.5, 0.6, 1.5, 2.0], [-9.0, -9.0, 99.0, 99.0], [3.0, 0.0, 3.0, 4.0]])
    masks = boxes_to_masks(boxes, (3, 4))[:, 0]
    assert masks[0].nonzero().tolist() == [[1, 0]]
    assert masks[1].all()
    assert not masks[2].any()


def test_nan_box_is_refused():
    with pytest.raises(RegardError, match="not finite"):
        boxes_to_masks(torch.tensor([[0.0, 0.0, float("nan"), 1.0]]), (2, 2))
