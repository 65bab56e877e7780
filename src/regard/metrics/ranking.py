"""In which order pixels leave an image: whole groups of tied pixels together, so that index order never decides."""

from __future__ import annotations

import torch
from jaxtyping import Int
from torch import Tensor

from regard.metrics.rounding import full_precision, same_number
from regard.types import Map

_LEVELS = 2**16  # values closer than this share of the map's range are tied: resizing rounds


def _keys(map: Map, size: tuple[int, int], *, least_first: bool) -> Tensor:
    """Integer sort keys (B,N), smallest leaves first; a map whose range is rounding is one tie."""
    values = Map(full_precision(map.values), map.unit).resize(size).values.flatten(1)
    values = values.nan_to_num(0, 0, 0)
    low, high = values.amin(1, keepdim=True), values.amax(1, keepdim=True)
    span = high - low
    scaled = ((values - low) / span.clamp_min(torch.finfo(values.dtype).tiny)).masked_fill(
        same_number(low, high, values.dtype), 0
    )
    keys = (scaled * _LEVELS).round().long()
    return keys if least_first else -keys


def removal_order(
    map: Map, size: tuple[int, int], *, least_first: bool = False, shuffle: int | None = None
) -> Int[Tensor, "B N"]:
    """How many pixels are gone once each pixel is gone (B,N), in 1..N: equal within a group of tied pixels.

    Args:
        map: (B,1,h,w), resized to `size` by `Map.resize`.
        size: (H, W) of the images; N = H*W.
        least_first: remove the least relevant first (LeRF) instead of the most relevant (MoRF).
        shuffle: seed of a random order within tie groups, the same for every image; None removes groups whole.

    >>> removal_order(Map(torch.tensor([[[[5.0, 0.0, 0.0]]]]), "relevance"), (1, 3)).tolist()
    [[1, 3, 3]]
    """
    keys = _keys(map, size, least_first=least_first)
    if shuffle is not None:
        order = torch.randperm(keys.shape[1], generator=torch.Generator().manual_seed(shuffle)).to(keys.device)
        keys = keys * keys.shape[1] + order
    ordered = keys.sort(1).values
    return torch.searchsorted(ordered, keys, right=True)


def nearest_counts(order: Int[Tensor, "B N"], steps: int) -> Int[Tensor, "B T"]:
    """Numbers of pixels (B,T=steps+1) that end a tie group, nearest to `steps` equal shares; 0 and N included."""
    total = order.shape[1]
    ends = torch.cat([order.new_zeros(len(order), 1), order], 1).sort(1).values
    target = torch.linspace(0, total, steps + 1, device=order.device).round().long().expand(len(order), -1).contiguous()
    above = ends.gather(1, torch.searchsorted(ends, target))
    below = ends.gather(1, torch.searchsorted(ends, target, right=True) - 1)
    return torch.where(target - below <= above - target, below, above)
