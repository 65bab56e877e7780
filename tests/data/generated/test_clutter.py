import dataclasses
import time

import pytest
import torch
import torch.nn.functional as F

from regard.data import clutter
from regard.data.generated.clutter import boxes_of, digits_of_split, generate_clutter
from regard.data.generated.drawing import PHOTOGRAPHS
from regard.types import RegardError

SMALL = {"train": 60, "val": 20, "test": 30, "cache": False}


@pytest.fixture(scope="module")
def splits():
    return clutter(size=48, train=400, val=40, test=40, cache=False)


def test_splits_have_images_labels_masks_and_boxes(splits):
    s = splits.train
    assert s.images.shape == (400, 3, 48, 48)
    assert s.masks.shape == (400, 1, 48, 48)
    assert s.masks.any((1, 2, 3)).all()
    assert torch.equal(s.boxes, boxes_of(s.masks))
    assert s.labels.bincount(minlength=10).min() >= 20
    assert splits.classes == tuple("0123456789")
    assert not splits.mirror


def test_the_object_covers_the_stated_area(splits):
    s = splits.train
    dilated = F.max_pool2d(s.masks.float(), 5, 1, 2).mean()
    assert 0.12 < dilated < 0.17
    height = (s.boxes[:, 3] - s.boxes[:, 1]) / 48
    assert height.min() > 0.3
    assert height.max() < 0.6


def test_the_object_differs_from_its_background(splits):
    """Luminance inside differs from the ring around it, on average over the ring, nearly always."""
    s = splits.train
    grey = torch.einsum("bchw,c->bhw", s.images.float() / 255, torch.tensor([0.299, 0.587, 0.114]))[:, None]
    mask = s.masks.float()
    ring = F.max_pool2d(mask, 9, 1, 4) - F.max_pool2d(mask, 3, 1, 1)
    inside = (grey * mask).sum((1, 2, 3)) / mask.sum((1, 2, 3))
    around = (grey * ring).sum((1, 2, 3)) / ring.sum((1, 2, 3))
    contrast = (inside - around).abs()
    assert contrast.median() > 0.25
    assert (contrast > 0.1).float().mean() > 0.95
    assert 0.35 < (inside > around).float().mean() < 0.65  # brightness alone does not identify the object


def core(split):
    """Pixels well inside the strokes, beyond their soft edge, as a mask of all values."""
    return (-F.max_pool2d(-split.masks.float(), 5, 1, 2) > 0).expand_as(split.images)


def same_ink(a, b):
    """Equal but for the few thin places where a coarse digit's stroke does not cover a pixel fully."""
    return ((a.int() - b.int()).abs() <= 2).float().mean() > 0.95


def test_the_strokes_are_one_colour():
    s = clutter(size=96, train=20, val=1, test=1, side=(0.42, 0.6), cache=False).train
    for image, inside in zip(s.images, core(s), strict=True):
        pixels = image[inside].view(3, -1).float()
        assert pixels.shape[1] > 20
        assert pixels.std(1).max() < 1


def test_an_image_depends_only_on_seed_split_and_index():
    few, many = (generate_clutter("test", n, 32, 4, 4, 3, (0.36, 0.5)) for n in (7, 600))
    for name in few:
        assert torch.equal(few[name], many[name][:7])
    other = generate_clutter("test", 7, 32, 5, 5, 3, (0.36, 0.5))
    assert not torch.equal(other["images"], few["images"])
    assert not torch.equal(generate_clutter("val", 7, 32, 4, 4, 3, (0.36, 0.5))["labels"], few["labels"])


def test_another_background_keeps_the_glyphs(splits):
    other = clutter(size=48, train=400, val=40, test=40, background_seed=1, cache=False)
    a, b = splits.train, other.train
    assert torch.equal(a.labels, b.labels)
    assert torch.equal(a.masks, b.masks)
    inside = core(a)
    assert inside.any()
    assert same_ink(a.images[inside], b.images[inside])
    outside = ~F.max_pool2d(a.masks.float(), 3, 1, 1).bool().expand_as(a.images)
    changed = (a.images.int() - b.images.int()).abs() > 8
    assert changed[outside].float().mean() > 0.6
    default = clutter(size=48, train=20, val=2, test=2, background_seed=0, cache=False)
    assert torch.equal(default.train.images, a.images[:20])


def test_digits_and_photographs_of_the_splits_are_different():
    for kind in (PHOTOGRAPHS, {name: digits_of_split(name)[0].flatten().tolist() for name in PHOTOGRAPHS}):
        sets = [set(kind[name]) for name in ("train", "val", "test")]
        assert all(sets)
        assert len(set.union(*sets)) == sum(map(len, sets))
    assert sum(int(digits_of_split(name)[1].sum()) for name in PHOTOGRAPHS) == 1797


def test_distractors_are_optional_and_never_cover_the_digit():
    bare, crowded = clutter(**SMALL, distractors=0), clutter(**SMALL, distractors=6)
    inside = core(crowded.train)
    assert inside.any()
    assert torch.equal(bare.train.masks, crowded.train.masks)
    assert same_ink(bare.train.images[inside], crowded.train.images[inside])
    assert (bare.train.images != crowded.train.images).float().mean() > 0.1


@pytest.mark.parametrize("size", [16, 33, 96])
def test_any_size(size):
    s = clutter(size=size, train=12, val=1, test=1, cache=False).train
    assert s.images.shape == (12, 3, size, size)
    assert 0.03 < s.masks.float().mean() < 0.2
    assert (s.boxes[:, 2:] <= size).all()


def test_the_cache_returns_the_same(tmp_path, monkeypatch):
    monkeypatch.setenv("REGARD_CACHE", str(tmp_path))
    options = {**SMALL, "cache": True}
    first, second = clutter(**options), clutter(**options)
    fresh = clutter(**SMALL)
    for name in ("train", "val", "test"):
        for field in ("images", "labels", "masks", "boxes"):
            generated, cached, uncached = (getattr(getattr(d, name), field) for d in (first, second, fresh))
            assert torch.equal(generated, cached)
            assert torch.equal(generated, uncached)
    assert len(list(tmp_path.iterdir())) == 1
    clutter(**{**options, "seed": 1})
    assert len(list(tmp_path.iterdir())) == 2


def test_boxes_in_closed_form():
    masks = torch.zeros(3, 1, 5, 7, dtype=torch.bool)
    masks[0, 0, 2, 3] = True
    masks[1, 0, 0, 0] = masks[1, 0, 4, 6] = True
    assert boxes_of(masks).tolist() == [[3, 2, 4, 3], [0, 0, 7, 5], [0, 0, 0, 0]]


@pytest.mark.parametrize("options", [{"size": 8}, {"train": 0}, {"distractors": -1}, {"side": (0.6, 0.4)}])
def test_bad_arguments_are_named(options):
    with pytest.raises(RegardError, match=next(iter(options))):
        clutter(**{**SMALL, **options})


def test_generation_is_fast():
    """20,000 images in 10 s means 0.5 ms each; four times that here, since test machines are shared."""
    generate_clutter("train", 64, 48, 0, 0, 6, (0.36, 0.5))
    start = time.process_time()
    generate_clutter("train", 1024, 48, 0, 0, 6, (0.36, 0.5))
    assert (time.process_time() - start) / 1024 < 2e-3


def test_splits_are_frozen(splits):
    with pytest.raises(dataclasses.FrozenInstanceError):
        splits.train.images = None
