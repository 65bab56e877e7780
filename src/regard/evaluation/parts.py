"""Whether the map lies near the parts by which a kind is told: beak, crown, wing and the like."""

from __future__ import annotations

from typing import Any

import torch
from jaxtyping import Bool, Float
from torch import Tensor

from regard.data import Split
from regard.evaluation.boxed import boxed_floors
from regard.evaluation.entries import entry, reference
from regard.metrics import area_share, energy_inside, localization
from regard.types import Map

REACH = 0.1
"""How near is near: this share of the square root of the box's area. Of CUB-GHA's fixations on 50 classes .72 are then
near a part, of random points in the box .26."""


def split_parts(split: Split) -> tuple[Float[Tensor, "N P 3"], Float[Tensor, "N 4"]] | None:
    """Parts and boxes of a split; None where it has not both. Only what lies in memory is looked at."""
    parts, boxes = getattr(split, "parts", None), getattr(split, "boxes", None)
    return None if parts is None or boxes is None else (parts.cpu(), boxes.cpu())


def near_parts(
    parts: Float[Tensor, "N P 3"], boxes: Float[Tensor, "N 4"], size: tuple[int, int]
) -> Bool[Tensor, "N 1 H W"]:
    """Pixels whose centre is within ``REACH`` of a visible part; none where no part is visible."""
    extent = (boxes[:, 2:] - boxes[:, :2]).clamp_min(0)
    reach = (REACH * extent.prod(1).sqrt()).clamp_min(1)[:, None, None]
    down, across = (torch.arange(n) + 0.5 for n in size)
    near = torch.zeros(len(parts), *size, dtype=torch.bool)
    for part in parts.unbind(1):
        x, y, visible = part.unbind(1)
        distance = (down - y[:, None]).square()[:, :, None] + (across - x[:, None]).square()[:, None, :]
        near |= (distance <= reach.square()) & (visible > 0)[:, None, None]
    return near[:, None]


def part_scores(
    map: Map, parts: Float[Tensor, "N P 3"], boxes: Float[Tensor, "N 4"], size: tuple[int, int], *, seed: int
) -> tuple[list[dict[str, Any]], dict[str, Tensor]]:
    """A row of the table with its floors, and values an image by name (N,), floors as ``name/floor``."""
    near = near_parts(parts, boxes, size)
    values = energy_inside(map, near, negative="clip")
    beside = {"area share (a uniform map)": area_share(near)}
    for name, floor in boxed_floors(map, boxes, size, seed=seed).items():
        beside[name] = energy_inside(floor, near, negative="clip")
    row = entry(
        "energy_near_parts",
        "localization",
        "Energy near the object's parts",
        f"Share of the map within {REACH:g} of the box's size (square root of its area) of a visible part.",
        values,
        better="higher",
        reasons=localization.undefined(map, near),
        references=[reference(name, "floor", found) for name, found in beside.items()],
    )
    arrays = {"energy_near_parts": values} | {f"energy_near_parts/{name}": found for name, found in beside.items()}
    return [row], arrays
