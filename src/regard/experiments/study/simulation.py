"""Simulated studies whose truth is known: what the machine of verdicts is tested on, and what power is computed with.

A map has three qualities, each 0 to 1: it agrees with people beyond object and centre (gaze), covers the object, leans
to the centre. A world says what each is worth. Of image i, seen by run r with the map of arm k:

    quality  q[k,r,i]  = mean of the arm + noise (learned arms), or exactly the arm's (imposed ones)
    score    y[k,r,i]  = base - hardship_i + sum_j effect_j q_j + run[k,r] + taste[k,i] + rest
    nss      x[k,r,i]  = sum_j weight_j q_j - confounding * hardship_i + noise, more of it the fewer the observers

Hardship is hidden; the column `difficulty` measures it with error, so that whoever partials out the column alone is
deceived in a confounded world. Effects are linear and nothing is clipped, so true contrasts are sums of effects.

Many simulated studies through the machine of verdicts, counted.

How many seeds, images and observers a hypothesis needs: simulated studies through the machine of verdicts.
"""

from __future__ import annotations

import gc
import itertools
import multiprocessing
import zlib
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from statsmodels.stats.proportion import proportion_confint

from regard.experiments.study.design import CONDITIONS, LEARNED
from regard.experiments.study.plan import Contrast, Hypothesis, Plan
from regard.experiments.study.trials import Trials
from regard.experiments.study.verdicts import Word, judge, true_word
from regard.types import RegardError

DRIVEN, HIGHER = ("segmentation",), ("action", "species")
QUALITY: dict[str, tuple[float, float, float]] = {
    "none": (0, 0, 0),
    "uniform": (0, 0, 0),
    "random": (0, 0, 0),
    "center": (0, 0, 1),
    "implicit": (0.2, 0.3, 0.4),
    "bottleneck": (0.2, 0.4, 0.4),
    "explicit": (0.9, 1.0, 1.0),
    "explicit-shuffled": (0.0, 0.3, 1.0),
    "mask-supervised": (0.0, 1.0, 0.6),
    "human": (1, 1, 1),
    "human-shuffled": (0, 0, 1),
}
"""Mean gaze, object and centre of each arm's maps."""
_NOTHING = {"dose-noise": (0.0, 0.0, 0.0), "dose-shuffled": (0.0, 0.0, 1.0)}
"""What is left of the human map at dose 1, in the arms of the plan."""
WEIGHTS = np.array([1.0, 0.8, 0.6])  # of gaze, object and centre in NSS
WOBBLE = np.array([0.3, 0.3, 0.3])  # standard deviation of a learned map's qualities
ALPHAS = (0.0, 0.25, 0.5, 0.75, 1.0)
OBSERVER_NOISE = 1.0  # of NSS with one observer
OBSERVERS_HALF = 1.0  # observers at which a human map is half of what infinitely many would give


@dataclass(frozen=True, kw_only=True)
class Design:
    """How large a study is."""

    seeds: int = 5
    """Runs of each condition and backbone."""
    images: int = 600
    """Test images a task."""
    observers: int = 8
    """People who looked at an image: fewer give noisier maps, which are worth less and look less similar."""
    backbones: int = 3
    """Networks."""


@dataclass(frozen=True, kw_only=True)
class World:
    """What maps are worth, and what disturbs. Effects are of quality 1 against 0, in units of the score."""

    name: str = "useless"
    """What is true in it."""
    effects: tuple[float, float, float] = (0.0, 0.0, 0.0)
    """On performance: gaze, object, centre."""
    faithful: tuple[float, float, float] = (0.0, 0.0, 0.0)
    """On faithfulness."""
    multipliers: tuple[float, float] = (1.0, 1.0)
    """Of the effects on performance in the two higher-level tasks."""
    confounding: float = 0.0
    """How much hard images lower similarity, for no reason that has to do with maps."""
    run_sd: float = 0.005
    """Of runs that differ by the seed alone."""
    taste_sd: float = 0.04
    """Of an image's liking for an arm, the same in all its runs."""
    rest_sd: float = 0.15
    """Of everything else."""
    heavy: bool = False
    """Whether the rest has heavy tails (Student's t, 3 degrees of freedom, scaled to the same deviation)."""
    powered: bool = True
    """Whether the default design is meant to tell its truth; where not, the world is there for the errors."""

    def quality(self, arm: str, alpha: float | None, observers: int) -> NDArray[np.float64]:
        """Mean gaze, object and centre of an arm's maps; gaze that came from few observers is worth less."""
        reliable = observers / (observers + OBSERVERS_HALF)
        gaze = np.array([reliable, 1.0, 1.0])
        if arm in _NOTHING:
            assert alpha is not None
            return (1 - alpha) * np.array(QUALITY["human"]) * gaze + alpha * np.array(_NOTHING[arm])
        return np.array(QUALITY[arm]) * gaze

    def effect(self, contrast: Contrast, task: str, design: Design) -> float:
        """The true contrast in a task."""
        worth = np.array(self.faithful if contrast.column == "faithfulness" else self.effects)
        if contrast.column != "faithfulness" and task in HIGHER:
            worth = worth * self.multipliers[HIGHER.index(task)]
        if contrast.kind == "slope":
            variance = float((WEIGHTS**2) @ (WOBBLE**2)) + OBSERVER_NOISE**2 / design.observers
            return float((WEIGHTS * WOBBLE**2) @ worth / np.sqrt(variance))
        if contrast.kind == "dose":
            whole, none = (self.quality(contrast.first, a, design.observers) for a in (0.0, 1.0))
            return float((whole - none) @ worth)
        first, second = (self.quality(arm, None, design.observers) for arm in (contrast.first, contrast.second))
        return float((first - second) @ worth)

    def truth(self, hypothesis: Hypothesis, plan: Plan, design: Design) -> Word:
        """The verdict that knows everything."""
        tasks = plan.tasks(hypothesis)
        of_task = [[self.effect(c, task, design) for c in hypothesis.contrasts] for task in tasks]
        return true_word(hypothesis, of_task if hypothesis.cases else [np.mean(of_task, 0).tolist()])


