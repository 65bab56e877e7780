"""What observers reach: an image's map from some people, judged on others, on the judged map's own grid.

One image's observers held against each other: what stands behind the ceilings.

Which fixations of other images the shuffled AUC holds an image's own against.

What observers say of each other in bits: the ceiling of information gain.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
import torch
from torch import Tensor

from regard.gaze.density import blur, fixation_counts
from regard.gaze.fixations import Fixations
from regard.metrics.fixation import Convention, aucs, cc, information_gain, kl_divergence, nss, sim
from regard.types import Map, RegardError


def through_grid(maps: Tensor, grid: tuple[int, int] | None) -> Tensor:
    """Maps (B,1,H,W) as a model with a coarser grid could at best give them: averaged to the grid, then enlarged.

    Floors and ceilings go the way of the judged map, so that a 14x14 map is not compared with a sharp one.
    """
    if grid is None:
        return maps
    size = (maps.shape[-2], maps.shape[-1])
    return Map(Map(maps, "relevance").resize(grid).values, "relevance").resize(size).values


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
    """`leave_one_out` of one image with at least two observers: auc, sauc, nss.

    Args:
        xy: (n,2) fixations in image pixels.
        who: (n,) index of the observer of each.
        others: (1,1,H,W) counts of other images' fixations on this image's pixels, see `sauc`.
        sigma: see there.
        grid: see there.
        convention: see there.
        seed: of the MIT convention's samples.
    """
    size = (others.shape[-2], others.shape[-1])
    single = [xy[who == person] for person in who.unique()]
    parts = torch.cat([blur(points[None], size=size, sigma=sigma) for points in single])
    maps = through_grid((parts.sum(0, keepdim=True) - parts).clamp(min=0), grid)
    points = torch.nn.utils.rnn.pad_sequence(single, batch_first=True, padding_value=torch.nan)
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
    """`split_half` of one image with at least two observers: cc, sim, kl; see there."""
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


Others = Callable[[int, tuple[int, int]], Tensor]
"""(index of an image, its size) -> counts (1,1,h,w) of other images' fixations on its pixels."""

TEN = 10


def other_fixations(fixations: Fixations, *, convention: Convention = "tuebingen", seed: int = 0) -> Others:
    """The negatives of `regard.metrics.fixation.sauc` with ``own_included=False``.

    ``tuebingen``: all fixations of all other images. ``mit``: those of ten other images, chosen by ``seed`` and the
    image's index among the images that have fixations (all of them where there are fewer).
    """
    if convention == "mit":
        return lambda b, size: ten_others(fixations, b, grid=size, seed=seed)

    @lru_cache(maxsize=4)
    def total(size: tuple[int, int]) -> Tensor:
        return fixation_counts(fixations, grid=size)

    def rest(b: int, size: tuple[int, int]) -> Tensor:
        own = fixations.rows(fixations.image == b)
        return total(size) - fixation_counts(own, grid=size)

    return rest


def ten_others(fixations: Fixations, b: int, *, grid: tuple[int, int], seed: int = 0) -> Tensor:
    """Counts (1,1,h,w) of the fixations of ten random images other than ``b``, each scaled to the grid."""
    having = np.flatnonzero(fixations.counts())
    having = having[having != b]
    chosen = np.random.default_rng((seed, b)).permutation(having)[:TEN]
    return fixation_counts(fixations.rows(np.isin(fixations.image, chosen)), grid=grid)


@dataclass(frozen=True)
class Ceiling:
    """Per-image values of what observers reach.

    Attributes:
        values: metric -> (M,) float64, mean over the observers (or halves) of an image; NaN where it is undefined.
        undefined: image left out because fewer than two observers looked at it (M,) bool.
    """

    values: dict[str, Tensor]
    undefined: Tensor


