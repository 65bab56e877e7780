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
        rest = totals[size].clone()
        cell = xy.floor().long()
        rest.view(-1).index_add_(0, cell[:, 1] * size[1] + cell[:, 0], -torch.ones(len(cell), dtype=rest.dtype))
        single = [xy[who == person][None] for person in people]
        parts = torch.cat([blur(points, size=size, sigma=sigma) for points in single])
        maps = through_grid((parts.sum(0, keepdim=True) - parts).clamp(min=0), grid)
        points = torch.nn.utils.rnn.pad_sequence([p[0] for p in single], batch_first=True, padding_value=torch.nan)
        ranked = aucs(maps, points, rest, own_included=False, judd=False, convention=convention)
        out["auc"][b] = ranked.auc.mean()
        if ranked.shuffled is not None:
            out["sauc"][b] = ranked.shuffled.mean()
        out["nss"][b] = nss(maps, points, convention=convention).mean()
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
    metrics = {"cc": cc, "sim": sim, "kl": kl_divergence}
    out = {name: torch.full((len(fixations.images),), torch.nan, dtype=torch.float64) for name in metrics}
    few = torch.ones(len(fixations.images), dtype=torch.bool)
    for b, size, xy, who in _images(fixations):
        people = who.unique()
        if len(people) < 2:
            continue
        few[b] = False
        halves = []
        for repeat in range(repeats):
            order = np.random.default_rng((seed, b, repeat)).permutation(len(people))
            first = torch.isin(who, people[torch.from_numpy(order[: len(people) // 2])])
            halves.append([blur(xy[mask][None], size=size, sigma=sigma) for mask in (first, ~first)])
        judged, gold = (torch.cat([pair[k] for pair in halves]) for k in (0, 1))
        judged = through_grid(judged, grid)
        out["cc"][b] = cc(judged, gold).mean()
        out["sim"][b] = sim(judged, gold, convention=convention).mean()
        out["kl"][b] = kl_divergence(judged, gold, convention=convention).mean()
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