WORLDS = (
    World(name="gaze", effects=(0.16, 0.0, 0.0), faithful=(0.25, 0.0, 0.0), multipliers=(1.0, 0.0)),
    World(name="gaze everywhere", effects=(0.16, 0.0, 0.0), faithful=(0.25, 0.0, 0.0)),
    World(name="localisation", effects=(0.0, 0.16, 0.0), faithful=(0.0, 0.25, 0.0), multipliers=(0.0, 1.0)),
    World(name="centre", effects=(0.0, 0.0, 0.2), faithful=(0.0, 0.0, 0.2)),
    World(name="harm", effects=(-0.16, 0.0, 0.0), faithful=(-0.25, 0.0, 0.0)),
    World(name="useless"),
    World(name="useless, confounded", confounding=0.5),
    World(name="useless, restless runs", run_sd=0.02, powered=False),
    World(name="useless, heavy tails", heavy=True),
    World(name="too small to matter", effects=(0.012, 0.0, 0.0), faithful=(0.03, 0.0, 0.0), powered=False),
)
"""Effects are of the size that the default design can tell (`benchmarks/verdicts.py` measures how well), or none."""


def world_plan() -> Plan:
    """The standard plan over the simulated tasks."""
    return Plan(attention_driven=list(DRIVEN), higher_level=list(HIGHER))


def draw(world: World, design: Design, *, seed: int) -> Trials:
    """Trials of one study in a world; `seed` decides everything."""
    tables = [_task(world, design, task, seed) for task in (*DRIVEN, *HIGHER)]
    columns = {name: np.concatenate([table[name] for table in tables]) for name in tables[0]}
    width = len(str(design.images - 1))
    names = {
        "task": [*DRIVEN, *HIGHER],
        "backbone": [f"net{v}" for v in range(design.backbones)],
        "condition": [*QUALITY, *_NOTHING],
        "image": [f"{v:0{width}}" for v in range(design.images)],
    }
    words = {word: pd.Categorical.from_codes(columns.pop(word).astype(int), every) for word, every in names.items()}
    return Trials(pd.DataFrame(words | columns, copy=False))


def _task(world: World, design: Design, task: str, seed: int) -> dict[str, NDArray[Any]]:
    """Columns of one task; words as numbers."""
    rng = np.random.default_rng([seed, zlib.crc32(f"{world.name} {task}".encode())])
    arms: list[tuple[str, float | None]] = [(arm, None) for arm in QUALITY]
    if task in DRIVEN:
        arms += [(arm, alpha) for arm in _NOTHING for alpha in ALPHAS]
    k, r, i = len(arms), design.backbones * design.seeds, design.images
    scaled = world if task in DRIVEN else replace(world, effects=_times(world, task))
    quality = np.stack([world.quality(arm, alpha, design.observers) for arm, alpha in arms])[:, None, None, :]
    learned = np.array([arm in LEARNED for arm, _ in arms])[:, None, None, None]
    q = quality + learned * WOBBLE * rng.standard_normal((k, r, i, 3))
    hardship = rng.uniform(-1.7, 1.7, i)
    rest = rng.standard_t(3, (k, r, i)) / np.sqrt(3) if world.heavy else rng.standard_normal((k, r, i))
    run = world.run_sd * rng.standard_normal((k, r, 1)) + world.run_sd * rng.standard_normal((1, r, 1))
    taste = world.taste_sd * rng.standard_normal((k, 1, i))
    y = 0.6 - 0.1 * hardship + q @ np.array(scaled.effects) + run + taste + world.rest_sd * rest
    noise = OBSERVER_NOISE / np.sqrt(design.observers)
    x = q @ WEIGHTS - world.confounding * hardship + noise * rng.standard_normal((k, r, i))
    f = 0.2 + q @ np.array(world.faithful) + 2 * taste + run + world.rest_sd * rng.standard_normal((k, r, i))
    mapless = np.array([CONDITIONS[arm].map == "none" or arm == "uniform" for arm, _ in arms])[:, None, None]
    shape, hidden = (k, r, i), -world.confounding * hardship
    condition = [[*QUALITY, *_NOTHING].index(arm) for arm, _ in arms]
    dose = [np.nan if alpha is None else alpha for _, alpha in arms]
    backbone, number = np.divmod(np.arange(r), design.seeds)
    of_arm, of_run = np.arange(k)[:, None, None], np.arange(r)[:, None]
    table = {
        "task": (*DRIVEN, *HIGHER).index(task),
        "backbone": backbone[of_run],
        "condition": np.array(condition)[of_arm],
        "alpha": np.array(dose)[of_arm],
        "seed": number[of_run],
        "image": np.arange(i),
        "performance": y,
        "nss": np.where(mapless, np.nan, x),
        "nss_random": hidden,
        "nss_center": WEIGHTS[2] + hidden,
        "nss_observers": WEIGHTS.sum() + hidden,
        "difficulty": hardship + rng.standard_normal(i),
        "faithfulness": np.where(mapless, np.nan, f),
    }
    return {name: np.broadcast_to(values, shape).ravel() for name, values in table.items()}


