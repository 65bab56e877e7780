"""Optical flow: direction, unit, and its transformation together with the image."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.data.video.files import frames

from regard.data import Augmentation, TensorSplit
from regard.data.loader import join
from regard.data.video import optical_flow
from regard.data.video.decode import REACH
from regard.types import Batch, RegardError


def on_the_square(flow, step):
    """Median flow x, y inside of the square, in pixels a frame."""
    y, x = 8 + step, 8 + 2 * step
    inside = flow[2 * step : 2 * step + 2, y + 4 : y + 12, x + 4 : x + 12].float().flatten(1)
    return inside.median(1).values * REACH * 64 / 127


def test_flow_is_in_pixels_per_frame_right_and_down_positive():
    flow = optical_flow(frames(4, velocity=(2, 1)))
    assert flow.shape == (6, 48, 64)
    for step in range(3):
        assert on_the_square(flow, step).tolist() == pytest.approx([2, 1], abs=0.3)
    assert flow[:, 40:, 50:].abs().max() <= 2  # the background rests


def test_flow_without_motion_is_zero_and_large_flow_is_clipped():
    assert not optical_flow(frames(3, velocity=(0, 0))).any()
    for velocity in ((12, 0), (0, 12)):
        flow = optical_flow(frames(3, velocity=velocity))
        assert flow.min() >= -127
        assert flow.max() <= 127


def test_flow_of_a_mirrored_clip_is_mirrored():
    drawn = frames(3)
    flow = optical_flow(drawn).float()
    mirrored = optical_flow(np.ascontiguousarray(drawn[:, :, ::-1])).float().flip(2)
    assert (mirrored[1::2] - flow[1::2]).abs().mean() < 1
    assert (mirrored[0::2] + flow[0::2]).abs().mean() < 1
    assert flow[0::2].abs().mean() > 2


def ramps(n, size):
    """Images whose values encode pixel coordinates; the flow is (.5, -.25) everywhere."""
    height, width = size
    x, y = torch.meshgrid(torch.arange(width), torch.arange(height), indexing="xy")
    images = torch.stack([x, y, x * y]).float().expand(n, -1, -1, -1)
    flow = torch.tensor([0.5, -0.25]).repeat(2)[:, None, None].expand(n, 4, *size)
    points = torch.stack([torch.arange(n) % width, torch.arange(n) % height], 1).float()[:, None] + 0.25
    return Batch(images, torch.zeros(n).long(), torch.arange(n), fixations=points, flow=flow, masks=images[:, :1] > 5)


@settings(deadline=None)
@given(
    padding=st.integers(0, 4),
    flip=st.booleans(),
    mode=st.sampled_from(["zeros", "reflect"]),
    seed=st.integers(0, 1000),
)
def test_image_mask_fixations_and_flow_move_together(padding, flip, mode, seed):
    before = ramps(5, (9, 12))
    after = Augmentation(crop_padding=padding, flip=flip, pad_mode=mode)(before, seed=seed, epoch=0)
    assert torch.equal(after.masks, (after.images[:, :1] > 5) & (after.flow[:, :1] != 0))
    for b in range(5):
        x, y = after.fixations[b, 0].tolist()
        if x == x:
            assert after.images[b, :2, int(y), int(x)].tolist() == before.fixations[b, 0].floor().tolist()
    # what moved towards larger x of the source moves to the right where x grows to the right, else to the left
    for channel, axis, speed in ((0, -1, 0.5), (1, -2, -0.25)):
        source, moved = after.images[:, channel], after.flow[:, channel]
        slope = source.diff(dim=axis)
        start = moved.narrow(axis, 0, slope.shape[axis])
        end = moved.narrow(axis, 1, slope.shape[axis])
        known = (start != 0) & (end != 0)
        assert ((start == slope * speed) | (end == slope * speed))[known].all()
    assert torch.equal(after.flow[:, :2], after.flow[:, 2:])
    assert ((after.flow != 0) | torch.tensor(mode == "zeros")).all()


def test_erasing_zeroes_flow_and_colour_changes_keep_it():
    before = ramps(40, (9, 12))
    scaled = replace(before, images=before.images / 100)
    after = Augmentation(erase=1.0, brightness=0.5)(scaled, seed=0, epoch=0)
    rest = (after.flow == 0).all(1)
    assert rest.flatten(1).any(1).all()
    assert not rest.all()
    assert torch.equal(Augmentation(brightness=0.5, contrast=0.5)(scaled, seed=0, epoch=0).flow, scaled.flow)


def test_a_photograph_joined_to_clips_has_zero_flow():
    clips = ramps(3, (9, 12))
    photographs = replace(ramps(2, (9, 12)), flow=None, masks=None)
    both = join(clips, photographs)
    assert torch.equal(both.flow[:3], clips.flow)
    assert not both.flow[3:].any()


def test_a_split_gives_flow_as_a_share_of_the_fastest():
    images = torch.zeros(2, 3, 4, 5, dtype=torch.uint8)
    flow = torch.tensor([127, -127, 0, 1], dtype=torch.int8)[None, :, None, None].repeat(2, 1, 4, 5)
    split = TensorSplit("train", ("a", "b"), images, torch.tensor([0, 1]), flow=flow)
    assert split.batch([1]).flow[0, :, 0, 0].tolist() == pytest.approx([1, -1, 0, 1 / 127])
    assert split.batch([0]).to("cpu").flow.shape == (1, 4, 4, 5)
    with pytest.raises(RegardError, match=r"flow are \(4, 4\), images \(4, 5\)"):
        replace(split, flow=flow[..., :4])
    with pytest.raises(RegardError, match="1 flow for 2 images"):
        replace(split, flow=flow[:1])
