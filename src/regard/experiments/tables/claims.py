"""Differences of a table's arms and what its claims may say: better, worse, equal within a bound, or not settled.

Two or three claims are named beforehand (`primary`) and corrected for their number (Holm); the others are exploratory,
with p values by themselves. The variance of seeds is pooled over the arms (`moderated`).

"Equal" is a finding of its own: two one-sided tests (Schuirmann 1987) reject that the difference is `within` or more.
False differences and false equalities among the primary claims are each held at 5 %.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from regard.experiments.detectable import smallest_effect
from regard.experiments.grid import Result
from regard.experiments.moderation import VariancePrior, moderated, variance_prior
from regard.experiments.stats import Estimate, crossed_mean
from regard.experiments.tables.columns import COLUMNS
from regard.experiments.tables.file import TableFile
from regard.experiments.tables.results import Claim, ClaimRow, DifferenceResults
from regard.metrics import corrected

ArmResults = Mapping[int, Result]
"""Seed -> result of one arm."""
LEVEL = 0.05
_Values = NDArray[np.float64]
_TESTED = "accuracy_mean"


def mean_over_runs(values: _Values, *, share: bool = False) -> Estimate:
    """Mean over seeds and images of what has one value per image.

    Args:
        values: (R,I), NaN where undefined; an image that is undefined with any seed is left out and counted.
        share: the values are in [0, 1], and so is the interval.

    >>> round(mean_over_runs(np.array([[1.0, 1.0], [2.0, 2.0], [3.0, 3.0]])).high, 4)  # 2 + t(2) / sqrt(3)
    4.4841
    """
    defined = np.isfinite(values).all(0)
    left_out = {"undefined": int((~defined).sum())} if not defined.all() else {}
    values = values[:, defined].astype(float)
    if len(values) != 1:
        return crossed_mean(values, left_out=left_out, share=share)
    images = values.shape[1]
    mean = float(values.mean()) if images else math.nan
    parts = ((float(values.var(ddof=1)) / images, float(images - 1)),) if images > 1 else ()
    return Estimate(mean, parts, 1, 1, images, left_out, share=share)


def difference_p(estimate: Estimate) -> float | None:
    """Two-sided p value of "there is no difference"; None with a single seed or an unknown error: nothing is tested."""
    return None if estimate.seeds < 2 or not estimate.parts else estimate.p_two_sided()


def equality_p(estimate: Estimate, within: float) -> float | None:
    """P value of "the difference is `within` or more, either way" (two one-sided tests); None where nothing is tested.

    >>> round(equality_p(Estimate(0.0, ((0.0025**2, 1e6),), 10), 0.005), 4)  # two standard errors to either bound
    0.0228
    """
    if estimate.seeds < 2 or not estimate.parts:
        return None
    return max(estimate.p_above(-within), estimate.p_below(within))


def arm_differences(results: Mapping[str, ArmResults], reference: str) -> dict[str, DifferenceResults]:
    """Arm -> accuracy minus the reference's, paired by seed and image, corrected for the number of arms (Holm)."""
    estimates = {
        arm: paired_difference_of(results, Claim(better=arm, than=reference, by=_TESTED))
        for arm, seeds in results.items()
        if seeds and arm != reference
    }
    raw = {arm: difference_p(estimate) for arm, estimate in estimates.items()}
    holm = dict(zip(raw, corrected(list(raw.values())), strict=True))
    return {
        arm: DifferenceResults(**numbers_of(estimates[arm]), p=_nan(raw[arm]), p_holm=_nan(holm[arm]))
        for arm in estimates
    }


