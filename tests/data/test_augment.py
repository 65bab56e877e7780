from dataclasses import replace

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from regard.data import Augmentation
from regard.data.generated.clutter import boxes_of
from regard.types import Batch, RegardError


def batch_of(n=6, size=(9, 12), seed=0):
    g = torch.Generator().manual_seed(seed)
    masks = torch.zeros(n, 1, *size, dtype=torch.bool)
    for i in range(n):
        top, left = (int(torch.randint(0, s - 2, (1,), generator=g)) for s in size)
        masks[i, 0, top : top + 3, left : left + 4] = True
    images = torch.rand(n, 3, *size, generator=g)
    images[:, :1][masks] = 2.0  # the object can be seen in the image itself
    return Batch(images, torch.zeros(n).long(), torch.arange(n) + 100 * seed, masks, boxes_of(masks))


@settings(deadline=None)
@given(
    padding=st.integers(0, 4),
    flip=st.booleans(),
    mode=st.sampled_from(["zeros", "reflect"]),
    seed=st.integers(0, 1000),
    epoch=st.integers(0, 50),
)
def test_image_mask_and_box_move_together(padding, flip, mode, seed, epoch):
    before = batch_of(seed=seed % 7)
    after = Augmentation(crop_padding=padding, flip=flip, pad_mode=mode)(before, seed=seed, epoch=epoch)
    assert torch.equal(after.images[:, :1] == 2.0, after.masks)
    assert after.images.shape == before.images.shape
    boxes = boxes_of(after.masks)
    has_area = (after.boxes[:, 2] > after.boxes[:, 0]) & (after.boxes[:, 3] > after.boxes[:, 1])
    if mode == "zeros":
        assert torch.equal(after.boxes[has_area], boxes[has_area])
        assert torch.equal(has_area, after.masks.any((1, 2, 3)))
    else:  # a mirrored piece can lie outside the box, never the other way round
        assert (boxes[has_area, :2] <= after.boxes[has_area, :2]).all()
        assert (boxes[has_area, 2:] >= after.boxes[has_area, 2:]).all()


@pytest.mark.parametrize("mode", ["reflect", "zeros"])
def test_every_crop_is_a_window_of_the_padded_image(mode):
    n, p = 400, 2
    image = torch.rand(1, 3, 5, 6)
    batch = Batch(image.expand(n, -1, -1, -1), torch.zeros(n).long(), torch.arange(n))
    after = Augmentation(crop_padding=p, flip=True, pad_mode=mode)(batch, seed=0, epoch=0)
    padded = torch.nn.functional.pad(image, (p,) * 4, mode="reflect" if mode == "reflect" else "constant")[0]
    windows = [
        w
        for y in range(5)
        for x in range(5)
        for w in (padded[:, y : y + 5, x : x + 6], padded[:, y : y + 5, x : x + 6].flip(2))
    ]
    match = torch.stack([(after.images == w).flatten(1).all(1) for w in windows])
    assert (match.sum(0) == 1).all()
    assert match.any(1).all()  # all 25 places, both ways round


def test_the_share_of_mirrored_images_is_one_half():
    n = 4000
    image = torch.rand(1, 3, 2, 3)
    batch = Batch(image.expand(n, -1, -1, -1), torch.zeros(n).long(), torch.arange(n))
    after = Augmentation(flip=True)(batch, seed=0, epoch=0)
    share = (after.images == image.flip(3)).flatten(1).all(1).float().mean()
    assert abs(share - 0.5) < 4 * 0.5 / n**0.5


FULL = Augmentation(crop_padding=2, flip=True, brightness=0.3, contrast=0.3, erase=0.5)


def test_a_sample_is_independent_of_its_batch():
    whole = batch_of(8)
    augmented = FULL(whole, seed=3, epoch=5)
    for i in (0, 3, 7):
        alone = FULL(
            Batch(*(getattr(whole, k)[i : i + 1] for k in ("images", "labels", "index", "masks", "boxes"))),
            seed=3,
            epoch=5,
        )
        assert torch.allclose(alone.images[0], augmented.images[i], atol=1e-6)
        assert torch.equal(alone.masks[0], augmented.masks[i])
        assert torch.equal(alone.boxes[0], augmented.boxes[i])


def test_epochs_and_seeds_differ():
    batch = batch_of()
    first = FULL(batch, seed=0, epoch=0).images
    assert not torch.equal(first, FULL(batch, seed=0, epoch=1).images)
    assert not torch.equal(first, FULL(batch, seed=1, epoch=0).images)
    assert torch.equal(first, FULL(batch, seed=0, epoch=0).images)


def test_off_by_default():
    batch = batch_of()
    assert Augmentation()(batch, seed=0, epoch=0) is batch


def test_the_given_batch_is_not_modified():
    batch = batch_of()
    copies = {k: v.clone() for k, v in vars(batch).items() if v is not None}
    FULL(batch, seed=0, epoch=0)
    assert all(torch.equal(getattr(batch, k), v) for k, v in copies.items())


