"""How maps are judged: everything that decides a number, so that a folder of results knows what it holds."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from regard.types import RegardError


@dataclass(frozen=True)
class JudgeOptions:
    """What is asked of every method alike.

    Attributes:
        methods: names of ``regard.explain.METHODS``.
        metrics: names of ``METRICS``.
        images: how many are judged.
        again: how many of these by metrics that explain changed images or changed networks, which cost most.
        steps: points of a deletion or exclusion curve, less one.
        draws: perturbations an image for infidelity; a fifth of it for sensitivity.
        stages: parts of the network at which parameters are randomised, from the output to the image.
        batch_size: images in one forward; it bounds the memory.
        layer: for methods that look at one; None is the model's default.
        method_options: method -> its own options.
        seed: of noise, floors and choice of images.
    """

    methods: tuple[str, ...]
    metrics: tuple[str, ...]
    images: int = 50
    again: int = 16
    steps: int = 10
    draws: int = 20
    stages: int = 3
    batch_size: int = 32
    layer: str | None = None
    method_options: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    seed: int = 0

    def __post_init__(self) -> None:
        if self.images < 2:
            raise RegardError(f"images={self.images}: at least 2 are needed, since each borrows another's pixels")
        if min(self.again, self.steps, self.draws, self.stages, self.batch_size) < 1:
            raise RegardError(f"again, steps, draws, stages and batch_size must be at least 1: {self}")

    def fixed(self) -> dict[str, Any]:
        """What must be the same for results to stand in one table; neither methods, metrics nor batches do."""
        loose = ("methods", "metrics", "batch_size")
        return {name: value for name, value in vars(self).items() if name not in loose}
