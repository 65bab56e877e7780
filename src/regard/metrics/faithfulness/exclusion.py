"""Pixel exclusion: what is outside the attended region becomes another image's. Does the prediction stay?"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor

from regard.metrics.faithfulness.paths import map_conditions
from regard.metrics.predicting import distribution, in_batches
from regard.metrics.ranking import nearest_counts, removal_order
from regard.types import Images, Map, PerImage, Predict, RegardError, as_map

PredictAt = Callable[[Tensor, Tensor], Tensor]
"""images (n,C,H,W) and which of the original images each was made from (n,) -> probabilities (n,classes)."""


@dataclass(frozen=True)
class Effect:
    """What exclusion did to the prediction (B,T): ``flips`` is 1 where the most probable class changed, else 0; ``kl``
    is KL(prediction of the image || prediction of the changed image), nats.
    """

    flips: Float[Tensor, "B T"]
    kl: Float[Tensor, "B T"]


@dataclass(frozen=True)
class Exclusion:
    """Effects over the attended share.

    Attributes:
        shares: share of pixels that stay the image's own, 0 to 1 (B,T); points repeat where a tie group is large.
        recomputed: the network sees the changed image and is free to look elsewhere.
        frozen: it keeps the map of the unchanged image; None where no map can be given to it.
    """

    shares: Float[Tensor, "B T"]
    recomputed: Effect
    frozen: Effect | None


@torch.no_grad()
def exclusion(
    predict: Predict,
    images: Images,
    map: Map | Tensor,
    others: Images,
    *,
    frozen: PredictAt | None = None,
    steps: int = 10,
    batch_size: int = 64,
) -> Exclusion:
    """Keep the most attended pixels, put another image's in place of all others, and predict again.

    A gate that excludes with a frozen map cannot flip once the attended region covers what it reads; what remains with
    the map recomputed is what the map itself was misled by. At share 0 the image is the other one, at 1 its own.

    Args:
        predict: images -> probabilities, one distribution per image.
        images: (B,C,H,W) in [0,1].
        map: one map per image, on any grid; tie groups stay or go whole.
        others: what stands outside (B,C,H,W), usually `images[controls.derangement(B)]`.
        frozen: prediction with the map of the original image held fast.
        steps: equal shares aimed at, T - 1; each is moved to the nearest end of a tie group.
        batch_size: images predicted at once.

    >>> left = lambda x: torch.stack([x[:, 0, 0, 0], 1 - x[:, 0, 0, 0]], 1)
    >>> looked = Map(torch.tensor([[[[1.0, 0.0]]]]), "gate")
    >>> e = exclusion(left, torch.ones(1, 3, 1, 2), looked, torch.zeros(1, 3, 1, 2), steps=2)
    >>> e.shares.tolist(), e.recomputed.flips.tolist()
    ([[0.0, 0.5, 1.0]], [[1.0, 0.0, 0.0]])
    """
    map = as_map(map)
    if images.shape != others.shape or len(map.values) != len(images):
        raise RegardError(
            f"exclusion: {tuple(images.shape)} images, {tuple(others.shape)} others, {len(map.values)} maps; "
            "give each image another image of its size and one map"
        )
    if min(steps, batch_size) < 1:
        raise RegardError(f"exclusion: steps={steps}, batch_size={batch_size}; both must be at least 1")
    before = distribution(in_batches(predict, images, batch_size), len(images))
    order = removal_order(map, (images.shape[2], images.shape[3])).to(images.device)
    counts = nearest_counts(order, steps)
    finite = ~map_conditions(map)["map not finite"].to(before.device)[:, None]

    def effect(at: PredictAt) -> Effect:
        flips, kl = [], []
        rows = torch.arange(len(images), device=images.device).repeat_interleave(steps + 1)
        for part in torch.arange(len(rows), device=images.device).split(batch_size):
            row = rows[part]
            own = (order[row] <= counts.flatten()[part, None]).view(-1, 1, *images.shape[2:])
            after = distribution(at(torch.where(own, images[row], others[row]), row), len(row))
            was = before[row.to(before.device)]
            flips.append((was.argmax(1) != after.argmax(1)).float())
            kl.append(divergence(was, after))
        nan = torch.full((len(images), steps + 1), torch.nan, device=before.device)
        both = (torch.cat(values).view_as(nan) if values else nan for values in (flips, kl))
        return Effect(*(torch.where(finite, v, nan) for v in both))

    recomputed = effect(lambda x, _: predict(x))
    return Exclusion(counts / order.shape[1], recomputed, None if frozen is None else effect(frozen))


def divergence(p: Float[Tensor, "B n"], q: Float[Tensor, "B n"]) -> PerImage:
    """KL(p || q) in nats a row; q is kept from 0 by 1e-12, so that a class q excludes costs up to 27.6 nats.

    >>> divergence(torch.tensor([[0.5, 0.5]]), torch.tensor([[0.5, 0.5]])).item()
    0.0
    """
    p, q = p.double(), q.double()
    return (torch.special.xlogy(p, p) - p * q.clamp_min(1e-12).log()).sum(1).clamp_min(0).float()
