"""From per-item values to a mean with a bootstrap interval, a paired difference with its permutation test (corrected
for many comparisons), a value's place between its floor and ceiling, and the items that a gallery shows.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Literal, TypeVar

import torch
from jaxtyping import Bool, Float, Int, Num
from torch import Tensor

from regard.types import RegardError, Scores

_Values = Num[Tensor, "..."] | Bool[Tensor, "..."]
"""(N,)"""
_Reasons = Mapping[str, int | Tensor]
"""reason -> how many items it made undefined, or which: a bool tensor (N,)."""

LOWER_IS_BETTER = frozenset({"kl", "mae"})
"""Names of per-image scores that are better when smaller; of all others more is better."""

_P = TypeVar("_P", bound=float | None)
_CHUNK = 4_000_000  # resampled elements held at once: 32 MB an array of float64


def resamples(items: int, draws: int, *, seed: int) -> Iterator[Int[Tensor, "chunk items"]]:
    """Indices of `draws` bootstrap samples of `items` items, in chunks of bounded memory; `seed` decides them."""
    generator = torch.Generator().manual_seed(seed)
    rows = max(1, _CHUNK // max(items, 1))
    for start in range(0, draws, rows):
        yield torch.randint(items, (min(rows, draws - start), items), generator=generator)


def percentile_interval(statistics: Float[Tensor, " draws"], level: float) -> tuple[float, float]:
    """Percentile interval, rounded outwards to drawn values so that infinite ones are kept."""
    if not 0 < level < 1:
        raise RegardError(f"percentile_interval: level={level} is not between 0 and 1; use for example level=.95")
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
    values: _Values, *, reasons: _Reasons | None = None, level: float = 0.95, draws: int = 2000, seed: int = 0
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
        low, high = percentile_interval(torch.cat(means), level)
    return Scores(values, defined.mean().item(), low, high, undefined)


def paired_difference(a: _Values, b: _Values, *, level: float = 0.95, draws: int = 2000, seed: int = 0) -> Scores:
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


def sign_flip_test(a: Float[Tensor, "..."], b: Float[Tensor, "..."], *, draws: int = 10_000, seed: int = 0) -> float:
    """Two-sided p-value that a and b do not differ, by flipping the signs of their per-image differences.

    Under the null hypothesis an image's two scores could be exchanged. p = (1 + #{|mean flipped| >= |mean|}) / (1 +
    draws), never 0; ties count. Images undefined on either side are left out; NaN if none is left. The interval of the
    mean difference is `regard.metrics.paired_difference`.

    Args:
        a: (N,) scores of one model.
        b: (N,) of the other, same images in the same order.
        draws: random flips.
        seed: decides them.
    """
    if a.shape != b.shape or a.ndim != 1:
        raise RegardError(f"paired scores must be (N,) twice, not {tuple(a.shape)} and {tuple(b.shape)}")
    d = (a.double() - b.double()).cpu()
    d = d[~d.isnan()]
    if d.numel() == 0:
        return float("nan")
    generator = torch.Generator().manual_seed(seed)
    limit, extreme = d.sum().abs() * (1 - 1e-12), 0
    rows = max(1, 2_000_000 // d.numel())
    for start in range(0, draws, rows):
        flips = torch.randint(2, (min(rows, draws - start), d.numel()), generator=generator).double() * 2 - 1
        extreme += int(((flips @ d).abs() >= limit).sum())
    return (1 + extreme) / (1 + draws)


def corrected(p: Sequence[_P], method: Literal["holm", "fdr_bh"] = "holm") -> list[_P]:
    """P values corrected for their number, in their order; None and NaN (no test was possible) stay and do not
    count.

    Args:
        p: p values.
        method: ``holm`` (Holm 1979), or ``fdr_bh`` (Benjamini and Hochberg 1995).

    >>> corrected([0.01, None, 0.04])
    [0.02, None, 0.04]
    """
    from statsmodels.stats.multitest import multipletests

    tested = [x for x in p if x is not None and not math.isnan(x)]
    adjusted: Iterator[Any] = iter(multipletests(tested, method=method)[1].tolist() if tested else ())
    return [x if x is None or math.isnan(x) else float(next(adjusted)) for x in p]


def share_of_range(value: float | int, floor: float | int, ceiling: float | int) -> float:
    """(value - floor) / (ceiling - floor): 0 at the floor, 1 at the ceiling, not clipped; NaN if the two coincide.

    Where less is better, the ceiling is simply the smaller number.

    >>> share_of_range(0.75, 0.5, 1.0)
    0.5
    """
    return (value - floor) / (ceiling - floor) if ceiling != floor else float("nan")


def best_typical_worst(
    values: Float[Tensor, " N"], each: int = 4, *, better: Literal["higher", "lower"] = "higher"
) -> dict[str, Int[Tensor, " n"]]:
    """Which items a gallery shows under ``best``, ``typical`` (nearest to the median) and ``worst``, none twice.

    Each rule's first item is its most extreme one. Undefined (NaN) items are never shown; of fewer than three times
    ``each`` defined items best and worst get a third each (rounded, at least one if there is one), typical the rest.

    Args:
        values: (N,), a score per item.
        each: largest number of items per rule.
        better: which way is better.

    >>> {rule: items.tolist() for rule, items in best_typical_worst(torch.tensor([.1, .9, .5, .4, .8, .2]), 1).items()}
    {'best': [1], 'typical': [3], 'worst': [0]}
    """
    defined = (~values.isnan()).nonzero()[:, 0]
    ends = min(each, max(1, round(len(defined) / 3)))
    ascending = defined[values[defined].argsort(stable=True)]
    if better == "higher":
        ascending = ascending.flip(0)
    best, rest = ascending[:ends], ascending[ends:]
    worst = rest.flip(0)[:ends]
    median = values[defined].median() if len(defined) else values.new_tensor(0.0)
    nearest = defined[(values[defined] - median).abs().argsort(stable=True)]
    typical = nearest[~torch.isin(nearest, torch.cat([best, worst]))][:each]
    return {"best": best, "typical": typical, "worst": worst}
