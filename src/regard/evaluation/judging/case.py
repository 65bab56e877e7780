"""One method's maps of a sample, with all that a metric may ask."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Literal

from jaxtyping import Bool, Float, Int
from torch import Tensor, nn

from regard.evaluation.judging.options import JudgeOptions
from regard.metrics.faithfulness import PredictAt
from regard.types import Explain, Map, Predict


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
