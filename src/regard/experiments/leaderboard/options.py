"""What a leaderboard measures, and on what."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from regard.backbones import nearest
from regard.explain import METHODS, check_options
from regard.types import RegardError


@dataclass(frozen=True)
class LeaderboardOptions:
    """What is measured of every network; everything here decides a number.

    Attributes:
        data: a folder of images, by class for the accuracy, or a data set's name; its boxes or masks say where objects
            are.
        gaze: a data set with fixations (`regard data list`); None measures no agreement with people.
        gaze_options: of that data set, and its folder as ``root``.
        methods: of explaining.
        method_options: method -> its options.
        learn_from: a folder of images for methods that learn once; by default 256 training images of the data.
        images: of the data that are judged.
        gaze_images: test images with gaze at most, and as many training images that say how maps are read.
        shots: training images of each class for the accuracy; 0 takes all.
        steps: points of a removal curve minus one.
        seed: of the choice of images, floors, intervals and untrained weights.
    """

    data: str
    gaze: str | None = None
    gaze_options: Mapping[str, Any] = field(default_factory=dict)
    methods: tuple[str, ...] = ("grad_cam",)
    method_options: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    learn_from: str | None = None
    images: int = 50
    gaze_images: int = 100
    shots: int = 0
    steps: int = 10
    seed: int = 0

    def __post_init__(self) -> None:
        for method in (*self.methods, *self.method_options):
            if method not in METHODS:
                raise RegardError(f"no method {method!r}; nearest: {nearest(method, METHODS)}")
        if not self.methods or len(set(self.methods)) < len(self.methods):
            raise RegardError(f"methods {', '.join(self.methods) or 'none'}: name each once, at least one")
        for method, options in self.method_options.items():
            check_options(method, options)
        if min(self.images, self.gaze_images) < 2 or self.shots < 0 or self.steps < 1:
            raise RegardError(
                f"images={self.images}, gaze_images={self.gaze_images}, shots={self.shots}, steps={self.steps}: at "
                "least two images, no negative number of examples and one step are needed"
            )
