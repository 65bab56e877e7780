"""What trials say for and against a claim, and how claims are joined.

Of a contrast theta with smallest effect of interest d and equivalence bound e, four one-sided questions:

    support        theta >= d    shown by rejecting theta <= d
    against        theta < d     shown by rejecting theta >= d
    equivalent     |theta| < e   shown by rejecting theta <= -e and theta >= e (two one-sided tests)
    harm           theta < -e    shown by rejecting theta >= -e

A claim that several contrasts hold is shown by all of them (the largest p: an intersection-union test needs no
correction) and is contradicted by any one of them (the smallest p times their number).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from regard.study.estimate import Estimate


@dataclass(frozen=True)
class Evidence:
    """One-sided p values of the four questions; 1 where nothing can be said."""

    support: float = 1.0
    against: float = 1.0
    equivalent: float = 1.0
    harm: float = 1.0


def of_contrast(estimate: Estimate, sesoi: float, bound: float) -> Evidence:
    """The evidence in one estimate.

    >>> e = of_contrast(Estimate(0.0, ((1e-6, 8.0),)), sesoi=0.02, bound=0.02)
    >>> e.support > 0.999, e.equivalent < 1e-6
    (True, True)
    """
    return Evidence(
        support=estimate.p_above(sesoi),
        against=estimate.p_below(sesoi),
        equivalent=max(estimate.p_above(-bound), estimate.p_below(bound)),
        harm=estimate.p_below(-bound),
    )


def all_of(parts: Sequence[Evidence]) -> Evidence:
    """That every one of the contrasts holds."""
    n = len(parts)
    return Evidence(
        support=max(p.support for p in parts),
        against=min(1.0, n * min(p.against for p in parts)),
        equivalent=min(1.0, n * min(p.equivalent for p in parts)),
        harm=min(1.0, n * min(p.harm for p in parts)),
    )


def case_by_case(cases: Sequence[Evidence]) -> Evidence:
    """That it holds in some cases and not in others; nothing can be said of a single case.

    It is shown by one case that holds and one that does not, contradicted if all do or none does. "Equivalent" is that
    every case is; harm is no contradiction.
    """
    n = len(cases)
    if n < 2:
        return Evidence()
    return Evidence(
        support=min(1.0, n * max(min(c.support for c in cases), min(c.against for c in cases))),
        against=min(1.0, 2 * min(max(c.support for c in cases), max(c.against for c in cases))),
        equivalent=max(c.equivalent for c in cases),
    )
