"""One method's maps of a sample, with all that a metric may ask.

How maps are judged: everything that decides a number, so that a folder of results knows what it holds.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Literal

from jaxtyping import Bool, Float, Int
from torch import Tensor, nn

from regard.metrics.faithfulness import PredictAt
from regard.types import Explain, Map, Predict, RegardError


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


@dataclass(frozen=True)
class Case:
    """What is judged.

    Attributes:
        predict: images -> probabilities of the network.
        explain: images, classes -> Map, the method on this network.
        on: another network -> the same method on it.
        network: what `on` may be given changed copies of.
        twin: a network of the same kind that was trained on shuffled labels; None where there is none.
        frozen: prediction with the map of the original image held fast; None where no map can be given.
        images: (N,C,H,W).
        classes: what is explained: the class predicted for each image (N,).
        index: of each image in its data set (N,).
        masks: where the object is; None where nobody says.
        map: the method's maps of the images.
        options: how.
    """

    predict: Predict
    explain: Explain
    on: Callable[[nn.Module], Explain]
    network: nn.Module
    twin: nn.Module | None
    frozen: PredictAt | None
    images: Float[Tensor, "N C H W"]
    classes: Int[Tensor, " N"]
    index: Int[Tensor, " N"]
    masks: Bool[Tensor, "N 1 H W"] | None
    map: Map
    options: JudgeOptions

    def few(self) -> Case:
        """The same with the first `options.again` images, but at least two."""
        n = max(self.options.again, 2)
        masks = None if self.masks is None else self.masks[:n]
        return replace(
            self,
            images=self.images[:n],
            classes=self.classes[:n],
            index=self.index[:n],
            masks=masks,
            map=Map(self.map.values[:n], self.map.unit),
        )


@dataclass(frozen=True)
class Measure:
    """One number an image, and what stands beside it.

    Attributes:
        key: its name for programs.
        label: its name for people.
        meaning: one sentence.
        values: (N,), NaN where undefined.
        floors: label -> values (N,) that a map without information has; the first one is what differences are to.
        better: which way is better, if one is.
        controls: label -> value that shows what fools the measure.
        undefined: why values are NaN.
    """

    key: str
    label: str
    meaning: str
    values: Float[Tensor, " N"]
    floors: Mapping[str, Float[Tensor, " N"]]
    better: Literal["higher", "lower"] | None = None
    controls: Mapping[str, float] | None = None
    undefined: str = "map not finite"
