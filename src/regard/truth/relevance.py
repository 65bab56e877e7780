"""The true relevance of an image's patches: what each that was bought is worth to the predicted class.

The value of a set of bought patches is the probability of the class while these patches show the image and the other
bought ones another image's pixels, the mean over `DONORS` images. Patches that were not bought cannot change it, which
is proved for every network (`changed_outputs`), so their relevance is 0 exactly.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Bool, Float
from scipy.stats import rankdata
from torch import Tensor

from regard.models import GlanceClassifier
from regard.truth.maps import TrueMap
from regard.truth.network import Held, held_maps
from regard.truth.shapley import shapley
from regard.types import RegardError

DONORS = 3
LEAST_EFFECT = 0.2
"""Of an image that is graded: how far the class's probability rises at least with what was bought."""
_ROBUST = 3
"""Images of a world whose truth is found again with another replacement."""
_BATCH = 256


@dataclass(frozen=True)
class TrueRelevance:
    """One image that is graded.

    Attributes:
        row: its number.
        map: what was bought (1,1,h,w), 1 or 0.
        target: the predicted class.
        true: Shapley values.
        error: their largest standard error.
        effect: their sum, what was bought raises the probability by.
        robust: agreement (`agreements`) of the truth where black stands in for what is not shown; NaN where it was not
            computed.
    """

    row: int
    map: Float[Tensor, "1 1 h w"]
    target: int
    true: TrueMap
    error: float
    effect: float
    robust: float


def true_relevance(
    model: GlanceClassifier, images: Float[Tensor, "M C H W"], count: int, *, seed: int, least: float = LEAST_EFFECT
) -> list[TrueRelevance]:
    """The truth of the first ``count`` images, in an order by the seed, whose effect is ``least`` or more."""
    maps = held_maps(model, images)
    classes = torch.cat([model.predict(part).argmax(1) for part in images.split(200)])
    order = torch.randperm(len(images), generator=torch.Generator().manual_seed(seed)).tolist()
    donors = images[order[:DONORS]]
    found: list[TrueRelevance] = []
    for row in order[DONORS:]:
        if len(found) == count:
            break
        map, target = maps[row : row + 1], int(classes[row])
        held, bought = Held(model, map), map[0, 0] > 0
        game = patch_game(held, images[row], target, donors)
        k = int(bought.sum())
        none, all_ = game(torch.tensor([[False] * k, [True] * k])).tolist()
        if all_ - none < least:
            continue
        solved = shapley(game, k, seed=seed)
        values, robust = torch.zeros(bought.shape), float("nan")
        values[bought] = solved.values
        if len(found) < _ROBUST:
            black = shapley(patch_game(held, images[row], target, torch.zeros_like(donors[:1])), k, seed=seed)
            other = torch.zeros(bought.shape)
            other[bought] = black.values
            size = (images.shape[2], images.shape[3])
            robust = float(agreements(TrueMap(other, bought).pixels(size), TrueMap(values, bought))[0])
        found.append(TrueRelevance(row, map, target, TrueMap(values, bought), solved.error, all_ - none, robust))
    return found


def patch_game(
    held: Held, image: Float[Tensor, "C H W"], target: int, donors: Float[Tensor, "D C H W"]
) -> Callable[[Bool[Tensor, "n k"]], Float[Tensor, " n"]]:
    """The game of the bought patches: which show the image (n,k) -> probability of a class (n,), mean over donors."""
    patches = held.bought[0, 0] > 0
    where = patches.flatten().nonzero()[:, 0]
    scale = image.shape[1] // patches.shape[0]

    def value(sets: Bool[Tensor, "n k"]) -> Float[Tensor, " n"]:
        shown = torch.zeros(len(sets), patches.numel(), dtype=torch.bool)
        shown[:, where] = sets
        total = torch.zeros(len(sets))
        for part in torch.arange(len(sets)).split(_BATCH):
            mask = shown[part].view(-1, 1, *patches.shape).repeat_interleave(scale, 2).repeat_interleave(scale, 3)
            for donor in donors:
                total[part] += held.predict(torch.where(mask, image, donor))[:, target]
        return total / len(donors)

    return value


def agreements(maps: Float[Tensor, "M 1 H W"], truth: TrueMap) -> Float[Tensor, " M"]:
    """How well the order of a map's pixels sorts the true relevance (M,): 1 as the truth, 0 at random, -1 reversed.

        sum over pixels of (rank - mean rank) relevance, as a share of the same sum of the truth's own ranks

    It is the gap of deletion in both orders that a map would have if relevance were additive. Tied pixels share a rank.

    Raises:
        RegardError: maps of a size that is no whole multiple of the truth's grid.
    """
    size = (maps.shape[2], maps.shape[3])
    if size[0] % truth.patches.shape[0] or size[1] % truth.patches.shape[1]:
        raise RegardError(
            f"maps of {size} pixels, patches on a grid of {tuple(truth.patches.shape)}; give whole patches"
        )
    exact = truth.pixels(size)
    relevance = exact.flatten().double()
    every = torch.cat([maps, exact]).flatten(1)
    ranks = torch.from_numpy(rankdata(every.numpy(), axis=1))
    sums = ((ranks - ranks.mean(1, keepdim=True)) * relevance).sum(1)
    return (sums[:-1] / sums[-1]).float()


def cue_share(truth: TrueMap, place: int) -> float:
    """Share of the positive relevance that the mark's patch has; NaN without a mark, or where it was not bought."""
    positive = truth.patches.flatten().clamp_min(0)
    if place < 0 or not bool(truth.bought.flatten()[place]):
        return float(np.nan)
    return float(positive[place] / positive.sum())
