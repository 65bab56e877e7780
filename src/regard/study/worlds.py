"""Simulated studies whose truth is known: what the machine of verdicts is tested on, and what power is computed with.

A map has three qualities, each 0 to 1: it agrees with people beyond object and centre (gaze), covers the object, leans
to the centre. A world says what each is worth. Of image i, seen by run r with the map of arm k:

    quality  q[k,r,i]  = mean of the arm + noise (learned arms), or exactly the arm's (imposed ones)
    score    y[k,r,i]  = base - hardship_i + sum_j effect_j q_j + run[k,r] + taste[k,i] + rest
    nss      x[k,r,i]  = sum_j weight_j q_j - confounding * hardship_i + noise, more of it the fewer the observers

Hardship is hidden; the column `difficulty` measures it with error, so that whoever partials out the column alone is
deceived in a confounded world. Effects are linear and nothing is clipped, so true contrasts are sums of effects.
"""

from __future__ import annotations

import zlib
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from regard.study.conditions import CONDITIONS, LEARNED
from regard.study.plan import Contrast, Hypothesis, Plan
from regard.study.trials import Trials
from regard.study.verdicts import Word, true_word

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
NOTHING = {"dose-noise": (0.0, 0.0, 0.0), "dose-shuffled": (0.0, 0.0, 1.0)}
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
        if arm in NOTHING:
            assert alpha is not None
            return (1 - alpha) * np.array(QUALITY["human"]) * gaze + alpha * np.array(NOTHING[arm])
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
        "condition": [*QUALITY, *NOTHING],
        "image": [f"{v:0{width}}" for v in range(design.images)],
    }
    words = {word: pd.Categorical.from_codes(columns.pop(word).astype(int), every) for word, every in names.items()}
    return Trials(pd.DataFrame(words | columns, copy=False))


def _task(world: World, design: Design, task: str, seed: int) -> dict[str, NDArray[Any]]:
    """Columns of one task; words as numbers."""
    rng = np.random.default_rng([seed, zlib.crc32(f"{world.name} {task}".encode())])
    arms: list[tuple[str, float | None]] = [(arm, None) for arm in QUALITY]
    if task in DRIVEN:
        arms += [(arm, alpha) for arm in NOTHING for alpha in ALPHAS]
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
    condition = [[*QUALITY, *NOTHING].index(arm) for arm, _ in arms]
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
