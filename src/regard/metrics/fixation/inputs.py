"""What enters a fixation metric, checked once: maps, fixations, densities, conventions."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import torch
from jaxtyping import Bool, Float, Int, Num
from torch import Tensor

from regard.metrics.fixation.kernels import look_over
from regard.metrics.rounding import constant, same_number, wide
from regard.types import RegardError

Convention = Literal["tuebingen", "mit"]
Maps = Num[Tensor, "..."]
"""(B,1,h,w); any other shape is refused by `check_maps` with a message that says so."""
Points = Float[Tensor, "..."]
"""(B,n,2): x, y in pixels of the map, NaN beyond an image's last fixation; `Fixations.points` makes them."""


@dataclass(frozen=True)
class MapFacts:
    """What one pass over the pixels says of maps: smallest value, largest value, sum (B,), and which are constant."""

    low: Float[Tensor, " B"]
    high: Float[Tensor, " B"]
    total: Float[Tensor, " B"]
    constant: Bool[Tensor, " B"]


def check_maps(maps: Maps, what: str = "maps") -> Float[Tensor, "B 1 h w"]:
    """The maps as floating point.

    Raises:
        RegardError: not (B,1,h,w), or a NaN or infinite value (the first is named).
    """
    maps = _floating(maps, what)
    _check_finite(maps, maps.detach().sum(), what)  # one fast pass
    return maps


def examine_maps(maps: Maps, what: str = "maps") -> tuple[Float[Tensor, "B 1 h w"], MapFacts]:
    """As `check_maps`, with what one pass over the pixels says of each map; constant maps have exactly one value."""
    maps = _floating(maps, what)
    flat = maps.flatten(1)
    if flat.device.type == "cpu":
        low, high, total = look_over(flat.contiguous())
    else:
        low, high, total = flat.amin(1), flat.amax(1), wide(flat).sum(1)
    _check_finite(maps, total.sum(), what)
    facts = MapFacts(low, high, total, same_number(low, high, maps.dtype))
    if not facts.constant.any():
        return maps, facts
    low = torch.where(facts.constant, flat[:, 0], low)
    high = torch.where(facts.constant, flat[:, 0], high)
    maps = torch.where(facts.constant[:, None, None, None], maps[..., :1, :1], maps)
    return maps, MapFacts(low, high, wide(maps).flatten(1).sum(1), facts.constant)


def _floating(maps: Maps, what: str) -> Float[Tensor, "B 1 h w"]:
    if maps.ndim != 4 or maps.shape[1] != 1 or 0 in maps.shape[2:]:
        raise RegardError(f"{what} must be (B,1,h,w), not {tuple(maps.shape)}: one channel, with pixels")
    if maps.dtype in (torch.float32, torch.float64):
        return maps
    return maps.to(torch.float32) if maps.dtype in (torch.float16, torch.bfloat16) else wide(maps)


def _check_finite(maps: Tensor, total: Tensor, what: str) -> None:
    """A NaN or infinity anywhere spoils the sum of all values, ``total``; so may a sum that is too large."""
    if not total.isfinite() and not maps.detach().isfinite().all():
        b, _, y, x = (int(v) for v in (~maps.isfinite()).nonzero()[0])
        raise RegardError(
            f"{what} must be finite: image {b} of the batch has {maps[b, 0, y, x].item()} at x={x}, y={y}; "
            "repair the map or leave the image out"
        )


def check_density(maps: Maps, what: str = "maps") -> Float[Tensor, "B 1 h w"]:
    """As `check_maps`; a negative value is an error, too (the first is named)."""
    maps = check_maps(maps, what)
    if (maps.detach() < 0).any():
        b, _, y, x = (int(v) for v in (maps < 0).nonzero()[0])
        raise RegardError(
            f"{what} must not be negative to be read as a density: image {b} of the batch has "
            f"{maps[b, 0, y, x].item():g} at x={x}, y={y}; subtract the minimum, or rectify, as your map's unit allows"
        )
    return maps


def check_pair(maps: Tensor, gold: Tensor) -> None:
    """Raise RegardError unless the two have one shape: nothing is resized behind the caller's back."""
    if maps.shape != gold.shape:
        raise RegardError(
            f"maps {tuple(maps.shape)} and gold maps {tuple(gold.shape)} differ in shape: resize one of them first"
            " (regard.types.Map.resize), or make the density on the map's grid"
        )


def pixels(maps: Tensor, fixations: Points) -> tuple[Int[Tensor, "B n"], Bool[Tensor, "B n"]]:
    """Index of each fixated pixel in a flattened map (0 where there is none), and where there is one.

    Raises:
        RegardError: not (B,n,2), another B than the maps', or a point outside of its map.
    """
    if fixations.ndim != 3 or fixations.shape[-1] != 2 or not fixations.is_floating_point():
        raise RegardError(
            f"fixations must be points (B,n,2), x and y with NaN as padding, not {tuple(fixations.shape)} of "
            f"{fixations.dtype}: a density or a count map is no list of fixations"
        )
    if len(fixations) != len(maps):
        raise RegardError(f"{len(maps)} maps, but fixations of {len(fixations)} images: they must go together")
    h, w = maps.shape[-2:]
    xy = fixations.to(maps.device)
    known = ~xy.isnan().any(-1)
    there = xy.nan_to_num(0)
    inside = ((there >= 0) & (there < there.new_tensor([w, h]))).all(-1)
    if not inside.all():
        b, k = (int(v) for v in (~inside).nonzero()[0])
        x, y = xy[b, k].tolist()
        raise RegardError(
            f"image {b} of the batch has a fixation at x={x:g}, y={y:g}, outside of its map of {w}x{h}: give fixations "
            "in the map's own pixels, such as Fixations.points(grid=(h, w))"
        )
    cell = there.long()  # truncated, which is the floor here; a floor of its own runs on torch's threads
    return cell[..., 1] * w + cell[..., 0], known


def check_convention(convention: str) -> None:
    """Raise RegardError for a convention other than tuebingen and mit."""
    if convention not in ("tuebingen", "mit"):
        raise RegardError(f"convention {convention!r} is unknown: tuebingen (pysaliency's) or mit (the MATLAB code's)")


def fixation_conditions(maps: Maps, fixations: Points) -> dict[str, Bool[Tensor, " B"]]:
    """Which images have undefined or meaningless scores: ``no fixation``, ``constant map``; for `score(reasons=...)`.

    A constant map has an AUC of .5 and, by the Tuebingen convention, an NSS of 0; its CC is undefined.
    """
    _, known = pixels(maps, fixations)
    return {"no fixation": ~known.any(1), "constant map": constant(maps)}
