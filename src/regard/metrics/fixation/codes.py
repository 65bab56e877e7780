"""Where the pixels of a map stand among its fixated values, in sums: all that an area under a ROC curve needs.

With ``left`` the number of the image's n fixated values below a pixel and ``right`` those not above it, ``left +
right`` is the pixel's code, 0 to 2n, exact with ties. On a processor compiled passes add the codes up as they find them
([`kernels`](kernels.py)); on a GPU torch searches and adds.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from regard.metrics.fixation.inputs import Maps
from regard.metrics.fixation.kernels import add_codes
from regard.metrics.rounding import dot, wide

TABLE_BITS = 13
OCTAVES = 24
"""Of the table of `add_codes`."""


@dataclass(frozen=True)
class CodeSums:
    """CodeSums of an image's pixels, added up.

    Attributes:
        own: of the fixated pixels (B,n).
        total: sum over all pixels (B,).
        counts: how many pixels have each code (B,2n+1).
        weighted: the sum weighted by other images' fixations (B,); None where there are none.
        weight: the sum of these weights (B,).
    """

    own: Int[Tensor, "B n"]
    total: Int[Tensor, " B"]
    counts: Int[Tensor, "B levels"]
    weighted: Float[Tensor, " B"] | None = None
    weight: Float[Tensor, " B"] | None = None


def count_codes(
    maps: Float[Tensor, "B 1 h w"],
    values: Float[Tensor, "B n"],
    known: Bool[Tensor, "B n"],
    others: Maps | None = None,
    span: tuple[Tensor, Tensor] | None = None,
) -> CodeSums:
    """The codes of all pixels among their image's fixated values (those ``known``), added up.

    Args:
        maps: finite.
        values: the maps' values at the fixated pixels.
        known: which of them count.
        others: (1 or B,1,h,w) weights, how many fixations of other images fell on each pixel.
        span: the maps' smallest and largest values (B,), where they are known already.
    """
    ordered = torch.where(known, values, torch.inf).sort(1).values  # padding stands above every pixel
    flat, levels = maps.flatten(1), 2 * values.shape[1] + 1
    if flat.device.type != "cpu":
        return _by_search(ordered, flat, values, levels, others)
    low, high = span or (flat.amin(1), flat.amax(1))
    by_image = [ordered[b, :count].numpy() for b, count in enumerate(known.sum(1).tolist())]
    own = np.empty(values.shape, np.int64)
    for row, each, found in zip(values.numpy(), by_image, own, strict=True):
        found[:] = each.searchsorted(row) + each.searchsorted(row, "right")
    weights = None if others is None else np.ascontiguousarray(others.flatten(1).numpy(), dtype=np.float64)
    counts, total, weighted = add_codes(
        flat.contiguous(), by_image, weights, (low, high), levels=levels, bits=TABLE_BITS, octaves=OCTAVES
    )
    if weights is None:
        return CodeSums(torch.from_numpy(own), total, counts)
    return CodeSums(torch.from_numpy(own), total, counts, weighted, torch.from_numpy(weights.sum(1)).expand(len(flat)))


def search_codes(ordered: Float[Tensor, "B n"], flat: Float[Tensor, "B N"]) -> Int[Tensor, "B N"]:
    """The codes of values among others in rising order, by search.

    >>> search_codes(torch.tensor([[1.0, 1.0]]), torch.tensor([[0.0, 1.0, 2.0]])).tolist()
    [[0, 2, 4]]
    """
    flat = flat.contiguous()
    left = torch.searchsorted(ordered, flat, out_int32=True)
    return left + torch.searchsorted(ordered, flat, right=True, out_int32=True)


def _by_search(ordered: Tensor, flat: Tensor, values: Tensor, levels: int, others: Maps | None) -> CodeSums:
    own, code = search_codes(ordered, values), search_codes(ordered, flat)
    start = levels * torch.arange(len(code), device=code.device, dtype=code.dtype)
    counts = torch.bincount((code + start[:, None]).flatten(), minlength=levels * len(code)).view(len(code), levels)
    total = code.sum(1, dtype=torch.int64)
    if others is None:
        return CodeSums(own, total, counts)
    weights, standing = wide(others).flatten(1), wide(code)
    weighted = standing @ weights[0] if len(weights) == 1 else dot(standing, weights)
    return CodeSums(own, total, counts, weighted, weights.sum(1).expand(len(flat)))
