"""Ranges of a recipe's numbers, each finite and within the bounds that are named here, and how one is refused."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import fields, is_dataclass
from typing import Any

from regard.errors import RegardError

_WHOLE = 2**31 - 1
_RANGES: dict[str, tuple[float, float]] = {
    "data.workers": (0, 1024),
    "augment.crop_padding": (0, 4096),
    "augment.brightness": (0, 1),
    "augment.contrast": (0, 1),
    "augment.erase": (0, 1),
    "augment.mixup": (0, 100),
    "augment.cutmix": (0, 100),
    "model.latent": (1, 2**20),
    "model.anchors": (2, 2**16),
    "objective.beta": (0, math.inf),
    "objective.map_beta": (0, math.inf),
    "objective.code_beta": (0, math.inf),
    "objective.kept_beta": (0, math.inf),
    "objective.codebook": (0, math.inf),
    "objective.commitment": (0, math.inf),
    "objective.smoothing": (0, 1),
    "optim.backbone_lr": (0, 1e6),
    "optim.attention_lr": (0, 1e6),
    "optim.anchors_lr": (0, 1e6),
    "optim.weight_decay": (0, 1e3),
    "optim.warmup_epochs": (0, math.inf),
    "optim.milestones": (0, math.inf),
    "train.epochs": (1, 10**6),
    "train.batch_size": (1, 2**20),
    "train.accumulate": (1, 2**16),
    "train.limit_train_batches": (1, 10**9),
    "train.limit_val_batches": (1, 10**9),
    "train.seed": (0, 2**63 - 1),
    "train.patience": (1, math.inf),
    "train.devices": (1, 1024),
    "train.nodes": (1, 2**16),
    "train.threads": (1, 1024),
    "train.views": (1, 2**16),
    "align.batch_size": (1, 2**20),
}
"""Field -> least and largest value."""
_INSIDE: dict[str, tuple[float, float]] = {
    "optim.lr": (0, 1e6),
    "optim.gamma": (0, 1000),
    "optim.clip": (0, math.inf),
    "train.ema": (0, 1),
    "align.sigma": (0, 10),
    "impose.sigma": (0, 10),
}
"""Field -> bounds that it must not reach."""
_WORDS: dict[str, tuple[str, ...]] = {"train.accelerator": ("auto", "cpu", "gpu", "cuda", "mps", "tpu")}


def refuse(broken: bool, message: str) -> None:
    """Raises the `RegardError` of a broken rule of one part of a recipe."""
    if broken:
        raise RegardError(f"recipe: {message}")


def broken_ranges(recipe: Any) -> Iterator[str]:
    """What is out of range, one sentence each, with the field, its value and what would do."""
    for name, value in _leaves(recipe):
        if isinstance(value, str):
            if name in _WORDS and value not in _WORDS[name]:
                yield f"{name} is {value!r}; use one of {', '.join(_WORDS[name])}"
            continue
        if not math.isfinite(value):
            yield f"{name} is {value}; a finite number is needed"
        elif name in _RANGES and not _RANGES[name][0] <= value <= _RANGES[name][1]:
            yield f"{name} is {value}; it must be {_words(*_RANGES[name])}"
        elif name in _INSIDE and not _INSIDE[name][0] < value < _INSIDE[name][1]:
            low, high = _INSIDE[name]
            yield f"{name} is {value}; it must be above {low:g}" + ("" if math.isinf(high) else f" and below {high:g}")
        elif name not in _RANGES and isinstance(value, int) and abs(value) > _WHOLE:
            yield f"{name} is {value}; a number of at most {_WHOLE} is needed"


def _words(low: float, high: float) -> str:
    return f"at least {low:g}" if math.isinf(high) else f"{low:g} to {high:g}"


def _leaves(part: Any, prefix: str = "") -> Iterator[tuple[str, Any]]:
    """Numbers and words of the dataclass, of those in it and of its lists; options of others are theirs to check."""
    for field in fields(part):
        value, name = getattr(part, field.name), f"{prefix}{field.name}"
        if is_dataclass(value):
            yield from _leaves(value, f"{name}.")
        else:
            for one in value if isinstance(value, list | tuple) else [value]:
                if isinstance(one, int | float | str) and not isinstance(one, bool):
                    yield name, one
