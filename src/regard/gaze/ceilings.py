"""What observers reach: an image's map from some people, judged on others, on the judged map's own grid."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from regard.gaze.density import blur, fixation_counts
from regard.gaze.fixations import Fixations
from regard.metrics.fixation import Convention, aucs, cc, kl_divergence, nss, sim
from regard.types import Map, RegardError


@dataclass(frozen=True)
class Ceiling:
    """Per-image values of what observers reach.

    Attributes:
        values: metric -> (M,) float64, mean over the observers (or halves) of an image; NaN where it is undefined.
        undefined: image left out because fewer than two observers looked at it (M,) bool.
    """

    values: dict[str, Tensor]
    undefined: Tensor


def through_grid(maps: Tensor, grid: tuple[int, int] | None) -> Tensor:
    """Maps (B,1,H,W) as a model with a coarser grid could at best give them: averaged to the grid, then enlarged.

    Floors and ceilings go the way of the judged map, so that a 14x14 map is not compared with a sharp one.
    """
    if grid is None:
        return maps
    size = (maps.shape[-2], maps.shape[-1])
    return Map(Map(maps, "relevance").resize(grid).values, "relevance").resize(size).values


def leave_one_out(
    fixations: Fixations,
    *,
    sigma: float,
    grid: tuple[int, int] | None = None,
    convention: Convention = "tuebingen",
) -> Ceiling:
    """AUC, sAUC and NSS of the other observers' density on each observer's fixations: an observer's best prediction.

    For every image and observer: the Gaussian density of all other observers' fixations (``sigma`` in image pixels),
    taken through ``grid``, is scored on this observer's fixations; sAUC's negatives are all fixations on all other
    images, exact. An image's value is the mean over its observers.

    Args:
        fixations: with at least two observers an image; images with fewer are NaN and flagged.
        sigma: of the density, image pixels.
        grid: of the judged map; None for the image's own pixels.
        convention: of NSS and AUC.

    Raises:
        RegardError: no image has two observers.
    """
    names = ("auc", "sauc", "nss")
    out = {name: torch.full((len(fixations.images),), torch.nan, dtype=torch.float64) for name in names}
    totals: dict[tuple[int, int], Tensor] = {}
    few = torch.ones(len(fixations.images), dtype=torch.bool)
    for b, size, xy, who in _images(fixations):
        people = who.unique()
        if len(people) < 2:
            continue
        few[b] = False
        if size not in totals:
            totals[size] = fixation_counts(fixations, grid=size)
        found = observers_against_others(xy, who, totals[size], sigma=sigma, grid=grid, convention=convention)
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


def observers_against_others(
    xy: Tensor,
    who: Tensor,
    total: Tensor,
    *,
    sigma: float,
    grid: tuple[int, int] | None = None,
    convention: Convention = "tuebingen",
) -> dict[str, float]:
    """`leave_one_out` of one image with at least two observers: auc, sauc, nss.

    Args:
        xy: (n,2) fixations in image pixels.
        who: (n,) index of the observer of each.
        total: (1,1,H,W) counts of all images' fixations on this image's pixels, its own included.
        sigma: see there.
        grid: see there.
        convention: see there.
    """
    size = (total.shape[-2], total.shape[-1])
    cell = xy.floor().long()
    own = torch.bincount(cell[:, 1] * size[1] + cell[:, 0], minlength=size[0] * size[1])
    single = [xy[who == person] for person in who.unique()]
    parts = torch.cat([blur(points[None], size=size, sigma=sigma) for points in single])
    maps = through_grid((parts.sum(0, keepdim=True) - parts).clamp(min=0), grid)
    points = torch.nn.utils.rnn.pad_sequence(single, batch_first=True, padding_value=torch.nan)
    others = total - own.view_as(total).to(total)
    ranked = aucs(maps, points, others, own_included=False, judd=False, convention=convention)
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
