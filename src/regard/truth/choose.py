"""One recommended metric: chosen on one half of the networks, reported on the other.

Candidates are every single metric and, since they have one unit, every mean of up to three gaps with different
baselines and that of all. A candidate that praises maps which know nothing more often than `MOST_FALSE`, clearly (a
binomial test at .05), on the half on which it is chosen is refused; of the others the one with the highest tau wins,
and where several are within `CLOSE` of it, the cheapest. A metric that was graded in a part of the worlds, since it has
to learn something first, takes its place only where it is clearly better on that part: tau higher by more than `CLOSE`,
with an interval over networks above zero. Metrics of other libraries are shown beside, and are no candidates.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations

import numpy as np
from numpy.typing import NDArray
from scipy.stats import binom

from regard.truth.grades import COMBINED, FOREIGN, GAPS
from regard.truth.load import Numbers, World
from regard.truth.maps import KNOWS_NOTHING
from regard.truth.verdicts import ladder_tau, over_networks, praised

MOST_FALSE, CLOSE, _CLEAR = 0.05, 0.01, 0.05
_FEWEST = 8
"""Networks in which a candidate must have been graded."""
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
        """Forwards for one map; NaN where it was not graded."""
        return float(world.forwards[list(self.parts)].sum())

    @property
    def foreign(self) -> bool:
        """Whether it is another library's."""
        return FOREIGN in self.name


def candidates(metrics: Sequence[str]) -> tuple[Candidate, ...]:
    """Every single metric, and the means of gaps."""
    single = [Candidate(name, (k,)) for k, name in enumerate(metrics)]
    gaps = [name for name in GAPS if name in metrics]
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
        tau: (worlds, K); NaN where a candidate was not graded.
        cost: forwards for one map (K,).
        graded: whether a candidate was graded in a world (worlds, K).
    """

    worlds: tuple[World, ...]
    candidates: tuple[Candidate, ...]
    grades: tuple[Numbers, ...]
    tau: Numbers
    cost: Numbers
    graded: NDArray[np.bool_]

    def rows_of(self, names: Sequence[str], rows: Sequence[int]) -> list[int]:
        """Those of some worlds, by number, in which all of some candidates were graded."""
        return [row for row in rows if self.graded[row, [self.place(name) for name in names]].all()]

    def place(self, name: str) -> int:
        """Number of a candidate."""
        return [candidate.name for candidate in self.candidates].index(name)

    def praise(
        self, rows: Sequence[int], names: Sequence[str], which: slice | NDArray[np.int_] = slice(None)
    ) -> Numbers:
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
    cost = np.array([[candidate.cost(world) for candidate in named] for world in worlds])
    graded = np.isfinite(cost)
    tau = np.stack([ladder_tau(world, g) for world, g in zip(worlds, grades, strict=True)])
    mean_cost = np.where(graded, cost, 0).sum(0) / np.maximum(graded.sum(0), 1)
    return Judged(tuple(worlds), named, grades, np.where(graded, tau, np.nan), mean_cost, graded)


def halves(worlds: Sequence[World]) -> Mapping[str, list[int]]:
    """Numbers of the worlds of even seeds, on which is chosen, and of odd ones, which are held out."""
    return {name: [k for k, w in enumerate(worlds) if w.seed % 2 == odd] for odd, name in enumerate(("chosen", "held"))}


def recommend(judged: Judged, rows: Sequence[int]) -> str:
    """The candidate that wins on some worlds (their numbers)."""
    own = np.array([not candidate.foreign for candidate in judged.candidates])
    everywhere = np.flatnonzero(judged.graded[list(rows)].all(0) & own)
    mean, allowed = judged.tau[list(rows)][:, everywhere].mean(0), _allowed(judged, rows, everywhere)
    if not allowed.any():
        count = _praise_count(judged, rows, everywhere)
        allowed = count == count.min()
    close = everywhere[allowed & (mean >= mean[allowed].max() - CLOSE)]
    best = close[judged.cost[close].argmin()]
    clear = []
    for k in np.flatnonzero(~judged.graded[list(rows)].all(0) & own):
        part = [row for row in rows if judged.graded[row, k]]
        if len({judged.worlds[row].network for row in part}) < _FEWEST or not _allowed(judged, part, np.array([k]))[0]:
            continue
        better = judged.tau[part, k] - judged.tau[part, best]
        worlds = [judged.worlds[row] for row in part]
        value, low, _ = over_networks(worlds, lambda which, d=better: float(d[list(which)].mean()))
        if value > CLOSE and low > 0:
            clear.append((value, k))
    return judged.candidates[max(clear)[1] if clear else best].name


def _praise_count(judged: Judged, rows: Sequence[int], places: NDArray[np.int_]) -> NDArray[np.int_]:
    """How often candidates praise maps that know nothing."""
    count: NDArray[np.int_] = judged.praise(rows, list(KNOWS_NOTHING), places).sum((0, 2)).astype(int)
    return count


def _allowed(judged: Judged, rows: Sequence[int], places: NDArray[np.int_]) -> NDArray[np.bool_]:
    """Which candidates do not clearly praise maps that know nothing more often than `MOST_FALSE`."""
    praise = judged.praise(rows, list(KNOWS_NOTHING), places)
    tests = praise.shape[0] * praise.shape[2]
    result: NDArray[np.bool_] = binom.sf(praise.sum((0, 2)) - 1, tests, MOST_FALSE) >= _CLEAR
    return result