def _times(world: World, task: str) -> tuple[float, float, float]:
    factor = world.multipliers[HIGHER.index(task)]
    return (world.effects[0] * factor, world.effects[1] * factor, world.effects[2] * factor)


_CHUNK = 10  # studies a job


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
    jobs = [(k, seeds[a : a + _CHUNK]) for k in range(len(settings)) for a in range(0, studies, _CHUNK)]
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


QUANTUM = World(name="gaze", effects=(0.1, 0.0, 0.0), faithful=(0.1, 0.0, 0.0), multipliers=(1.0, 0.0))
"""Its effects are scaled to the effect that is asked for; in the second higher-level task they are none (C3)."""


@dataclass(frozen=True)
class Power:
    """One size of a study.

    Attributes:
        design: the size.
        effect: the smallest true contrast of the hypothesis (per standard deviation of similarity for slopes).
        tally: the verdicts.
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
    noise: World | None = None,
    processes: int = 1,
    progress: Callable[[int, int], None] = lambda done, of: None,
) -> tuple[Power, ...]:
    """How often the hypothesis gets the verdict that is true, for every size.

    The whole plan is judged each time, so that the correction for many hypotheses is in it.

    Args:
        hypothesis: its name in the plan.
        effect: true difference in performance (faithfulness for C5) in its weakest difference or dose, with gaze of
            infinitely many observers. 0: how often is nothing called equivalent to nothing?
        seeds: numbers of seeds.
        images: numbers of test images.
        observers: numbers of people an image; fewer make human maps worth less.
        backbones: networks.
        studies: simulated ones a size.
        plan: whose hypotheses and bounds to judge; its tasks are replaced by the simulated ones.
        noise: a world whose noises to take; the default ones otherwise.
        processes: how many work at once.
        progress: called with how many jobs are done, of how many.

    Raises:
        RegardError: the plan has no such hypothesis, or a size is not positive.
    """
    plan = replace(plan, attention_driven=list(DRIVEN), higher_level=list(HIGHER)) if plan else world_plan()
    found = next((h for h in plan.hypotheses if h.name == hypothesis), None)
    if found is None:
        raise RegardError(
            f"power: no hypothesis {hypothesis!r}; there are {', '.join(h.name for h in plan.hypotheses)}"
        )
    if min(*seeds, *images, *observers, backbones, studies) < 1 or min(images) < 3:
        raise RegardError("power: seeds, observers, backbones and studies must be at least 1, images at least 3")
    world = scaled(found, effect, plan, noise or World())
    designs = [
        Design(seeds=s, images=i, observers=o, backbones=backbones)
        for s, i, o in itertools.product(seeds, images, observers)
    ]
    tallies = simulate([(world, d) for d in designs], plan, studies=studies, processes=processes, progress=progress)
    place = plan.hypotheses.index(found)
    return tuple(Power(d, effect, of_all[place]) for d, of_all in zip(designs, tallies, strict=True))


def scaled(hypothesis: Hypothesis, effect: float, plan: Plan, noise: World) -> World:
    """A world in which the hypothesis' weakest difference or dose is `effect`, with the noises of another."""
    many, task = Design(observers=10**9), plan.tasks(hypothesis)[0]
    unit = min(QUANTUM.effect(c, task, many) for c in hypothesis.contrasts if c.kind != "slope")
    factor = effect / unit

    def times(effects: tuple[float, float, float]) -> tuple[float, float, float]:
        return (effects[0] * factor, effects[1] * factor, effects[2] * factor)

    return replace(
        noise,
        name=f"effect {effect:g}",
        effects=times(QUANTUM.effects),
        faithful=times(QUANTUM.faithful),
        multipliers=QUANTUM.multipliers,
    )
