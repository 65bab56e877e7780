"""How well observers predict each other: the ceilings of the metrics of maps against fixations.

* AUC, sAUC, NSS: the density of all other observers, scored on each observer's fixations (`leave_one_observer_out`).
* CC, SIM, KL: the density of half of the observers, scored on the density of the other half (`split_half`).
* Information gain: as AUC, with some of the centre prior mixed in (`observers_information`).

All go through the grid of the judged map (`through_grid`): a 14x14 map has the ceiling of a 14x14 map. Each half of
`split_half` has half of the data, so it is a lower bound of what all observers together would reach.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
import torch
from torch import Tensor

from regard.gaze.density import blur, fixation_counts, without
from regard.gaze.fixations import Fixations
from regard.metrics.fixation import Convention, aucs, cc, information_gain, kl_divergence, nss, sim
from regard.types import Map, RegardError

_MIT_IMAGES = 10
_PRIOR_SHARE = 0.1
_OtherFixations = Callable[[int, tuple[int, int]], Tensor]


@dataclass(frozen=True)
class Ceiling:
    """Per-image values of what observers reach.

    Attributes:
        values: metric -> (M,) float64, mean over the observers (or halves) of an image; NaN where it is undefined.
        undefined: (M,) bool, images left out because fewer than two observers looked at them.
    """

    values: dict[str, Tensor]
    undefined: Tensor


def leave_one_observer_out(
    fixations: Fixations,
    *,
    sigma: float,
    grid: tuple[int, int] | None = None,
    convention: Convention = "tuebingen",
    seed: int = 0,
) -> Ceiling:
    """AUC, sAUC and NSS of the other observers' density on each observer's fixations, mean over an image's observers.

    The density is Gaussian, taken through ``grid``; sAUC's negatives are those of `other_fixations`.

    Args:
        fixations: with at least two observers per image; images with fewer are NaN and flagged.
        sigma: of the density, image pixels.
        grid: of the judged map; None for the image's own pixels.
        convention: of the metrics.
        seed: of the MIT convention's samples.

    Raises:
        RegardError: no image has two observers.
    """
    others = other_fixations(fixations, convention=convention, seed=seed)
    return _per_image(
        fixations,
        ("auc", "sauc", "nss"),
        lambda b, size, xy, who: observers_against_others(
            xy, who, others(b, size), sigma=sigma, grid=grid, convention=convention, seed=(seed, b)
        ),
    )


def split_half(
    fixations: Fixations,
    *,
    sigma: float,
    grid: tuple[int, int] | None = None,
    repeats: int = 3,
    seed: int = 0,
    convention: Convention = "tuebingen",
) -> Ceiling:
    """CC, SIM and KL between the densities of two random halves of an image's observers, mean over ``repeats``.

    One half's density, taken through ``grid``, is the judged map, the other's the gold standard.

    Args:
        fixations: with at least two observers per image; images with fewer are NaN and flagged.
        sigma: of the densities, image pixels.
        grid: of the judged map; None for the image's own pixels.
        repeats: random halvings per image.
        seed: decides them, with the image's index.
        convention: of SIM and KL.

    Raises:
        RegardError: no image has two observers.
    """
    return _per_image(
        fixations,
        ("cc", "sim", "kl"),
        lambda b, size, xy, who: halves_against_each_other(
            xy, who, size=size, sigma=sigma, grid=grid, repeats=repeats, seed=(seed, b), convention=convention
        ),
    )


def _per_image(
    fixations: Fixations,
    metrics: tuple[str, ...],
    score: Callable[[int, tuple[int, int], Tensor, Tensor], dict[str, float]],
) -> Ceiling:
    """``score(index, size, points (n,2), observers (n,))`` of each image with at least two observers."""
    count = len(fixations.images)
    values = {name: torch.full((count,), torch.nan, dtype=torch.float64) for name in metrics}
    undefined = torch.ones(count, dtype=torch.bool)
    points, observers = fixations.points(), torch.from_numpy(fixations.observers())
    for b, (h, w) in enumerate(fixations.sizes.tolist()):
        valid = observers[b] >= 0
        xy, who = points[b, valid], observers[b, valid]
        if len(who.unique()) < 2:
            continue
        undefined[b] = False
        for name, value in score(b, (h, w), xy, who).items():
            values[name][b] = value
    if undefined.all():
        raise RegardError("a ceiling between observers needs an image with fixations of at least two of them")
    return Ceiling(values, undefined)


def observers_against_others(
    xy: Tensor,
    who: Tensor,
    others: Tensor,
    *,
    sigma: float,
    grid: tuple[int, int] | None = None,
    convention: Convention = "tuebingen",
    seed: tuple[int, ...] = (0,),
) -> dict[str, float]:
    """`leave_one_observer_out` of one image with at least two observers: auc, sauc, nss.

    Args:
        xy: (n,2) fixations in image pixels.
        who: (n,) index of the observer of each.
        others: (1,1,H,W) counts of other images' fixations on this image's pixels, see `sauc`.
        sigma: of the density, image pixels.
        grid: of the judged map; None for the image's own pixels.
        convention: of the metrics.
        seed: of the MIT convention's samples.
    """
    size = (others.shape[-2], others.shape[-1])
    points, maps = _each_against_rest(xy, who, size, sigma=sigma, grid=grid)
    ranked = aucs(maps, points, others, own_included=False, judd=False, convention=convention, seed=seed)
    out = {"auc": ranked.auc, "nss": nss(maps, points, convention=convention)}
    if ranked.shuffled is not None:
        out["sauc"] = ranked.shuffled
    return {name: values.mean().item() for name, values in out.items()}


def halves_against_each_other(
    xy: Tensor,
    who: Tensor,
    *,
    size: tuple[int, int],
    sigma: float,
    grid: tuple[int, int] | None = None,
    repeats: int = 3,
    seed: tuple[int, ...] = (0,),
    convention: Convention = "tuebingen",
) -> dict[str, float]:
    """`split_half` of one image with at least two observers: cc, sim, kl."""
    people = who.unique()
    judged, gold = [], []
    for repeat in range(repeats):
        order = np.random.default_rng((*seed, repeat)).permutation(len(people))
        first = torch.isin(who, people[torch.from_numpy(order[: len(people) // 2])])
        judged.append(blur(xy[first][None], size=size, sigma=sigma))
        gold.append(blur(xy[~first][None], size=size, sigma=sigma))
    maps, truth = through_grid(torch.cat(judged), grid), torch.cat(gold)
    return {
        "cc": cc(maps, truth).mean().item(),
        "sim": sim(maps, truth, convention=convention).mean().item(),
        "kl": kl_divergence(maps, truth, convention=convention).mean().item(),
    }


def observers_information(
    xy: Tensor, who: Tensor, prior: Tensor, *, sigma: float, grid: tuple[int, int] | None = None
) -> float:
    """Information gain over ``prior`` of the other observers' density on each observer's fixations: mean, bits.

    The density is Gaussian, taken through ``grid``, with 10 % of the centre prior mixed in: otherwise a fixation where
    no other observer looked would have density 0 and an infinite loss.

    Args:
        xy: (n,2) fixations of one image with at least two observers.
        who: (n,) observer of each.
        prior: (1,1,H,W) centre prior of positive density that sums to 1.
        sigma: of the densities, image pixels.
        grid: of the judged map; None for the image's own pixels.
    """
    size = (prior.shape[-2], prior.shape[-1])
    points, rest = _each_against_rest(xy, who, size, sigma=sigma, grid=grid)
    density = (1 - _PRIOR_SHARE) * rest / rest.sum((-2, -1), keepdim=True) + _PRIOR_SHARE * prior
    return information_gain(density.log(), points, prior.log().expand_as(density)).mean().item()


def _each_against_rest(
    xy: Tensor, who: Tensor, size: tuple[int, int], *, sigma: float, grid: tuple[int, int] | None
) -> tuple[Tensor, Tensor]:
    """Of each of k observers the fixations (k,n,2), padded with NaN, and the blurred fixations of all others."""
    per_observer = [xy[who == person] for person in who.unique()]
    own = torch.cat([blur(points[None], size=size, sigma=sigma) for points in per_observer])
    points = torch.nn.utils.rnn.pad_sequence(per_observer, batch_first=True, padding_value=torch.nan)
    return points, through_grid(without(own.sum(0, keepdim=True), own), grid)


def through_grid(maps: Tensor, grid: tuple[int, int] | None) -> Tensor:
    """Maps (B,1,H,W) at the resolution of a coarser grid: averaged to the grid, then enlarged to (H,W) again.

    Floors and ceilings of a 14x14 map take this way, so that it is not compared with sharper maps.
    """
    if grid is None:
        return maps
    size = (maps.shape[-2], maps.shape[-1])
    return Map(Map(maps, "relevance").resize(grid).values, "relevance").resize(size).values


def other_fixations(fixations: Fixations, *, convention: Convention = "tuebingen", seed: int = 0) -> _OtherFixations:
    """The negatives of `regard.metrics.fixation.sauc`, ``own_included=False``: (image, its size) -> counts (1,1,h,w).

    ``tuebingen``: all fixations of all other images. ``mit``: those of ten other images, chosen by ``seed`` and the
    image's index among the images that have fixations (all of them where there are fewer).
    """
    if convention == "mit":
        return lambda b, size: ten_others(fixations, b, grid=size, seed=seed)

    @lru_cache(maxsize=4)
    def total(size: tuple[int, int]) -> Tensor:
        return fixation_counts(fixations, grid=size)

    return lambda b, size: total(size) - fixation_counts(fixations.rows(fixations.image == b), grid=size)


def ten_others(fixations: Fixations, b: int, *, grid: tuple[int, int], seed: int = 0) -> Tensor:
    """Counts (1,1,h,w) of the fixations of ten random images other than ``b``, each scaled to the grid."""
    candidates = np.flatnonzero(fixations.counts())
    candidates = candidates[candidates != b]
    images = np.random.default_rng((seed, b)).permutation(candidates)[:_MIT_IMAGES]
    return fixation_counts(fixations.rows(np.isin(fixations.image, images)), grid=grid)
