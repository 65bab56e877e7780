"""Sanity: a map that explains a network must change when the network is another one (Adebayo et al. 2018)."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from jaxtyping import Int
from torch import Tensor

from regard.metrics.consistency import explained
from regard.metrics.controls import random_like
from regard.metrics.similarity import spearman, ssim
from regard.types import Classes, Explain, Images, Map, PerImage


@dataclass(frozen=True)
class Likeness:
    """Rank correlation and structural similarity of two maps per image (B,); NaN where a map is constant."""

    spearman: PerImage
    ssim: PerImage


@dataclass(frozen=True)
class Sanity:
    """Maps of a network and of another that has not learned the same.

    Attributes:
        likeness: of the two; a map that depends on the learned parameters is near the floor.
        floor: of the first map and a random map with the second's bandwidth and values.
        same: of the first map and another image's, high where maps hardly depend on the image; None for one image.
    """

    likeness: Likeness
    floor: Likeness
    same: Likeness | None


def sanity(
    explain: Explain,
    other: Explain,
    images: Images,
    classes: Classes,
    *,
    index: Int[Tensor, " B"],
    before: Map | None = None,
    batch_size: int = 64,
    seed: int = 0,
) -> Sanity:
    """Compare the maps of one network with those of another: re-initialised, or trained on shuffled labels.

    Args:
        explain: of the network that is explained.
        other: the same method on the other network.
        images: (B,C,H,W) in [0,1].
        classes: what is explained, the same for both networks (B,).
        index: of each image in its split: with the seed it decides the floor.
        before: the first network's maps, if they are at hand.
        batch_size: images explained at once.
        seed: of the floor.

    >>> brightness = lambda x, _: Map(x.mean(1, keepdim=True), "relevance")
    >>> s = sanity(brightness, brightness, torch.rand(2, 3, 8, 8), torch.tensor([0, 0]), index=torch.arange(2))
    >>> s.likeness.spearman.round(decimals=4).tolist(), bool((s.floor.spearman < 0.5).all())
    ([1.0, 1.0], True)
    """
    own = explained(explain, images, classes, batch_size) if before is None else before
    after = explained(other, images, classes, batch_size)
    after = after.resize((own.values.shape[2], own.values.shape[3]))
    return Sanity(
        likeness=_likeness(own, after),
        floor=_likeness(own, random_like(after, index=index, seed=seed)),
        same=_likeness(own, Map(own.values.roll(1, 0), own.unit)) if len(images) > 1 else None,
    )


def _likeness(a: Map, b: Map) -> Likeness:
    grid = a.values.shape[2:]
    small = min(grid) < 3
    nothing = torch.full((len(a.values),), torch.nan, device=a.values.device)
    return Likeness(spearman(a, b).float(), nothing if small else ssim(a, b))
