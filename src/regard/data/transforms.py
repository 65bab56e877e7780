"""Transforms of torchvision (``torchvision.transforms.v2``) and of one's own, of images and all that lies on them.

What a transform does to a sample is a function of (seed, epoch, sample index) alone, as in `regard.data.augment`: the
generators of torch, numpy and Python are set for each sample, and are afterwards as they were.

Caveats of torchvision 0.29: ``KeyPoints`` are mirrored as numbers of pixels (width - 1 - x) and otherwise moved as
coordinates, so that points travel here as boxes without area; and RandAugment, TrivialAugmentWide and AutoAugment turn,
shear and shift the image alone, so that each such step is repeated on what lies on it.
"""

from __future__ import annotations

import difflib
import importlib
import inspect
import json
import os
import random
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from functools import lru_cache
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torchvision import tv_tensors
from torchvision.transforms import v2

from regard.data.crops import visible_parts
from regard.data.random_counter import hashes
from regard.types import Batch, RegardError

_Sample = dict[str, Any]
"""``image``, and where the batch has them ``mask``, ``box``, ``parts`` and ``fixations``: tensors of torchvision."""
TRUSTED = "REGARD_TRUST_MODULES"
"""Environment variable: modules whose callables a recipe may name. A recipe alone runs no code."""
_STREAM = 103
_SEED_BITS = 2**31 - 1
_AUTO = (v2.RandAugment, v2.TrivialAugmentWide, v2.AutoAugment)
_GEOMETRIC = frozenset({"ShearX", "ShearY", "TranslateX", "TranslateY", "Rotate"})
_IMAGE_ALONE = ("AugMix",)
"""Mixes images that were moved differently, so that nothing lies at one place afterwards."""
_ONE_IMAGE = "it does not give one image with what lies on it; leave it out"
_REFUSED = dict.fromkeys(
    ("MixUp", "CutMix", "FiveCrop", "TenCrop", "RandomIoUCrop", "ToPILImage", "SanitizeBoundingBoxes"), _ONE_IMAGE
) | {"RandomErasing": "it leaves masks as they are; set augment.erase, which does not"}


def check_transforms(specs: Sequence[Any]) -> None:
    """Raises RegardError for a transform that there is not, or one that does not take its options."""
    for spec in specs:
        _transform(_key(spec), 32, 32)


def transform_batch(batch: Batch, specs: Sequence[Any], *, seed: int, epoch: int) -> Batch:
    """The batch of this epoch with every sample transformed.

    Fixations and parts that leave the image become missing; a box is cut at the border.

    Args:
        batch: images (B,3,H,W) in [0,1] and what lies on them, in pixels.
        specs: in their order; each the name of a class of ``torchvision.transforms.v2``, ``{NAME: {OPTION: VALUE}}``,
            or ``module:name`` of a callable from a dict of tensors to another. ``size`` is the image's where it is not
            given.
        seed: of the run.
        epoch: of the run.

    Raises:
        RegardError: see `check_transforms`; a transform fails, changes the image's size, or cannot be applied to flow.
    """
    height, width = (int(side) for side in batch.images.shape[-2:])
    if batch.flow is not None:
        raise RegardError("augment.transforms: clips come with flow, which no transform moves; leave transforms out")
    if batch.masks is not None and batch.masks.shape[-2:] != batch.images.shape[-2:]:
        raise RegardError(f"augment.transforms: masks are {tuple(batch.masks.shape[-2:])}, images {(height, width)}")
    chain = [(str(_name(spec)), _transform(_key(spec), height, width)) for spec in specs]
    keys = (hashes(batch.index.cpu(), seed=seed, epoch=epoch, stream=_STREAM) % _SEED_BITS).tolist()
    samples = []
    with _own_generators():
        for row, key in enumerate(keys):
            torch.manual_seed(key)
            random.seed(key)
            np.random.seed(key)  # noqa: NPY002 - a callable of the user may draw from it
            sample = _sample(batch, row)
            for name, transform in chain:
                sample = _apply(name, transform, sample, int(batch.index[row]))
            samples.append(sample)
    return _joined(batch, samples, chain)


def _key(spec: Any) -> str:
    try:
        return json.dumps(spec, sort_keys=True)
    except TypeError:
        raise RegardError(f"augment.transforms: {spec!r} is not NAME or {{NAME: {{OPTION: VALUE}}}}") from None


def _name(spec: Any) -> Any:
    return next(iter(spec)) if isinstance(spec, dict) and len(spec) == 1 else spec


@lru_cache(maxsize=64)
def _transform(key: str, height: int, width: int) -> Callable[[_Sample], _Sample]:
    spec = json.loads(key)
    name, options = _name(spec), spec[_name(spec)] if isinstance(spec, dict) and len(spec) == 1 else {}
    if not isinstance(name, str) or not isinstance(options := options or {}, dict):
        raise RegardError(f"augment.transforms: {spec!r} is not NAME or {{NAME: {{OPTION: VALUE}}}}")
    kind = _own(name) if ":" in name else _theirs(name)
    if inspect.isclass(kind):
        parameters = inspect.signature(kind).parameters
        if "size" in parameters and parameters["size"].default is inspect.Parameter.empty:
            options = {"size": [height, width]} | options
    elif not options:
        return kind
    try:
        made = kind(**options)
    except (TypeError, ValueError) as error:
        raise RegardError(f"augment.transforms: {name}: {' '.join(str(error).split())}") from None
    if not callable(made):
        raise RegardError(f"augment.transforms: {name} gives {type(made).__name__}, which cannot be called")
    return made


