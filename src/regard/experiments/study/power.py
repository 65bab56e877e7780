"""How often verdicts are right in simulated studies, and how many seeds, images and observers a hypothesis needs."""

from __future__ import annotations

import gc
import itertools
import multiprocessing
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from dataclasses import dataclass, replace

from statsmodels.stats.proportion import proportion_confint

from regard.experiments.study.plan import Hypothesis, Plan
from regard.experiments.study.simulation import ATTENTION_DRIVEN, HIGHER_LEVEL, Design, Simulation, simulate_trials
from regard.experiments.study.verdicts import Word, judge_hypotheses
from regard.processes import die_with_parent
from regard.types import RegardError

_CHUNK = 10  # studies per job
_UNIT_EFFECT = Simulation(name="gaze", effects=(0.1, 0.0, 0.0), faithful=(0.1, 0.0, 0.0), multipliers=(1.0, 0.0))
"""Its effects, the same on both, are scaled to the requested one; zero in the second higher-level task (C3)."""


@dataclass(frozen=True)
class Tally:
    """How often each verdict on a hypothesis was given in many studies of one simulation, and the true verdict."""

    simulation: str
    hypothesis: str
    truth: Word
    counts: Mapping[str, int]

    @property
    def studies(self) -> int:
        """Number of simulated studies."""
        return sum(self.counts.values())

    @property
    def correct(self) -> int:
        """How often the verdict was right."""
        return self.counts.get(self.truth, 0)

    @property
    def false_supported(self) -> int:
        """How often an untrue claim was called supported."""
        return 0 if self.truth == "supported" else self.counts.get("supported", 0)

    @property
    def contradicted(self) -> int:
        """How often the verdict contradicts the truth; undecided contradicts nothing, and refuted not equivalent."""
        allowed = {self.truth, "undecided"} | ({"refuted"} if self.truth == "equivalent" else set())
        return sum(n for word, n in self.counts.items() if word not in allowed)


def rate(count: int, of: int) -> tuple[float, float, float]:
    """Share with its exact (Clopper-Pearson) 95 % interval.

    >>> [round(v, 4) for v in rate(0, 200)]
    [0.0, 0.0, 0.0183]
    """
    low, high = proportion_confint(count, of, method="beta")
    return count / of, float(low), float(high)


def simulate_studies(
    settings: Sequence[tuple[Simulation, Design]],
    plan: Plan,
    *,
    studies: int,
    first_seed: int = 0,
    processes: int = 1,
    on_progress: Callable[[int, int], None] = lambda done, of: None,
) -> list[tuple[Tally, ...]]:
    """Judge ``studies`` simulated studies of each setting.

    Args:
        settings: simulations with the size of their studies.
        plan: the hypotheses; its tasks must be those of the simulations (`simulation_plan`).
        studies: number per setting; study k has the seed ``first_seed + k``.
        first_seed: of the first study.
        processes: number of processes; the result does not depend on it.
        on_progress: called with the number of finished jobs and of all jobs.

    Returns:
        For each setting one tally per hypothesis.
    """
    seeds = range(first_seed, first_seed + studies)
    jobs = [(k, seeds[a : a + _CHUNK]) for k in range(len(settings)) for a in range(0, studies, _CHUNK)]
    words: list[list[Counter[str]]] = [[Counter() for _ in plan.hypotheses] for _ in settings]

    def add(k: int, counted: list[Counter[str]], done: int) -> None:
        for total, own in zip(words[k], counted, strict=True):
            total.update(own)
        on_progress(done, len(jobs))

    # Freeze what was imported: statsmodels collects garbage at every correction, which would scan it each time.
    if processes == 1:
        gc.freeze()
        try:
            for done, (k, own) in enumerate(jobs, 1):
                add(k, _count(*settings[k], plan, own), done)
        finally:
            gc.unfreeze()
    else:
        spawn = multiprocessing.get_context("spawn")
        with ProcessPoolExecutor(processes, mp_context=spawn, initializer=_start) as pool:
            waiting = {pool.submit(_count, *settings[k], plan, own): k for k, own in jobs}
            for done, job in enumerate(as_completed(waiting), 1):
                add(waiting[job], job.result(), done)
    return [
        tuple(
            Tally(simulation.name, h.name, simulation.truth(h, plan, design), dict(counts))
            for h, counts in zip(plan.hypotheses, words[k], strict=True)
        )
        for k, (simulation, design) in enumerate(settings)
    ]