def test_erasing_takes_the_stated_share_and_area():
    n = 1000
    images = torch.rand(n, 3, 20, 30)
    batch = Batch(images, torch.zeros(n).long(), torch.arange(n), torch.ones(n, 1, 20, 30, dtype=torch.bool))
    after = Augmentation(erase=0.4)(batch, seed=0, epoch=0)
    hole = ~after.masks
    area = hole.float().mean((1, 2, 3))
    assert abs((area > 0).float().mean() - 0.4) < 0.06
    assert area.max() < 0.36
    assert area[area > 0].min() > 0.005
    assert torch.equal(after.images[~hole.expand_as(images)], images[~hole.expand_as(images)])
    mean = images.mean((2, 3), keepdim=True).expand_as(images)
    assert torch.equal(after.images[hole.expand_as(images)], mean[hole.expand_as(images)])


def test_brightness_and_contrast_in_closed_form():
    batch = Batch(torch.rand(500, 3, 4, 4) * 0.2 + 0.4, torch.zeros(500).long(), torch.arange(500))
    bright = Augmentation(brightness=0.25)(batch, seed=0, epoch=0).images / batch.images
    assert (bright.flatten(1).amax(1) - bright.flatten(1).amin(1)).max() < 1e-5
    assert 0.75 <= bright.min() < 0.77
    assert 1.23 < bright.max() <= 1.2501
    after = Augmentation(contrast=0.5)(batch, seed=0, epoch=0).images
    assert torch.allclose(after.mean((1, 2, 3)), batch.images.mean((1, 2, 3)), atol=1e-5)
    ratio = after.flatten(1).std(1) / batch.images.flatten(1).std(1)
    assert 0.5 <= ratio.min() < 0.52
    assert 1.48 < ratio.max() <= 1.5001


def test_values_stay_in_range():
    batch = Batch(torch.rand(50, 3, 4, 4), torch.zeros(50).long(), torch.arange(50))
    after = Augmentation(brightness=1.0, contrast=1.0)(batch, seed=0, epoch=0).images
    assert after.min() >= 0
    assert after.max() <= 1


def test_an_empty_batch_passes():
    batch = batch_of(6)
    empty = Batch(*(getattr(batch, k)[:0] for k in ("images", "labels", "index", "masks", "boxes")))
    assert FULL(empty, seed=0, epoch=0).images.shape == (0, 3, 9, 12)


def test_bad_settings_are_named():
    with pytest.raises(RegardError, match=r"erase=1\.5"):
        Augmentation(erase=1.5)
    with pytest.raises(RegardError, match="crop_padding=-1"):
        Augmentation(crop_padding=-1)
    with pytest.raises(RegardError, match=r"crop_padding=9.*9x12.*at most 8"):
        Augmentation(crop_padding=9)(batch_of(), seed=0, epoch=0)


@pytest.mark.parametrize("mode", ["reflect", "zeros"])
def test_parts_move_with_their_pixels(mode):
    before = batch_of(n=40, size=(12, 16))
    corner = before.boxes[:, :2] + 0.5  # the object's first pixel
    parts = torch.stack([torch.cat([corner, torch.ones(40, 1)], 1), torch.zeros(40, 3)], 1)
    after = Augmentation(crop_padding=5, flip=True, pad_mode=mode)(replace(before, parts=parts), seed=0, epoch=1)
    x, y, visible = after.parts[:, 0].unbind(1)
    in_view = visible > 0
    assert 0 < in_view.sum() < 40  # some leave the image
    rows = in_view.nonzero()[:, 0]
    assert after.masks[rows, 0, y[rows].long(), x[rows].long()].all()
    assert (after.parts[~in_view, 0] == 0).all()
    assert (after.parts[:, 1] == 0).all()  # what was not visible does not appear


@settings(deadline=None)
@given(
    padding=st.integers(0, 4), flip=st.booleans(), mode=st.sampled_from(["zeros", "reflect"]), seed=st.integers(0, 99)
)
def test_fixations_move_with_their_pixels(padding, flip, mode, seed):
    before = batch_of(seed=seed % 7)
    n, size = len(before.images), before.images.shape[-2:]
    g = torch.Generator().manual_seed(seed)
    points = torch.rand(n, 5, 2, generator=g) * torch.tensor([size[1], size[0]])
    points[:, 0] = points[:, 0].floor()  # a whole number is a pixel's left edge, and inside it
    points[:, 4] = torch.nan
    marked = torch.arange(n * 3 * size[0] * size[1]).reshape(before.images.shape).float() + 1  # every pixel differs
    before = replace(before, images=marked, fixations=points)
    after = Augmentation(crop_padding=padding, flip=flip, pad_mode=mode)(before, seed=seed, epoch=1)

    def under(batch, b, k):
        x, y = batch.fixations[b, k].long().tolist()
        return batch.images[b, 0, y, x].item()

    for b in range(n):
        assert after.fixations[b, 4].isnan().all()
        for k in range(4):
            if after.fixations[b, k].isnan().any():
                assert padding > 0
                if mode == "zeros":
                    assert not (after.images[b, 0] == under(before, b, k)).any()  # the pixel is gone
            else:
                assert under(after, b, k) == under(before, b, k)
    assert padding or not after.fixations[:, :4].isnan().any()