def _theirs(name: str) -> Any:
    known = [other for other, kind in vars(v2).items() if inspect.isclass(kind) and issubclass(kind, torch.nn.Module)]
    if name in _REFUSED:
        raise RegardError(f"augment.transforms: {name}: {_REFUSED[name]}")
    if name not in known:
        near = ", ".join(difflib.get_close_matches(name, known, 3, 0.4)) or "module:name for one of your own"
        raise RegardError(f"augment.transforms: no transform {name!r} in torchvision.transforms.v2; nearest: {near}")
    return getattr(v2, name)


def _own(name: str) -> Any:
    module, _, attribute = name.partition(":")
    if module not in {part.strip() for part in os.environ.get(TRUSTED, "").split(",")}:
        raise RegardError(
            f"augment.transforms: {name}: a recipe runs code of a module only where you say that you trust it; set "
            f"{TRUSTED}={module} (several with commas)"
        )
    try:
        return getattr(importlib.import_module(module), attribute)
    except (ImportError, AttributeError, ValueError) as error:
        raise RegardError(
            f"augment.transforms: {name}: {error}; give module:name of something that can be imported from here"
        ) from None


@contextmanager
def _own_generators() -> Iterator[None]:
    python, numpy = random.getstate(), np.random.get_state()  # noqa: NPY002
    try:
        with torch.random.fork_rng(devices=[]):
            yield
    finally:
        random.setstate(python)
        np.random.set_state(numpy)  # noqa: NPY002


def _sample(batch: Batch, row: int) -> _Sample:
    canvas = (int(batch.images.shape[-2]), int(batch.images.shape[-1]))
    sample: _Sample = {"image": tv_tensors.Image((batch.images[row].cpu() * 255).round().byte())}
    if batch.masks is not None:
        sample["mask"] = tv_tensors.Mask(batch.masks[row].cpu().byte())
    if batch.boxes is not None:
        sample["box"] = tv_tensors.BoundingBoxes(batch.boxes[row, None].cpu(), format="XYXY", canvas_size=canvas)
    for name in ("parts", "fixations"):
        points: Tensor | None = getattr(batch, name)
        if points is not None:
            twice = points[row, :, :2].cpu().repeat(1, 2)
            sample[name] = tv_tensors.BoundingBoxes(twice, format="XYXY", canvas_size=canvas, clamping_mode=None)
    return sample


def _apply(name: str, transform: Callable[[_Sample], _Sample], sample: _Sample, index: int) -> _Sample:
    if name in _IMAGE_ALONE and len(sample) > 1:
        others = ", ".join(list(sample)[1:])
        raise RegardError(
            f"augment.transforms: {name} mixes images that were moved differently, so that {others} would lie nowhere; "
            "leave it out"
        )
    try:
        after = _automatic(transform, sample) if isinstance(transform, _AUTO) else transform(dict(sample))
    except Exception as error:  # of the user's own code, or of torchvision at options that do not fit the image
        raise RegardError(f"augment.transforms: {name} at sample {index}: {type(error).__name__}: {error}") from error
    if not isinstance(after, dict) or set(after) != set(sample):
        got = ", ".join(map(str, after)) if isinstance(after, dict) else type(after).__name__
        raise RegardError(f"augment.transforms: {name} gives {got}; a dict of {', '.join(sample)} is needed")
    return after


def _automatic(transform: Any, sample: _Sample) -> _Sample:
    """RandAugment and its kin: each step that moves the image moves what lies on it, too."""
    after, step = dict(sample), transform._apply_image_or_video_transform

    def both(image: Any, kind: str, *args: Any, **options: Any) -> Any:
        if kind in _GEOMETRIC:
            for name in after.keys() - {"image"}:
                after[name] = step(after[name], kind, *args, **options)
        return step(image, kind, *args, **options)

    transform._apply_image_or_video_transform = both
    try:
        after["image"] = transform(sample["image"])
    finally:
        del transform._apply_image_or_video_transform
    return after


def _joined(batch: Batch, samples: Sequence[_Sample], chain: Sequence[tuple[str, Any]]) -> Batch:
    height, width = batch.images.shape[-2:]
    device, names = batch.images.device, " and ".join(name for name, _ in chain)

    def stacked(name: str, shape: tuple[int, ...]) -> Tensor:
        parts = [torch.as_tensor(sample[name]).as_subclass(Tensor) for sample in samples]
        wrong = next((part for part in parts if tuple(part.shape) != shape), None)
        if wrong is not None:
            raise RegardError(
                f"augment.transforms: {name} is {tuple(wrong.shape)} after {names}, {shape} before: every image keeps "
                "its size (end with {RandomResizedCrop: {}} or {Resize: {}}, whose size is the image's)"
            )
        return torch.stack(parts).to(device)

    images = stacked("image", (3, height, width))
    images = images.float() / 255 if images.dtype == torch.uint8 else images.float().clamp(0, 1)
    changed: dict[str, Any] = {"images": images, "moved": None}
    if batch.masks is not None:
        changed["masks"] = stacked("mask", (1, height, width)) > 0
    if batch.boxes is not None:
        limit = torch.tensor([width, height, width, height], device=device)
        changed["boxes"] = torch.minimum(stacked("box", (1, 4))[:, 0].float().clamp(min=0), limit)
    for name in ("parts", "fixations"):
        before: Tensor | None = getattr(batch, name)
        if before is None:
            continue
        points = stacked(name, (before.shape[1], 4))[..., :2].float()
        if name == "parts":
            changed[name] = visible_parts(torch.cat([points, before[..., 2:]], -1), (height, width))
        else:
            inside = ((points >= 0) & (points < torch.tensor([width, height], device=device))).all(-1)
            changed[name] = torch.where(inside[..., None], points, torch.nan)
    return replace(batch, **changed)
