"""What the network still knows: of a picture only what a map ranks highest is kept, or patches are taken away."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Literal, TypeAlias

import torch
from jaxtyping import Bool, Float
from torch import Tensor

from regard.app.look import Looked, LookedMap
from regard.backbones import eval_mode, exclusive
from regard.metrics import base_images
from regard.types import NATS_PER_BIT, RegardError

Position: TypeAlias = tuple[int, int]
"""(row, column) of a map's position."""
Fill = Literal["blur", "mean"]
"""What stands in place of a patch: a blurred copy of the picture, or its mean colour."""
SHARES = tuple(k / 10 for k in range(11))


@dataclass(frozen=True)
class Kept:
    """The answer to what was left of a picture.

    Attributes:
        share: of the map's bits, or of its positions, that was asked for.
        positions: share of the positions that were kept.
        bits: that they hold; None of a map that is not in bits.
        probabilities: of the classes (n,).
        mask: the positions that were kept (h,w).
        at_gate: the others were closed at the learned gate; else their pixels were blurred.
    """

    share: float
    positions: float
    bits: float | None
    probabilities: Float[Tensor, " n"]
    mask: Bool[Tensor, "h w"]
    at_gate: bool


def keep(looked: Looked, map: LookedMap, shares: Sequence[float]) -> list[Kept]:
    """The prediction where only the highest positions of a map are kept, for each share, in one pass.

    In bits, a share is one of the sum of the map; otherwise it is a share of the positions. The learned gate closes
    the other positions, and each gate before it the same share of its own; where the map is not a gate's, their pixels
    are replaced by a blurred copy.

    Raises:
        RegardError: a share that is not between 0 and 1.
    """
    if any(not 0 <= share <= 1 for share in shares):
        raise RegardError(f"shares {list(shares)}: each must be from 0 to 1")
    values, model = map.map.values[0, 0], looked.subject.model
    in_bits = map.map.unit == "bits"
    masks = [highest_positions(values, share, of_sum=in_bits) for share in shares]
    with exclusive(model):
        gates = _gates(looked) if map.method == "attention" else None
        if gates is not None:
            chosen = [torch.stack([highest_positions(price, share, of_sum=in_bits) for share in shares])
                      for price, _ in gates]  # fmt: skip
            override = [torch.where(kept[:, None], gate, 0) for kept, (_, gate) in zip(chosen, gates, strict=True)]
            probabilities = model.predict(looked.image.expand(len(shares), -1, -1, -1), map_override=override)
        else:
            probabilities = model.predict(_partly(looked, torch.stack(masks), "blur"))
    bits = [float(values[mask].sum()) if in_bits else None for mask in masks]
    found = zip(shares, masks, bits, probabilities.float().cpu(), strict=True)
    return [
        Kept(share, float(mask.float().mean()), sum_, row, mask, gates is not None) for share, mask, sum_, row in found
    ]


def answer_without(
    looked: Looked, map: LookedMap, cells: Collection[Position], fill: Fill = "blur"
) -> Float[Tensor, " n"]:
    """Probabilities (n,) of the picture without the pixels of some positions of a map's grid.

    Raises:
        RegardError: a position outside of the map.
    """
    h, w = map.map.values.shape[-2:]
    kept = torch.ones(h, w, dtype=torch.bool)
    for row, column in cells:
        if not (0 <= row < h and 0 <= column < w):
            raise RegardError(f"position {(row, column)}: the map has {h} x {w} positions")
        kept[row, column] = False
    return looked.subject.model.predict(_partly(looked, kept[None], fill))[0].float().cpu()


def picture_without(looked: Looked, map: LookedMap, cells: Collection[Position], fill: Fill = "blur") -> Tensor:
    """The picture (C,H,W) as the network gets it in `answer_without`."""
    h, w = map.map.values.shape[-2:]
    kept = torch.ones(h, w, dtype=torch.bool)
    for row, column in cells:
        kept[row, column] = False
    return _partly(looked, kept[None], fill)[0]


def cell_at(x: float, y: float, size: tuple[int, int], grid: tuple[int, int]) -> Position:
    """The position of a grid (h,w) under a point of a picture of that size (H,W); x right, y down.

    >>> cell_at(99, 0, (50, 100), (5, 10))
    (0, 9)
    """
    (height, width), (h, w) = size, grid
    return min(h - 1, max(0, int(y * h / height))), min(w - 1, max(0, int(x * w / width)))


def highest_positions(values: Float[Tensor, "h w"], share: float, *, of_sum: bool) -> Bool[Tensor, "h w"]:
    """The highest positions of a map: as many as hold this share of its sum, or this share of all positions.

    Of a sum, no position is taken that would go beyond the share; equal values are taken in the order of reading.

    >>> highest_positions(torch.tensor([[6.0, 1.0], [3.0, 0.0]]), 0.9, of_sum=True).tolist()
    [[True, False], [True, False]]
    >>> highest_positions(torch.tensor([[6.0, 1.0], [3.0, 0.0]]), 0.75, of_sum=False).tolist()
    [[True, True], [True, False]]
    """
    flat = values.flatten().double()
    order = flat.argsort(descending=True, stable=True)
    if of_sum:
        # a sum in another order differs in its last digits
        count = int((flat[order].cumsum(0) <= share * flat.sum() * (1 + 1e-9)).sum()) if share < 1 else len(flat)
    else:
        count = round(share * len(flat))
    mask = torch.zeros(len(flat), dtype=torch.bool)
    mask[order[:count]] = True
    return mask.view(values.shape)


def _gates(looked: Looked) -> list[tuple[Tensor, Tensor]] | None:
    """Of each attended layer what ranks its positions (h,w), bits where they have a meaning, and its gate (1,1,h,w);
    None where one is not a gate.
    """
    model = looked.subject.model
    with eval_mode(model):
        outputs = model(looked.image).attention
    if not outputs or any(output.unit != "gate" for output in outputs):
        return None
    found = []
    for output in outputs:
        priced = output.price is not None and model.cut.is_cut
        rank = output.price[0] / NATS_PER_BIT if priced and output.price is not None else output.map[0]
        found.append((rank[0, 0].cpu(), output.map[0].cpu()))
    return [(rank, gate.to(looked.image.device)) for rank, gate in found]


def _partly(looked: Looked, kept: Bool[Tensor, "B h w"], fill: Fill) -> Float[Tensor, "B C H W"]:
    """The picture, of whose positions only some are kept, for each mask."""
    image = looked.image
    replaced = base_images(image, fill)
    assert replaced is not None, "both fills are images"
    mask = torch.nn.functional.interpolate(kept[:, None].float(), size=image.shape[-2:], mode="nearest-exact") > 0.5
    return torch.where(mask.to(image.device), image, replaced)