def leave_one_out(
    fixations: Fixations,
    *,
    sigma: float,
    grid: tuple[int, int] | None = None,
    convention: Convention = "tuebingen",
    seed: int = 0,
) -> Ceiling:
    """AUC, sAUC and NSS of the other observers' density on each observer's fixations: an observer's best prediction.

    For every image and observer: the Gaussian density of all other observers' fixations (``sigma`` in image pixels),
    taken through ``grid``, is scored on this observer's fixations; sAUC's negatives are those of `other_fixations`. An
    image's value is the mean over its observers.

    Args:
        fixations: with at least two observers an image; images with fewer are NaN and flagged.
        sigma: of the density, image pixels.
        grid: of the judged map; None for the image's own pixels.
        convention: of the metrics.
        seed: of the MIT convention's samples.

    Raises:
        RegardError: no image has two observers.
    """
    names = ("auc", "sauc", "nss")
    out = {name: torch.full((len(fixations.images),), torch.nan, dtype=torch.float64) for name in names}
    others = other_fixations(fixations, convention=convention, seed=seed)
    few = torch.ones(len(fixations.images), dtype=torch.bool)
    for b, size, xy, who in _images(fixations):
        people = who.unique()
        if len(people) < 2:
            continue
        few[b] = False
        found = observers_against_others(
            xy, who, others(b, size), sigma=sigma, grid=grid, convention=convention, seed=(seed, b)
        )
        for name, value in found.items():
            out[name][b] = value
    return _ceiling(out, few)


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

    One half's density, taken through ``grid``, stands for the judged map, the other's for the gold standard; each half
    has half the data, so this is a lower bound of what all observers together would reach.

    Args:
        fixations: with at least two observers an image.
        sigma: of the densities, image pixels.
        grid: of the judged map; None for the image's own pixels.
        repeats: random halvings an image.
        seed: decides them, with the image's place in the list.
        convention: of SIM and KL.

    Raises:
        RegardError: no image has two observers.
    """
    names = ("cc", "sim", "kl")
    out = {name: torch.full((len(fixations.images),), torch.nan, dtype=torch.float64) for name in names}
    few = torch.ones(len(fixations.images), dtype=torch.bool)
    for b, size, xy, who in _images(fixations):
        people = who.unique()
        if len(people) < 2:
            continue
        few[b] = False
        found = halves_against_each_other(
            xy, who, size=size, sigma=sigma, grid=grid, repeats=repeats, seed=(seed, b), convention=convention
        )
        for name, value in found.items():
            out[name][b] = value
    return _ceiling(out, few)


def _images(fixations: Fixations) -> Iterator[tuple[int, tuple[int, int], Tensor, Tensor]]:
    """Of each image its index, size, points (n,2) and observers (n,)."""
    points, observers = fixations.points(), torch.from_numpy(fixations.observers())
    for b, (h, w) in enumerate(fixations.sizes.tolist()):
        known = observers[b] >= 0
        yield b, (h, w), points[b, known], observers[b, known]


def _ceiling(values: dict[str, Tensor], few: Tensor) -> Ceiling:
    if few.all():
        raise RegardError("a ceiling between observers needs an image with fixations of at least two of them")
    return Ceiling(values, few)


PRIOR = 0.1


def observers_information(
    xy: Tensor, who: Tensor, prior: Tensor, *, sigma: float, grid: tuple[int, int] | None = None
) -> float:
    """Information gain over ``prior`` of the other observers' density on each observer's fixations, mean over them.

    The density is Gaussian, taken through ``grid``, with PRIOR of the centre prior mixed in, without which a fixation
    where nobody else looked would cost infinitely many bits.

    Args:
        xy: (n,2) fixations of one image with at least two observers.
        who: (n,) observer of each.
        prior: (1,1,H,W) centre prior of positive density that sums to 1.
        sigma: of the densities, image pixels.
        grid: of the judged map; None for the image's own pixels.
    """
    size = (prior.shape[-2], prior.shape[-1])
    single = [xy[who == person] for person in who.unique()]
    parts = torch.cat([blur(points[None], size=size, sigma=sigma) for points in single])
    rest = through_grid((parts.sum(0, keepdim=True) - parts).clamp(min=0), grid)
    density = (1 - PRIOR) * rest / rest.sum((-2, -1), keepdim=True) + PRIOR * prior
    points = torch.nn.utils.rnn.pad_sequence(single, batch_first=True, padding_value=torch.nan)
    return information_gain(density.log(), points, prior.log().expand_as(density)).mean().item()