def judge_claims(table: TableFile, results: Mapping[str, ArmResults]) -> tuple[ClaimRow, ...]:
    """Every claim with its difference and its verdict."""
    estimates = [paired_difference_of(results, claim) for claim in table.claims]
    primary = table.primary_claims
    p_values = [difference_p(estimate) for estimate in estimates]
    bounds = [table.equal_within if claim.within is None else claim.within for claim in table.claims]
    equal = [equality_p(estimate, bound) for estimate, bound in zip(estimates, bounds, strict=True)]
    holm = corrected([p if claim in primary else None for p, claim in zip(p_values, table.claims, strict=True)])
    equal_holm = corrected([p if claim in primary else None for p, claim in zip(equal, table.claims, strict=True)])
    rows = []
    for k, (claim, estimate) in enumerate(zip(table.claims, estimates, strict=True)):
        is_primary = claim in primary
        p, p_equal = (holm[k], equal_holm[k]) if is_primary else (p_values[k], equal[k])
        level = LEVEL / len(primary) if is_primary else LEVEL
        tested = p_values[k] is not None
        facts = asdict(claim) | numbers_of(estimate) | {"primary": is_primary, "within": bounds[k]}
        rows.append(
            ClaimRow(
                **facts,
                p=_nan(p_values[k]),
                p_holm=_nan(holm[k]),
                p_equal=_nan(p_equal),
                visible=smallest_effect(estimate.parts, level) if tested else math.nan,
                seed_df=estimate.parts[0][1] if tested else math.nan,
                verdict=_verdict(claim, estimate.value, p, p_equal),
            )
        )
    return tuple(rows)


def _verdict(
    claim: Claim, difference: float, p: float | None, p_equal: float | None
) -> Literal["better", "worse", "equal", "not settled"]:
    if p is not None and p < LEVEL:
        return "better" if (difference > 0) == (COLUMNS[claim.by].better == "higher") else "worse"
    return "equal" if p_equal is not None and p_equal < LEVEL else "not settled"


def paired_difference_of(results: Mapping[str, ArmResults], claim: Claim) -> Estimate:
    """An arm minus another in a column per image, or minus another column of its own, paired by seed and image.

    The variance of its seeds is pooled over the arms that have the column with the same seeds.
    """
    arm, other = results[claim.better], results[claim.than or claim.better]
    column, than = COLUMNS[claim.by].stored_as, COLUMNS[claim.over or claim.by].stored_as
    pairs = [(arm[s].arrays.get(column), other[s].arrays.get(than)) for s in sorted(arm) if s in other]
    values = [a.astype(float) - b for a, b in pairs if a is not None and b is not None]
    if not values:
        return Estimate(math.nan)
    return moderated(mean_over_runs(np.stack(values)), _prior(results, column, than if claim.over else None))


def _prior(results: Mapping[str, ArmResults], column: str, over: str | None) -> VariancePrior:
    """The prior of a column's differences: from the arms that have it with the seeds that most arms have."""
    tables: dict[str, dict[int, _Values]] = {}
    for arm, seeds in results.items():
        for seed, result in sorted(seeds.items()):
            if column in result.arrays and (over is None or over in result.arrays):
                values = result.arrays[column].astype(float)
                tables.setdefault(arm, {})[seed] = values if over is None else values - result.arrays[over]
    if not tables:
        return VariancePrior()
    shared = Counter(tuple(seeds) for seeds in tables.values()).most_common(1)[0][0]
    stacked = [np.stack([seeds[s] for s in shared]) for seeds in tables.values() if tuple(seeds) == shared]
    if len({values.shape for values in stacked}) != 1:
        return VariancePrior()
    values = np.stack(stacked)  # (A,S,I)
    values = values[:, :, np.isfinite(values).all((0, 1))]
    return variance_prior(values.mean(2), paired=over is None) if values.shape[2] else VariancePrior()


def numbers_of(estimate: Estimate) -> dict[str, Any]:
    """Value, interval and sizes of an estimate, as a cell of the table holds them."""
    names: Sequence[str] = ("value", "low", "high", "seeds", "left_out")
    return {name: getattr(estimate, name) for name in names}


def _nan(p: float | None) -> float:
    return math.nan if p is None else p
