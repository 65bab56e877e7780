"""One image's observers held against each other: what stands behind the ceilings."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

from regard.gaze.density import blur
from regard.metrics.fixation import Convention, aucs, cc, kl_divergence, nss, sim
from regard.types import Map


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
