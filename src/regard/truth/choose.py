"""One recommended metric: chosen on one half of the networks, reported on the other.

Candidates are every single metric and, since they have one unit, every mean of up to three gaps with different
baselines and that of all. A candidate that praises maps which know nothing more often than `MOST_FALSE`, clearly (a
binomial test at .05), on the half on which it is chosen is refused; of the others the one with the highest tau wins,
and where several are within `CLOSE` of it, the cheapest.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations

import numpy as np
from scipy.stats import binom

from regard.truth.grades import COMBINED, GRADED_BASELINES
from regard.truth.load import Numbers, World
from regard.truth.maps import KNOWS_NOTHING
from regard.truth.verdicts import ladder_tau, praised

MOST_FALSE, CLOSE, _CLEAR = 0.05, 0.01, 0.05
GROUP = 4
"""Worlds whose images are tested together for false praise."""


@dataclass(frozen=True)
class Candidate:
    """A metric, or the mean of several.

    Attributes:
        name: names of its parts, with ``+`` between.
        parts: numbers of the metrics whose mean it is.
    """

    name: str
    parts: tuple[int, ...]

    def grades(self, world: World) -> Numbers:
        """Of all maps (M,N)."""
        result: Numbers = world.grades[list(self.parts)].mean(0)
        return result

    def cost(self, world: World) -> float:
        """Forwards for one map."""
        return float(world.forwards[list(self.parts)].sum())


def candidates(metrics: Sequence[str]) -> tuple[Candidate, ...]:
    """Every single metric, and the means of gaps."""
    single = [Candidate(name, (k,)) for k, name in enumerate(metrics)]
    gaps = [f"gap_{baseline}" for baseline in GRADED_BASELINES if f"gap_{baseline}" in metrics]
    groups = [group for size in (2, 3) for group in combinations(gaps, size)]
    if len(gaps) > 3:
        groups.append(tuple(gaps))
    return (*single, *(Candidate(COMBINED.join(g), tuple(metrics.index(name) for name in g)) for g in groups))


def all_grades(world: World, named: Sequence[Candidate]) -> Numbers:
    """Grades of all candidates (K,M,N)."""
    return np.stack([candidate.grades(world) for candidate in named])


@dataclass(frozen=True)
class Judged:
    """What K candidates did in each of some worlds.

    Attributes:
        worlds: the worlds.
        candidates: K of them.
        grades: of each world, (K,M,N).
        tau: (worlds, K).
        cost: forwards for one map (K,).
    """

    worlds: tuple[World, ...]
    candidates: tuple[Candidate, ...]
    grades: tuple[Numbers, ...]
    tau: Numbers
    cost: Numbers

    def place(self, name: str) -> int:
        """Number of a candidate."""
        return [candidate.name for candidate in self.candidates].index(name)

    def praise(self, rows: Sequence[int], names: Sequence[str], which: slice = slice(None)) -> Numbers:
        """Whether maps are called better than random by some candidates (groups, K, names), see `praised`.

        A group is some `GROUP` worlds of one kind and set, among those of the numbers ``rows``, whose images are tested
        together: an interval from the images of one world alone would be too narrow for every metric.
        """
        sets: dict[tuple[str, str], list[int]] = {}
        for row in rows:
            sets.setdefault((self.worlds[row].kind, self.worlds[row].set), []).append(row)
        groups = [part for own in sets.values() for part in np.array_split(own, max(1, round(len(own) / GROUP)))]
        return np.stack([praised([(self.worlds[k], self.grades[k][which]) for k in group], names) for group in groups])


def judge_candidates(worlds: Sequence[World]) -> Judged:
    """Grades and tau of every candidate in every world."""
    named = candidates(worlds[0].metrics)
    grades = tuple(all_grades(world, named) for world in worlds)
    return Judged(
        tuple(worlds),
        named,
        grades,
        np.stack([ladder_tau(world, g) for world, g in zip(worlds, grades, strict=True)]),
        np.mean([[candidate.cost(world) for candidate in named] for world in worlds], axis=0),
    )


def halves(worlds: Sequence[World]) -> Mapping[str, list[int]]:
    """Numbers of the worlds of even seeds, on which is chosen, and of odd ones, which are held out."""
    return {name: [k for k, w in enumerate(worlds) if w.seed % 2 == odd] for odd, name in enumerate(("chosen", "held"))}


def recommend(judged: Judged, rows: Sequence[int]) -> str:
    """The candidate that wins on some worlds (their numbers)."""
    mean, praise = judged.tau[list(rows)].mean(0), judged.praise(rows, list(KNOWS_NOTHING))
    count, tests = praise.sum((0, 2)), praise.shape[0] * praise.shape[2]
    allowed = binom.sf(count - 1, tests, MOST_FALSE) >= _CLEAR
    if not allowed.any():
        allowed = count == count.min()
    best = mean[allowed].max()
    close = np.flatnonzero(allowed & (mean >= best - CLOSE))
    return judged.candidates[close[judged.cost[close].argmin()]].name
