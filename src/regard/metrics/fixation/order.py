"""Where each pixel stands among an image's fixated values: one pass that serves AUC, sAUC and AUC-Judd.

An AUC needs only ranks, and only those relative to the n fixated values. With ``left`` the number of fixated values
below a pixel and ``right`` those not above it, ``left + right`` is the pixel's code, 0..2n. All AUCs are sums over
codes: against the pixels, AUC = 1 - mean(code) / 2n (midranks for ties); against other images' fixations the same sum
weighted by their counts.
"""

from __future__ import annotations

import numpy as np
import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from regard.metrics.fixation.inputs import Maps, Points, check_maps, chunk, pixels

TABLE_BITS = 15
OCTAVES = 24


def codes(
    maps: Float[Tensor, "B 1 h w"], values: Float[Tensor, "B n"], known: Bool[Tensor, "B n"]
) -> Int[Tensor, "B hw"]:
    """Left + right of each pixel among its image's fixated values (those ``known``), exactly, ties included."""
    infinity = values.new_tensor(torch.inf)
    ordered = torch.where(known, values, infinity).sort(1).values  # padding stands above every pixel
    flat = maps.flatten(1)
    if flat.device.type != "cpu":
        return _search(ordered, flat)
    out = torch.empty(flat.shape, dtype=torch.int32)
    for b, count in enumerate(known.sum(1).tolist()):
        _binned(ordered[b, :count].contiguous(), flat[b], out[b])
    return out


def fixated_codes(maps: Maps, fixations: Points) -> tuple[Int[Tensor, "B hw"], Int[Tensor, "B n"], Bool[Tensor, "B n"]]:
    """`codes`, the fixated pixels' indices and which of them are known, out of maps and points that are checked."""
    maps = check_maps(maps.detach())
    index, known = pixels(maps, fixations)
    return codes(maps, maps.flatten(1).gather(1, index), known), index, known


def _search(ordered: Tensor, flat: Tensor) -> Tensor:
    flat = flat.contiguous()
    left = torch.searchsorted(ordered, flat, out_int32=True)
    return left + torch.searchsorted(ordered, flat, right=True, out_int32=True)


def _binned(ordered: Float[Tensor, " n"], flat: Float[Tensor, " hw"], out: Int[Tensor, " hw"]) -> None:
    """Writes codes, through a table: a monotone integer key of each pixel looks its code up.

    The key is the bit pattern of float32(pixel - minimum), cut to TABLE_BITS: monotone, and fine near zero, where
    skewed maps crowd; what lies OCTAVES below the maximum shares one bin. Bins without a fixated value have one code;
    only pixels in a bin with one are searched. A search of all pixels gives the same and takes several times as long,
    as its branches are hard to predict.
    """
    if len(ordered) == 0:
        out.zero_()
        return
    low = flat.amin(0)
    top = int((flat.amax(0) - low).to(torch.float32).view(torch.int32))
    base = max(top - (OCTAVES << 23), 0)  # 23 bits of mantissa
    shift = max((top - base).bit_length() - TABLE_BITS, 0)

    def key(values: Tensor) -> Tensor:
        bits = (values - low).to(torch.float32).view(torch.int32)
        return bits.clamp_(min=base).sub_(base).bitwise_right_shift_(shift)

    own = key(ordered).long()
    count = torch.bincount(own, minlength=((top - base) >> shift) + 1)
    table = (2 * (count.cumsum(0) - count)).to(torch.int32)
    table[own] = -1
    for part, place in zip(flat.split(chunk()), out.split(chunk()), strict=True):
        torch.index_select(table, 0, key(part), out=place)
    unclear = torch.from_numpy(np.flatnonzero(out.numpy() < 0))  # five times as fast as torch.nonzero
    out.index_copy_(0, unclear, _search(ordered, flat.index_select(0, unclear)))
