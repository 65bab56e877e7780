"""What a judgement is made of: its options, one method's maps with everything a metric needs, and a measure."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Literal

from jaxtyping import Bool, Float, Int
from torch import Tensor, nn

from regard.judge.learned import RemovalLearner
from regard.metrics.faithfulness import PredictAt
from regard.types import Explain, Map, Predict, RegardError


@dataclass(frozen=True)
class JudgeOptions:
    """Methods, metrics and settings; everything here but batches decides a number.

    Attributes:
        methods: names of ``regard.explain.METHODS``.
        metrics: names of ``METRICS``.
        images: how many images are judged.
        again: how many of them are used by metrics that explain changed images or networks, which cost most.
        steps: points of a deletion or exclusion curve minus one.
        draws: perturbations per image for infidelity; a fifth of them for sensitivity.
        stages: parts of the network at which parameters are randomised, from the output to the image.
        batch_size: images in one forward; it bounds the memory.
        layer: for methods that explain one layer; None is the model's default.
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
            raise RegardError(
                f"images={self.images}: at least 2 are needed, since each is filled with another's pixels"
            )
        if min(self.again, self.steps, self.draws, self.stages, self.batch_size) < 1:
            raise RegardError(f"again, steps, draws, stages and batch_size must be at least 1: {self}")

    def fixed(self) -> dict[str, Any]:
        """What must be the same for results to stand in one table: all but methods, metrics and batch size."""
        free = ("methods", "metrics", "batch_size")
        return {name: value for name, value in vars(self).items() if name not in free}

    def requested(self) -> dict[str, tuple[str, ...]]:
        """The names of methods and metrics."""
        return {"methods": self.methods, "metrics": self.metrics}


@dataclass(frozen=True)
class Case:
    """One method's maps of a sample, with everything that a metric needs."""

    predict: Predict  # images -> probabilities of the network
    explain: Explain  # images, classes -> Map, the method on this network
    on: Callable[[nn.Module], Explain]  # another network -> the same method on it
    network: nn.Module  # `on` takes changed copies of it
    twin: nn.Module | None  # a network of the same kind that was trained on shuffled labels
    frozen: PredictAt | None  # prediction with the original images' maps; None where no map can be imposed
    images: Float[Tensor, "N C H W"]
    classes: Int[Tensor, " N"]  # predicted for each image, and explained
    index: Int[Tensor, " N"]  # of each image in its data set
    masks: Bool[Tensor, "N 1 H W"] | None  # where the object is; None where the data has none
    map: Map  # the method's maps of the images
    options: JudgeOptions
    learner: RemovalLearner | None = None  # what metrics learn first; None where nothing is given to learn from

    def few(self) -> Case:
        """The same with the first `options.again` images, but at least two."""
        first = slice(max(self.options.again, 2))
        masks, map = None if self.masks is None else self.masks[first], Map(self.map.values[first], self.map.unit)
        images, classes, index = self.images[first], self.classes[first], self.index[first]
        return replace(self, images=images, classes=classes, index=index, masks=masks, map=map)


@dataclass(frozen=True)
class Measure:
    """One number per image, with its floors and controls."""

    key: str  # its name for programs
    label: str  # its name for people
    meaning: str  # one sentence
    values: Float[Tensor, " N"]  # NaN where undefined
    floors: Mapping[str, Float[Tensor, " N"]]  # label -> values of maps without information; the first is compared
    better: Literal["higher", "lower"] | None = None
    controls: Mapping[str, float] | None = None  # label -> value of something that the measure can be fooled by
    undefined: str = "map not finite"  # why values are NaN
