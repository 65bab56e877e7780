"""The interpretability score: does the map stay where the prediction stays? (Lai et al. 2021)"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from jaxtyping import Float, Int
from torch import Tensor

from regard.metrics.predicting import distribution, in_batches
from regard.metrics.similarity import cosine
from regard.types import Explain, Map, Predict

THRESHOLDS = (0.85, 0.9, 0.95)


@dataclass(frozen=True)
class Consistency:
    """Maps of images and of changed images.

    Attributes:
        same: 1 where the most probable class is the same for both, else 0 (B,).
        similarity: cosine of the two maps (B,), whatever was predicted; NaN where a map is all zero.
    """

    same: Float[Tensor, " B"]
    similarity: Float[Tensor, " B"]

    def score(self, threshold: float) -> Float[Tensor, " B"]:
        """1 where the maps agree above `threshold`, else 0, NaN where the prediction changed (B,).

        Its mean is the share of attention-consistent among prediction-consistent images. A constant map has 1
        everywhere, so this never stands without a measure of faithfulness and `constant_map`'s score beside it.
        """
        agrees = (self.similarity > threshold).double()
        return torch.where((self.same == 1) & ~self.similarity.isnan(), agrees, torch.nan)


def consistency(
    predict: Predict,
    explain: Explain,
    images: Float[Tensor, "B C H W"],
    changed: Float[Tensor, "B C H W"],
    classes: Int[Tensor, " B"],
    *,
    batch_size: int = 64,
) -> Consistency:
    """Whether prediction and map survive a change, as those of `changes`.

    Args:
        predict: images -> probabilities, one distribution an image.
        explain: images, classes -> Map.
        images: (B,C,H,W) in [0,1].
        changed: the same images, a little different.
        classes: what is explained, the same class before and after (B,).
        batch_size: images predicted or explained at once.

    >>> brightness = lambda x: torch.stack([x.mean((1, 2, 3)), 1 - x.mean((1, 2, 3))], 1)
    >>> c = consistency(brightness, constant_map, torch.ones(1, 3, 4, 4), torch.rand(1, 3, 4, 4), torch.tensor([0]))
    >>> c.similarity.item()
    1.0
    """
    said = [distribution(in_batches(predict, x, batch_size), len(x)).argmax(1) for x in (images, changed)]
    alike = stability(explain, images, changed, classes, batch_size=batch_size)
    return Consistency((said[0] == said[1]).double().to(alike.device), alike)


def stability(
    explain: Explain,
    images: Float[Tensor, "B C H W"],
    changed: Float[Tensor, "B C H W"],
    classes: Int[Tensor, " B"],
    *,
    batch_size: int = 64,
) -> Float[Tensor, " B"]:
    """Cosine of the maps of `images` and `changed` (B,), whatever is predicted; a constant map has 1.

    >>> stability(constant_map, torch.rand(1, 3, 4, 4), torch.rand(1, 3, 4, 4), torch.tensor([0])).item()
    1.0
    """
    maps = [explained(explain, x, classes, batch_size) for x in (images, changed)]
    return cosine(maps[0], maps[1].resize((maps[0].values.shape[2], maps[0].values.shape[3])))


def explained(explain: Explain, images: Tensor, classes: Tensor, batch_size: int) -> Map:
    """The maps of all images, `batch_size` at a time.

    >>> explained(constant_map, torch.rand(3, 3, 4, 4), torch.zeros(3).long(), 2).values.shape
    torch.Size([3, 1, 7, 7])
    """
    parts = [explain(x, c) for x, c in zip(images.split(batch_size), classes.split(batch_size), strict=True)]
    return Map(torch.cat([part.values.detach() for part in parts]), parts[0].unit)


def constant_map(images: Float[Tensor, "B C H W"], classes: Int[Tensor, " B"]) -> Map:
    """The control: an explanation that says the same of every image, and is perfectly consistent."""
    return Map(torch.ones(len(images), 1, 7, 7, device=images.device), "relevance")