def _count(simulation: Simulation, design: Design, plan: Plan, seeds: Sequence[int]) -> list[Counter[str]]:
    counts: list[Counter[str]] = [Counter() for _ in plan.hypotheses]
    for seed in seeds:
        verdicts = judge_hypotheses(simulate_trials(simulation, design, seed=seed), plan)
        for count, verdict in zip(counts, verdicts, strict=True):
            count[verdict.word] += 1
    return counts


@dataclass(frozen=True)
class Power:
    """The verdicts on a hypothesis in studies of one size.

    `effect` is its smallest true contrast (per standard deviation of similarity for slopes).
    """

    design: Design
    effect: float
    tally: Tally


def power(
    hypothesis: str,
    effect: float,
    *,
    seeds: Sequence[int] = (3, 5),
    images: Sequence[int] = (200, 600),
    observers: Sequence[int] = (8,),
    backbones: int = 3,
    studies: int = 100,
    plan: Plan | None = None,
    noise: Simulation | None = None,
    processes: int = 1,
    on_progress: Callable[[int, int], None] = lambda done, of: None,
) -> tuple[Power, ...]:
    """How often the hypothesis gets the true verdict, for every size of study.

    The whole plan is judged each time, so that the correction for the number of hypotheses is included.

    Args:
        hypothesis: its name in the plan.
        effect: true difference in performance (faithfulness for C5) in its weakest difference or dose, with gaze of
            infinitely many observers. With 0, the true verdict is equivalent.
        seeds: numbers of seeds.
        images: numbers of test images.
        observers: numbers of people per image; fewer make human maps worth less.
        backbones: number of networks.
        studies: simulated studies per size.
        plan: hypotheses and bounds; its tasks are replaced by the simulated ones.
        noise: a simulation with the standard deviations to use; by default those of `Simulation`.
        processes: number of processes.
        on_progress: called with the number of finished jobs and of all jobs.

    Raises:
        RegardError: the plan has no such hypothesis, or a size is not positive.
    """
    plan = replace(plan or Plan(), attention_driven=list(ATTENTION_DRIVEN), higher_level=list(HIGHER_LEVEL))
    index = next((k for k, h in enumerate(plan.hypotheses) if h.name == hypothesis), None)
    if index is None:
        there_are = ", ".join(h.name for h in plan.hypotheses)
        raise RegardError(f"power: no hypothesis {hypothesis!r}; there are {there_are}")
    if min(*seeds, *images, *observers, backbones, studies) < 1 or min(images) < 3:
        raise RegardError("power: seeds, observers, backbones and studies must be at least 1, images at least 3")
    simulation = scaled_simulation(plan.hypotheses[index], effect, plan, noise or Simulation())
    sizes = itertools.product(seeds, images, observers)
    designs = [Design(seeds=s, images=i, observers=o, backbones=backbones) for s, i, o in sizes]
    settings = [(simulation, design) for design in designs]
    tallies = simulate_studies(settings, plan, studies=studies, processes=processes, on_progress=on_progress)
    return tuple(Power(d, effect, of_all[index]) for d, of_all in zip(designs, tallies, strict=True))


def scaled_simulation(hypothesis: Hypothesis, effect: float, plan: Plan, noise: Simulation) -> Simulation:
    """A simulation in which the hypothesis' weakest difference or dose is `effect`, with the noise of another one."""
    design, task = Design(observers=10**9), plan.tasks(hypothesis)[0]
    unit = min(_UNIT_EFFECT.effect(c, task, design) for c in hypothesis.contrasts if c.kind != "slope")
    gaze = (_UNIT_EFFECT.effects[0] * (effect / unit), 0.0, 0.0)
    multipliers = _UNIT_EFFECT.multipliers
    return replace(noise, name=f"effect {effect:g}", effects=gaze, faithful=gaze, multipliers=multipliers)


def _start() -> None:
    """What a process that simulates does first."""
    die_with_parent()
    gc.freeze()
