"""Many simulated studies through the machine of verdicts, counted."""

from __future__ import annotations

import gc
import multiprocessing
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from dataclasses import dataclass

from statsmodels.stats.proportion import proportion_confint

from regard.study.plan import Plan
from regard.study.verdicts import Word, judge
from regard.study.worlds import Design, World, draw

CHUNK = 10  # studies a job


@dataclass(frozen=True)
class Tally:
    """How one hypothesis was judged in many studies of one world.

    Attributes:
        world: name of the world.
        hypothesis: name of the hypothesis.
        truth: the verdict that knows everything.
        counts: how often each verdict was given.
    """

    world: str
    hypothesis: str
    truth: Word
    counts: Mapping[str, int]

    @property
    def studies(self) -> int:
        """How many were simulated."""
        return sum(self.counts.values())

    @property
    def correct(self) -> int:
        """How often the verdict was the truth."""
        return self.counts.get(self.truth, 0)

    @property
    def false_supported(self) -> int:
        """How often an untrue claim was called supported."""
        return 0 if self.truth == "supported" else self.counts.get("supported", 0)

    @property
    def contradicted(self) -> int:
        """How often the verdict said what the truth excludes; undecided excludes nothing, refuted not equivalent."""
        allowed = {self.truth, "undecided"} | ({"refuted"} if self.truth == "equivalent" else set())
        return sum(n for word, n in self.counts.items() if word not in allowed)


def rate(count: int, of: int) -> tuple[float, float, float]:
    """Share with its exact (Clopper-Pearson) 95 % interval.

    >>> [round(v, 4) for v in rate(0, 200)]
    [0.0, 0.0, 0.0183]
    """
    low, high = proportion_confint(count, of, method="beta")
    return count / of, float(low), float(high)


def simulate(
    settings: Sequence[tuple[World, Design]],
    plan: Plan,
    *,
    studies: int,
    first_seed: int = 0,
    processes: int = 1,
    progress: Callable[[int, int], None] = lambda done, of: None,
) -> list[tuple[Tally, ...]]:
    """Judge ``studies`` drawn studies of each setting.

    Args:
        settings: worlds with the size of their studies.
        plan: the hypotheses; its tasks must be those of the worlds (`world_plan`).
        studies: how many of each; study k has the seed ``first_seed + k``.
        first_seed: of the first.
        processes: how many work at once; the result does not depend on it.
        progress: called with how many jobs are done, of how many.

    Returns:
        One tally a hypothesis, for each setting.
    """
    seeds = range(first_seed, first_seed + studies)
    jobs = [(k, seeds[a : a + CHUNK]) for k in range(len(settings)) for a in range(0, studies, CHUNK)]
    words: list[list[Counter[str]]] = [[Counter() for _ in plan.hypotheses] for _ in settings]

    def add(k: int, counted: list[Counter[str]], done: int) -> None:
        for total, own in zip(words[k], counted, strict=True):
            total.update(own)
        progress(done, len(jobs))

    # What was imported never becomes garbage; statsmodels collects at every correction, and would look through it.
    if processes == 1:
        gc.freeze()
        try:
            for done, (k, own) in enumerate(jobs, 1):
                add(k, _count(*settings[k], plan, own), done)
        finally:
            gc.unfreeze()
    else:
        spawn = multiprocessing.get_context("spawn")
        with ProcessPoolExecutor(processes, mp_context=spawn, initializer=gc.freeze) as pool:
            waiting = {pool.submit(_count, *settings[k], plan, own): k for k, own in jobs}
            for done, job in enumerate(as_completed(waiting), 1):
                add(waiting[job], job.result(), done)
    return [
        tuple(
            Tally(world.name, h.name, world.truth(h, plan, design), dict(counts))
            for h, counts in zip(plan.hypotheses, words[k], strict=True)
        )
        for k, (world, design) in enumerate(settings)
    ]


def _count(world: World, design: Design, plan: Plan, seeds: Sequence[int]) -> list[Counter[str]]:
    counts: list[Counter[str]] = [Counter() for _ in plan.hypotheses]
    for seed in seeds:
        for count, verdict in zip(counts, judge(draw(world, design, seed=seed), plan), strict=True):
            count[verdict.word] += 1
    return counts
