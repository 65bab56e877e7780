"""Transforms of torchvision and of one's own: all that lies on an image moves with it, by (seed, epoch, sample)."""

import random
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image
from torch import Tensor
from torchvision.transforms import v2

from regard.data import Augmentation, check_transforms, image_folder, loader, transform_batch
from regard.data.transforms import TRUSTED
from regard.types import Batch, RegardError

HEIGHT, WIDTH = 24, 32
OWN = "tests.data.own_transforms"


@pytest.fixture(autouse=True)
def trusted(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(TRUSTED, f"other,{OWN}, no_such_module")


def batch_of(n: int = 6, seed: int = 0) -> Batch:
    """Dark noise with a bright block of 4 x 4 pixels, its mask and box; a part and a fixation at its centre."""
    g = torch.Generator().manual_seed(seed)
    images = torch.randint(0, 60, (n, 3, HEIGHT, WIDTH), generator=g).float() / 255
    masks = torch.zeros(n, 1, HEIGHT, WIDTH, dtype=torch.bool)
    x, y = (torch.randint(5, side - 9, (n,), generator=g) for side in (WIDTH, HEIGHT))
    for k in range(n):
        masks[k, 0, y[k] : y[k] + 4, x[k] : x[k] + 4] = True
    images = torch.where(masks, torch.ones(()), images)
    boxes = torch.stack([x, y, x + 4, y + 4], 1).float()
    centre = torch.stack([x + 2, y + 2], 1).float()
    parts = torch.stack([torch.cat([centre, torch.ones(n, 1)], 1), torch.zeros(n, 3)], 1)
    fixations = torch.stack([centre, torch.full((n, 2), torch.nan)], 1)
    return Batch(images, torch.zeros(n).long(), torch.arange(n) + 10 * seed, masks, boxes, parts, fixations=fixations)


def centres(masks: Tensor) -> Tensor:
    """Of the marked pixels (B,2) as x, y."""
    return torch.stack([m[0].nonzero().float().mean(0).flip(0) + 0.5 for m in masks])


EXACT: dict[str, list[Any]] = {
    "mirrored": [{"RandomHorizontalFlip": {"p": 1.0}}],
    "upside down": [{"RandomVerticalFlip": {"p": 1.0}}],
    "turned": [{"RandomRotation": {"degrees": [180, 180]}}],
    "shifted": [{"RandomAffine": {"degrees": 0, "translate": [0.1, 0.1]}}],
    "padded and cut": [{"RandomCrop": {"padding": 3}}],
    "a chain": [{"RandomHorizontalFlip": {"p": 0.5}}, {"RandomCrop": {"padding": 2}}, "RandomVerticalFlip"],
    "twice as large": [
        {"Resize": {"size": [48, 64], "interpolation": "nearest"}},
        {"CenterCrop": {}},
    ],
}


@pytest.mark.parametrize("specs", EXACT.values(), ids=EXACT)
def test_all_that_lies_on_an_image_moves_with_it(specs: list[Any]) -> None:
    before = batch_of(12)
    for epoch in range(3):
        after = transform_batch(before, specs, seed=0, epoch=epoch)
        bright = after.images.amin(1, keepdim=True) > 0.9
        torch.testing.assert_close(bright, after.masks)
        for k in range(len(before.images)):
            rows, columns = after.masks[k, 0].nonzero(as_tuple=True)
            if not len(rows):
                assert after.parts[k, 0].tolist() == [0, 0, 0]
                continue
            box = [columns.min(), rows.min(), columns.max() + 1, rows.max() + 1]
            torch.testing.assert_close(after.boxes[k], torch.tensor(box).float())
            if len(rows) == (64 if "Resize" in specs[0] else 16):  # the whole block is in the image
                torch.testing.assert_close(after.fixations[k, 0], centres(after.masks[k : k + 1])[0])
                torch.testing.assert_close(after.parts[k, 0, :2], centres(after.masks[k : k + 1])[0])
        assert after.fixations[:, 1].isnan().all()
        assert (after.parts[:, 1] == 0).all()


def test_a_resized_crop_takes_the_points_along() -> None:
    before = batch_of(40)
    after = transform_batch(before, [{"RandomResizedCrop": {"scale": [0.3, 1.0]}}], seed=0, epoch=0)
    seen = after.fixations[:, 0].isfinite().all(1)
    assert 5 < int(seen.sum()) < 40, "some are cut off"
    assert torch.equal(seen, after.parts[:, 0, 2] > 0)
    whole = seen & (after.boxes[:, 0] > 0) & (after.boxes[:, 2] < WIDTH)
    whole &= (after.boxes[:, 1] > 0) & (after.boxes[:, 3] < HEIGHT)
    error = (after.fixations[whole, 0] - centres(after.masks[whole])).abs().amax()
    assert error < 1, "pixels of the enlarged mask are whole"
    middle = (after.boxes[whole, :2] + after.boxes[whole, 2:]) / 2
    torch.testing.assert_close(after.fixations[whole, 0], middle)


@pytest.mark.parametrize("name", ["RandAugment", "TrivialAugmentWide", "AutoAugment"])
def test_automatic_policies_move_masks_and_points_too(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    moved = 0
    for epoch in range(6):
        before = batch_of(20)
        after = transform_batch(before, [name], seed=0, epoch=epoch)
        whole = (after.masks.flatten(1).sum(1) >= 12) & after.fixations[:, 0].isfinite().all(1)
        inner = (after.boxes > 1).all(1) & (after.boxes[:, 2] < WIDTH - 1) & (after.boxes[:, 3] < HEIGHT - 1)
        whole &= inner
        assert (after.fixations[whole, 0] - centres(after.masks[whole])).abs().amax() < 1
        moved += int(((after.fixations - before.fixations)[:, 0].abs().amax(1) > 0.5).sum())
    assert moved > 5


@pytest.mark.parametrize("kind", ["ShearX", "ShearY", "TranslateX", "TranslateY", "Rotate"])
def test_an_automatic_step_moves_image_and_mask_alike(kind: str, monkeypatch: pytest.MonkeyPatch) -> None:
    space = {kind: v2.RandAugment._AUGMENTATION_SPACE[kind]}
    monkeypatch.setattr(v2.RandAugment, "_AUGMENTATION_SPACE", space)
    after = transform_batch(batch_of(20), [{"RandAugment": {"num_ops": 2, "magnitude": 6}}], seed=1, epoch=2)
    torch.testing.assert_close(after.images.amin(1, keepdim=True) > 0.9, after.masks)


CHANGES: list[list[Any]] = [
    ["TrivialAugmentWide", "RandomHorizontalFlip"],
    [{"ColorJitter": {"brightness": 0.5, "hue": 0.2}}, {"RandomPerspective": {"p": 0.8}}],
    [{"RandomResizedCrop": {}}],
    *([{f"{OWN}:Noise": {"kind": kind}}] for kind in ("torch", "numpy", "python")),
]


@pytest.mark.parametrize("specs", CHANGES, ids=repr)
def test_a_sample_depends_on_seed_epoch_and_index_alone(specs: list[Any]) -> None:
    batch = batch_of(5)
    whole = transform_batch(batch, specs, seed=3, epoch=2)
    for k in (4, 0, 2):
        one = {name: v[k : k + 1] for name, v in vars(batch).items() if isinstance(v, Tensor)}
        torch.manual_seed(k)
        alone = transform_batch(Batch(**one), specs, seed=3, epoch=2)
        assert torch.equal(alone.images[0], whole.images[k])
        torch.testing.assert_close(alone.fixations[0], whole.fixations[k], equal_nan=True)
    for seed, epoch in ((3, 3), (4, 2)):
        assert not torch.equal(transform_batch(batch, specs, seed=seed, epoch=epoch).images, whole.images)


def test_generators_are_left_as_they_were() -> None:
    specs = [{f"{OWN}:Noise": {"kind": kind}} for kind in ("torch", "numpy", "python")]
    before, numbers = torch.get_rng_state(), np.random.get_state()[1].tolist()  # noqa: NPY002
    states = []
    for epoch in (0, 1):
        random.seed(5)  # checks of types in the tests draw from this generator, too, as often each time
        transform_batch(batch_of(), [*specs, "RandAugment"], seed=0, epoch=epoch)
        states.append(random.getstate())
    assert torch.equal(before, torch.get_rng_state())
    assert np.random.get_state()[1].tolist() == numbers  # noqa: NPY002
    assert states[0] == states[1]


def test_ones_own_function_is_called_with_the_sample() -> None:
    before = batch_of()
    after = transform_batch(before, [f"{OWN}:darker"], seed=0, epoch=0)
    expected = (before.images * 255).round().byte() // 2
    assert torch.equal((after.images * 255).round().byte(), expected)
    constant = transform_batch(before, [{f"{OWN}:Noise": {"size": 0.0}}], seed=0, epoch=0)
    assert (constant.images == 0).all(), "floats are taken as they are"


def test_augmentation_takes_transforms_first() -> None:
    before, specs = batch_of(), ({"RandomVerticalFlip": {"p": 1.0}},)
    after = Augmentation(crop_padding=2, flip=True, transforms=specs)(before, seed=1, epoch=1)
    turned = transform_batch(before, specs, seed=1, epoch=1)
    expected = Augmentation(crop_padding=2, flip=True)(turned, seed=1, epoch=1)
    assert torch.equal(after.images, expected.images)
    torch.testing.assert_close(after.fixations, expected.fixations, equal_nan=True)


@pytest.mark.parametrize("workers", [1, 2])
def test_processes_that_read_give_the_same(workers: int, tmp_path: Path) -> None:
    for name in ("a", "b"):
        (tmp_path / name).mkdir()
        for k in range(6):
            pixels = np.random.default_rng(k).integers(0, 255, (20, 20, 3)).astype(np.uint8)
            Image.fromarray(pixels).save(tmp_path / name / f"{k}.png")
    split = image_folder(tmp_path, size=16).train
    augment = Augmentation(crop_padding=1, transforms=("TrivialAugmentWide", "RandomHorizontalFlip"))
    how = {"shuffle": True, "seed": 1, "epoch": 2, "augment": augment}
    here = [batch.images for batch in loader(split, 3, **how)]
    there = [batch.images for batch in loader(split, 3, num_workers=workers, **how)]
    assert all(torch.equal(a, b) for a, b in zip(here, there, strict=True))


REFUSED: dict[str, tuple[Any, str]] = {
    "unknown": ("RandomHorizontalFlop", "nearest: RandomHorizontalFlip"),
    "lower case": ("randaugment", "no transform 'randaugment'"),
    "option": ({"RandomHorizontalFlip": {"q": 1}}, "RandomHorizontalFlip: .*unexpected keyword argument 'q'"),
    "value": ({"RandomHorizontalFlip": {"p": 2}}, "RandomHorizontalFlip: .*"),
    "number": (5, r"5 is not NAME or \{NAME: \{OPTION: VALUE\}\}"),
    "two in one": ({"Grayscale": {}, "RandAugment": {}}, "is not NAME or"),
    "options that are none": ({"RandAugment": [1]}, "is not NAME or"),
    "of two images": ("MixUp", "MixUp: it does not give one image"),
    "erasing": ("RandomErasing", "RandomErasing: it leaves masks as they are; set augment.erase"),
    "several images": ("FiveCrop", "FiveCrop: it does not give one image"),
    "no module": ("no_such_module:f", "no_such_module:f: No module named"),
    "no attribute": (f"{OWN}:nothing", "has no attribute 'nothing'"),
    "cannot be called": ({f"{OWN}:NOT_CALLABLE": {"a": 1}}, "not callable"),
}


@pytest.mark.parametrize(("spec", "told"), REFUSED.values(), ids=REFUSED)
def test_what_cannot_be_made_is_named(spec: Any, told: str) -> None:
    with pytest.raises(RegardError, match=told):
        check_transforms([spec])


FAULTS: dict[str, tuple[list[Any], str]] = {
    "another size": ([{"Resize": {"size": [8, 8]}}], r"image is \(3, 8, 8\) after Resize, \(3, 24, 32\) before"),
    "smaller": ([f"{OWN}:smaller"], r"image is \(3, 23, 32\) after"),
    "no dict": (
        [f"{OWN}:image_alone"],
        "image_alone gives Image; a dict of image, mask, box, parts, fixations is needed",
    ),
    "something forgotten": ([f"{OWN}:forgetful"], "forgetful gives image; a dict of image, mask"),
    "an error": ([f"{OWN}:broken"], "broken at sample 0: ZeroDivisionError: no luck"),
    "mixed places": (["AugMix"], "AugMix mixes images that were moved differently"),
}


@pytest.mark.parametrize(("specs", "told"), FAULTS.values(), ids=FAULTS)
def test_what_goes_wrong_is_named(specs: list[Any], told: str) -> None:
    check_transforms(specs)
    with pytest.raises(RegardError, match=told):
        transform_batch(batch_of(), specs, seed=0, epoch=0)


def test_images_alone_may_be_mixed_by_augmix_and_clips_are_refused() -> None:
    batch = batch_of()
    alone = Batch(batch.images, batch.labels, batch.index)
    assert transform_batch(alone, ["AugMix"], seed=0, epoch=0).images.shape == batch.images.shape
    flow = torch.zeros(len(batch.images), 2, HEIGHT, WIDTH)
    with pytest.raises(RegardError, match="clips come with flow"):
        transform_batch(replace(alone, flow=flow), ["RandAugment"], seed=0, epoch=0)


UNTRUSTED = (
    "os:_exit",
    "subprocess:run",
    f"{OWN}.deeper:f",
    "tests:data",
    "tests.data.own_transforms2:f",
    "builtins:exec",
)


@pytest.mark.parametrize("name", UNTRUSTED)
def test_a_recipe_runs_no_code_but_that_of_modules_that_the_user_names(
    name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    for spec in (name, {name: {"status": 3}}):
        with pytest.raises(RegardError, match=rf"{TRUSTED}={name.partition(':')[0]}"):
            check_transforms([spec])
    monkeypatch.delenv(TRUSTED)
    with pytest.raises(RegardError, match=TRUSTED):
        check_transforms([f"{OWN}:darker"])
