"""Splits of tensors and evenly spaced indices."""

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from regard.data import TensorSplit, evenly_spaced
from regard.data.splits import pixel_statistics
from regard.types import RegardError

CLASSES = ("a", "b", "c")


def split(n=5, **changes):
    fields = {
        "name": "train",
        "classes": CLASSES,
        "images": torch.randint(0, 256, (n, 3, 4, 6), dtype=torch.uint8),
        "labels": torch.arange(n) % 3,
        **changes,
    }
    return TensorSplit(**fields)


def test_batch_holds_the_requested_items():
    s = split(masks=torch.rand(5, 1, 4, 6) > 0.5, boxes=torch.rand(5, 4))
    batch = s.batch([3, 0, 3])
    assert torch.equal(batch.images, s.images[[3, 0, 3]].float() / 255)
    assert batch.labels.tolist() == [0, 0, 0]
    assert batch.index.tolist() == [3, 0, 3]
    assert torch.equal(batch.masks, s.masks[[3, 0, 3]])
    assert torch.equal(batch.boxes, s.boxes[[3, 0, 3]])
    assert torch.equal(s.batch(torch.tensor([1])).images, s.batch([1]).images)


def test_an_empty_batch_is_valid():
    assert split().batch([]).images.shape == (0, 3, 4, 6)


def test_items_have_names():
    assert split().item_name(2) == "train/2"
    assert split(names=tuple("vwxyz")).item_name(2) == "x"


def test_moving_to_the_same_device_copies_nothing():
    s = split()
    assert s.to("cpu") is s


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device")
def test_moving_keeps_everything():
    s = split(masks=torch.rand(5, 1, 4, 6) > 0.5, names=tuple("vwxyz"))
    moved = s.to("cuda")
    assert moved.images.device.type == moved.masks.device.type == moved.labels.device.type == "cuda"
    assert moved.boxes is None
    assert moved.names == s.names


@pytest.mark.parametrize(("value", "place"), [(3, 1), (-1, 4)])
def test_a_label_out_of_range_is_named(value, place):
    labels = torch.zeros(5, dtype=torch.long)
    labels[place] = value
    with pytest.raises(RegardError, match=rf"'train'.*label {value} of item {place}.*0 to 2"):
        split(labels=labels)


def test_multi_label_targets_are_zero_or_one():
    assert split(labels=torch.eye(3)[[0, 1, 2, 0, 1]]).batch([1]).labels.tolist() == [[0, 1, 0]]
    with pytest.raises(RegardError, match="0 or 1"):
        split(labels=torch.full((5, 3), 0.5))
    with pytest.raises(RegardError, match=r"\(5, 4\).*3 classes"):
        split(labels=torch.zeros(5, 4))


def test_float_class_indices_are_refused():
    with pytest.raises(RegardError, match="not a class index"):
        split(labels=torch.zeros(5))


def test_numbers_and_sizes_must_agree():
    with pytest.raises(RegardError, match="4 labels for 5 images"):
        split(labels=torch.zeros(4, dtype=torch.long))
    with pytest.raises(RegardError, match="2 boxes for 5 images"):
        split(boxes=torch.zeros(2, 4))
    with pytest.raises(RegardError, match=r"masks are \(4, 5\), images \(4, 6\)"):
        split(masks=torch.zeros(5, 1, 4, 5, dtype=torch.bool))


def test_statistics_are_those_of_the_pixels():
    s = split(n=700)
    mean, std = pixel_statistics(s)
    pixels = (s.images.double() / 255).transpose(0, 1).flatten(1)
    assert torch.allclose(mean.double(), pixels.mean(1), atol=1e-6)
    assert torch.allclose(std.double(), pixels.std(1, correction=0), atol=1e-6)
    few, _ = pixel_statistics(s, limit=2)
    assert torch.allclose(few, s.batch([0, 699]).images.mean((0, 2, 3)), atol=1e-6)


def test_a_constant_channel_has_zero_deviation():
    _, std = pixel_statistics(split(images=torch.full((5, 3, 4, 6), 77, dtype=torch.uint8)))
    assert std.max() < 1e-3


@given(count=st.integers(1, 3000), most=st.integers(2, 400))
def test_evenly_spaced_indices_are_ordered_and_include_both_ends(count: int, most: int) -> None:
    indices = evenly_spaced(count, most)
    assert len(indices) == min(count, most)
    assert (indices[0], indices[-1]) == (0, count - 1)
    steps = indices.diff()
    assert (steps >= 1).all()
    assert len(steps.unique()) <= 2, "as evenly as whole numbers go"


def test_evenly_spaced_indices_cover_every_class_of_a_sorted_set() -> None:
    labels = torch.arange(10).repeat_interleave(500)
    assert labels[evenly_spaced(5000, 160)].bincount().tolist() == [16] * 10
