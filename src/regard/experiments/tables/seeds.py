"""How many seeds a table needs: what its primary claims find with those it has, printed before anything is run."""

from __future__ import annotations

import math
from collections.abc import Mapping

from regard.experiments.detectable import find_power, seed_parts, seeds_needed
from regard.experiments.tables.claims import LEVEL, ArmResults, paired_difference_of
from regard.experiments.tables.columns import COLUMNS
from regard.experiments.tables.export import claim_sentence
from regard.experiments.tables.file import PowerPlan, TableFile
from regard.experiments.tables.results import Claim
from regard.report import number, plural

POWER = 0.8


def power_lines(table: TableFile, results: Mapping[str, ArmResults]) -> list[str]:
    """The power of every primary claim with the table's seeds, and a warning with the number that suffices.

    The spread over seeds and images is that of finished cells where both arms have two seeds or more, else that of the
    table's `power`. Arms share the variance of their seeds (`moderated`); the count assumes that they vary alike.

    Args:
        table: what is compared.
        results: arm -> seed -> result of finished cells.
    """
    if not table.claims:
        return []
    primary = table.primary_claims
    if not primary:
        return [
            f"! none of {plural(len(table.claims), 'claim')} is primary: all are exploratory; mark two or three with "
            "`primary: true`"
        ]
    seeds = len(table.seeds)
    lines = [f"{plural(len(primary), 'primary claim')}, {plural(seeds, 'seed')}; differences are found with a power of"]
    for claim in primary:
        lines += _claim_lines(table, claim, results, level=LEVEL / len(primary))
    return lines


def _claim_lines(table: TableFile, claim: Claim, results: Mapping[str, ArmResults], *, level: float) -> list[str]:
    sentence, seeds = claim_sentence(claim, {}), len(table.seeds)
    estimate = paired_difference_of(results, claim)
    measured = estimate.seeds > 1 and bool(estimate.parts)
    if not measured and not COLUMNS[claim.by].share:
        return [f"  unknown  {sentence}: no finished cells, and `power` is that of shares"]
    if measured:
        (runs, _), (images, _) = estimate.parts
        spread = PowerPlan(
            effect=table.power.effect, seed_sd=math.sqrt(runs * estimate.seeds), image_se=math.sqrt(images)
        )
    else:
        spread = table.power
    if not COLUMNS[claim.by].share:
        spread = PowerPlan(effect=2 * spread.seed_sd, seed_sd=spread.seed_sd, image_se=spread.image_se)
    arms = len(table.arms) + bool(claim.over)  # arms against their own column have one degree of freedom more each
    arms = arms if len(table.arms) > 2 else 2
    how = f"{'measured' if measured else 'assumed'} spread {number(spread.seed_sd)} over seeds, "
    how += f"{number(spread.image_se)} left by images"
    if seeds < 2:
        return [f"! none     {sentence}: with one seed nothing is tested; use --seeds 2 or more"]
    if spread.seed_sd == 0 and spread.image_se == 0:
        return [f"  1.00     {sentence}: finished cells do not differ"]
    needed = seeds_needed(spread.effect, spread.seed_sd, spread.image_se, arms=arms, level=level, power=POWER)
    power = find_power(spread.effect, seed_parts(seeds, spread.seed_sd, spread.image_se, arms=arms), level)
    line = f"{power:.2f}     {sentence}: {number(spread.effect)} at level {number(level)}; {how}"
    if power >= POWER:
        return [f"  {line}"]
    remedy = "no number of seeds suffices" if needed is None else f"{needed} seeds have {POWER:.2f}: --seeds {needed}"
    return [f"! {line}; {remedy}"]
