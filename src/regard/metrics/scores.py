"""From per-item values to a mean with a bootstrap interval, and a value's place between its floor and ceiling."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

import torch
from jaxtyping import Bool, Float, Int, Num
from torch import Tensor

from regard.types import RegardError, Scores

_Reasons = Mapping[str, int | Tensor]
"""reason -> how many items it made undefined, or which: a bool tensor (N,)."""

_CHUNK = 4_000_000  # resampled elements held at once: 32 MB an array of float64


def resamples(items: int, draws: int, *, seed: int) -> Iterator[Int[Tensor, "chunk items"]]:
    """Indices of `draws` bootstrap samples of `items` items, in chunks of bounded memory; `seed` decides them."""
    generator = torch.Generator().manual_seed(seed)
    rows = max(1, _CHUNK // max(items, 1))
    for start in range(0, draws, rows):
        yield torch.randint(items, (min(rows, draws - start), items), generator=generator)


def interval(statistics: Float[Tensor, " draws"], level: float) -> tuple[float, float]:
    """Percentile interval, rounded outwards to drawn values so that infinite ones are kept."""
    if not 0 < level < 1:
        raise RegardError(f"interval: level={level} is not between 0 and 1; use for example level=.95")
    tail = statistics.new_tensor((1 - level) / 2)
    low = torch.quantile(statistics, tail, interpolation="lower")
    return low.item(), torch.quantile(statistics, 1 - tail, interpolation="higher").item()


def count_reasons(values: Num[Tensor, " N"], reasons: _Reasons | None) -> dict[str, int]:
    """How many NaN each reason explains.

    Flags (bool tensors) count only where the value is NaN, and the first flag that holds wins. NaN without a reason are
    counted as ``"undefined"``.

    Raises:
        RegardError: the reasons explain more items than are NaN.
    """
    left = values.isnan()
    missing = int(left.sum())
    counts: dict[str, int] = {}
    for reason, given in (reasons or {}).items():
        if isinstance(given, Tensor):
            hit = left & given.to(left.device, torch.bool)
            left, counts[reason] = left & ~hit, int(hit.sum())
        else:
            counts[reason] = int(given)
    rest = missing - sum(counts.values())
    if rest < 0:
        raise RegardError(f"score: reasons {counts} explain more than the {missing} NaN items; count each item once")
    return {k: n for k, n in (counts | {"undefined": counts.get("undefined", 0) + rest}).items() if n}


def score(
    values: Num[Tensor, " N"] | Bool[Tensor, " N"],
    *,
    reasons: _Reasons | None = None,
    level: float = 0.95,
    draws: int = 2000,
    seed: int = 0,
) -> Scores:
    """Mean over the defined items with a percentile bootstrap interval over items, in float64.

    Args:
        values: (N,), NaN where undefined.
        reasons: why items are undefined: counts, or bool flags (N,); see `count_reasons`.
        level: coverage of the interval.
        draws: bootstrap samples.
        seed: the interval is a function of the values and this seed, on every device.

    With no defined item mean and interval are NaN; with one the interval is NaN, as one item says nothing of spread.

    >>> s = score(torch.tensor([1.0, 0.0, float("nan"), 1.0]), reasons={"empty mask": 1})
    >>> round(s.mean, 4), s.low >= 0, s.high <= 1, s.undefined
    (0.6667, True, True, {'empty mask': 1})
    """
    values = values.detach().cpu().double()
    undefined = count_reasons(values, reasons)
    defined = values[~values.isnan()]
    low = high = float("nan")
    if defined.numel() > 1:
        means = [defined[index].mean(1) for index in resamples(defined.numel(), draws, seed=seed)]
        low, high = interval(torch.cat(means), level)
    return Scores(values, defined.mean().item(), low, high, undefined)


def paired_difference(
    a: Num[Tensor, " N"] | Bool[Tensor, " N"],
    b: Num[Tensor, " M"] | Bool[Tensor, " M"],
    *,
    level: float = 0.95,
    draws: int = 2000,
    seed: int = 0,
) -> Scores:
    """`score` of a - b item by item: the same items judged twice, so their common difficulty cancels.

    An item that is undefined on either side is left out and counted.

    >>> paired_difference(torch.tensor([3.0, 5.0]), torch.tensor([2.0, 4.0])).low
    1.0
    """
    if a.shape != b.shape:
        raise RegardError(f"paired_difference: {len(a)} items against {len(b)}; give the same items in the same order")
    difference = a.detach().cpu().double() - b.detach().cpu().double()
    reasons = {"undefined on one side": difference.isnan()}
    return score(difference, reasons=reasons, level=level, draws=draws, seed=seed)


def share_of_range(value: float | int, floor: float | int, ceiling: float | int) -> float:
    """(value - floor) / (ceiling - floor): 0 at the floor, 1 at the ceiling, not clipped; NaN if the two coincide.

    Where less is better, the ceiling is simply the smaller number.

    >>> share_of_range(0.75, 0.5, 1.0)
    0.5
    """
    return (value - floor) / (ceiling - floor) if ceiling != floor else float("nan")
