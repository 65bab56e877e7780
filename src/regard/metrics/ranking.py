"""In which order pixels leave an image: whole groups of tied pixels together, so that index order never decides.

Only ranks count: a map and any increasing function of it on the same grid give one order (a map that is enlarged is
interpolated first, which an increasing function changes). Values are tied if rounding alone can tell them apart.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from jaxtyping import Int, Num
from torch import Tensor

from regard.metrics.rounding import full_precision, rounding, wide
from regard.types import Map


def _keys(map: Map, size: tuple[int, int], *, least_first: bool) -> Tensor:
    """Integer sort keys (B,N), smallest leaves first; values that differ by rounding share one."""
    values = wide(full_precision(map.values)).nan_to_num(0, 0, 0)
    keys = tie_groups(Map(values, map.unit).resize(size).values.flatten(1), full_precision(map.values).dtype)
    return keys if least_first else -keys


def tie_groups(values: Num[Tensor, "B N"], dtype: torch.dtype) -> Int[Tensor, "B N"]:
    """Number of each value's group of tied values, ascending: the ranks, whatever monotone function the values went
    through.

    A group holds what differs from its smallest value by no more than the `rounding` of ``dtype``, a share of that
    value: groups are as narrow near 0 as elsewhere, and one outlier makes none wider.

    >>> tie_groups(torch.tensor([[0.1, 0.1 * (1 + 1e-8), 1e-9, 2e-9, 1e9]]), torch.float32).tolist()
    [[2, 2, 0, 1, 3]]
    """
    ordered, place = values.sort(1)
    ordered = ordered.contiguous()
    limit = torch.maximum(ordered + rounding(dtype) * ordered.abs(), ordered)
    following = torch.searchsorted(ordered, limit, right=True)  # where the next group begins, if one begins here
    count = values.shape[1]
    starts = torch.zeros(len(values), count + 1, dtype=torch.bool, device=values.device)
    starts[:, 0] = True
    jump = F.pad(following, (0, 1), value=count)
    for _ in range(max(count - 1, 1).bit_length()):  # the starts that 2^k groups lead to, k = 0, 1, ...
        starts |= torch.zeros_like(starts, dtype=torch.int8).scatter_reduce_(1, jump, starts.to(torch.int8), "amax") > 0
        jump = jump.gather(1, jump)
    group = starts[:, :count].cumsum(1) - 1
    return torch.empty_like(group).scatter_(1, place, group)


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
