"""Simulated studies whose truth is known: what verdicts are tested on, and what power is computed with.

A map has three qualities, each 0 to 1: it agrees with people beyond object and centre (gaze), covers the object, leans
to the centre. A simulation says what each is worth. Of image i, seen by run r with the map of arm k:

    quality  q[k,r,i]  = mean of the arm + noise (learned maps), or exactly the arm's mean (given maps)
    score    y[k,r,i]  = base - difficulty_i + sum_j effect_j q_j + run[k,r] + preference[k,i] + rest
    nss      x[k,r,i]  = sum_j weight_j q_j - confounding * difficulty_i + noise, more of it with fewer observers

The true difficulty is hidden; the column `difficulty` measures it with error, so that partialling out the column alone
misleads in a confounded simulation. Effects are linear and nothing is clipped, so true contrasts are sums of effects.
"""

from __future__ import annotations

import zlib
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from regard.experiments.study.design import CONDITIONS, LEARNED
from regard.experiments.study.plan import Contrast, Hypothesis, Plan
from regard.experiments.study.trials import Trials
from regard.experiments.study.verdicts import Word, true_word

ATTENTION_DRIVEN, HIGHER_LEVEL = ("segmentation",), ("action", "species")
MAP_QUALITIES: dict[str, tuple[float, float, float]] = {
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
"""Mean gaze, object and centre of each condition's maps."""
_DOSE_END = {"dose-noise": (0.0, 0.0, 0.0), "dose-shuffled": (0.0, 0.0, 1.0)}
"""Qualities at dose 1, where nothing is left of the human map."""
WEIGHTS = np.array([1.0, 0.8, 0.6])  # of gaze, object and centre in NSS
QUALITY_SD = np.array([0.3, 0.3, 0.3])  # of a learned map's qualities
ALPHAS = (0.0, 0.25, 0.5, 0.75, 1.0)
OBSERVER_NOISE = 1.0  # of NSS with one observer
OBSERVERS_HALF = 1.0  # observers with which a human map is worth half of one from infinitely many


@dataclass(frozen=True, kw_only=True)
class Design:
    """The size of a study."""

    seeds: int = 5
    """Runs per condition and backbone."""
    images: int = 600
    """Test images per task."""
    observers: int = 8
    """People per image: fewer give noisier maps, which are worth less and are less similar."""
    backbones: int = 3
    """Networks."""


@dataclass(frozen=True, kw_only=True)
class Simulation:
    """What maps are worth, and the noise. Effects are those of quality 1 against 0, in units of the score."""

    name: str = "useless"
    """What is true in it; also seeds its random numbers."""
    effects: tuple[float, float, float] = (0.0, 0.0, 0.0)
    """On performance, of gaze, object and centre."""
    faithful: tuple[float, float, float] = (0.0, 0.0, 0.0)
    """On faithfulness, of the same."""
    multipliers: tuple[float, float] = (1.0, 1.0)
    """Factors of the effects on performance in the two higher-level tasks."""
    confounding: float = 0.0
    """How much difficult images lower similarity, independently of maps."""
    run_sd: float = 0.005
    """Standard deviation of runs that differ by the seed alone."""
    preference_sd: float = 0.04
    """Standard deviation of an image's preference for a condition, the same in all runs."""
    rest_sd: float = 0.15
    """Standard deviation of everything else."""
    heavy: bool = False
    """Whether the rest has heavy tails (Student's t, 3 degrees of freedom, scaled to the same deviation)."""
    powered: bool = True
    """Whether a study of the default design can find its truth; otherwise the simulation tests for errors."""

    def quality(self, arm: str, alpha: float | None, observers: int) -> NDArray[np.float64]:
        """Mean gaze, object and centre of a condition's maps; gaze of few observers is worth less."""
        gaze = np.array([observers / (observers + OBSERVERS_HALF), 1.0, 1.0])
        if arm in _DOSE_END:
            assert alpha is not None
            return (1 - alpha) * np.array(MAP_QUALITIES["human"]) * gaze + alpha * np.array(_DOSE_END[arm])
        return np.array(MAP_QUALITIES[arm]) * gaze

    def worth(self, task: str, column: str = "performance") -> NDArray[np.float64]:
        """What gaze, object and centre of quality 1 add to a column in a task."""
        if column == "faithfulness":
            return np.array(self.faithful)
        return np.array(self.effects) * (self.multipliers[HIGHER_LEVEL.index(task)] if task in HIGHER_LEVEL else 1.0)

    def effect(self, contrast: Contrast, task: str, design: Design) -> float:
        """The true contrast in a task."""
        worth = self.worth(task, contrast.column)
        if contrast.kind == "slope":
            variance = float((WEIGHTS**2) @ (QUALITY_SD**2)) + OBSERVER_NOISE**2 / design.observers
            return float((WEIGHTS * QUALITY_SD**2) @ worth / np.sqrt(variance))
        if contrast.kind == "dose":
            whole, none = (self.quality(contrast.first, a, design.observers) for a in (0.0, 1.0))
            return float((whole - none) @ worth)
        first, second = (self.quality(arm, None, design.observers) for arm in (contrast.first, contrast.second))
        return float((first - second) @ worth)

    def truth(self, hypothesis: Hypothesis, plan: Plan, design: Design) -> Word:
        """The verdict of whoever knows all effects."""
        tasks = plan.tasks(hypothesis)
        of_task = [[self.effect(c, task, design) for c in hypothesis.contrasts] for task in tasks]
        return true_word(hypothesis, of_task if hypothesis.cases else [np.mean(of_task, 0).tolist()])


SIMULATIONS = (
    Simulation(name="gaze", effects=(0.16, 0.0, 0.0), faithful=(0.25, 0.0, 0.0), multipliers=(1.0, 0.0)),
    Simulation(name="gaze everywhere", effects=(0.16, 0.0, 0.0), faithful=(0.25, 0.0, 0.0)),
    Simulation(name="localisation", effects=(0.0, 0.16, 0.0), faithful=(0.0, 0.25, 0.0), multipliers=(0.0, 1.0)),
    Simulation(name="centre", effects=(0.0, 0.0, 0.2), faithful=(0.0, 0.0, 0.2)),
    Simulation(name="harm", effects=(-0.16, 0.0, 0.0), faithful=(-0.25, 0.0, 0.0)),
    Simulation(name="useless"),
    Simulation(name="useless, confounded", confounding=0.5),
    Simulation(name="useless, restless runs", run_sd=0.02, powered=False),
    Simulation(name="useless, heavy tails", heavy=True),
    Simulation(name="too small to matter", effects=(0.012, 0.0, 0.0), faithful=(0.03, 0.0, 0.0), powered=False),
)
"""Effects are as large as the default design can find (`benchmarks/verdicts.py` measures how well), or zero."""


def simulation_plan() -> Plan:
    """The standard plan over the simulated tasks."""
    return Plan(attention_driven=list(ATTENTION_DRIVEN), higher_level=list(HIGHER_LEVEL))


def simulate_trials(simulation: Simulation, design: Design, *, seed: int) -> Trials:
    """Trials of one simulated study; `seed` decides all random numbers."""
    tables = [_task(simulation, design, task, seed) for task in (*ATTENTION_DRIVEN, *HIGHER_LEVEL)]
    columns = {name: np.concatenate([table[name] for table in tables]) for name in tables[0]}
    width = len(str(design.images - 1))
    names = {
        "task": [*ATTENTION_DRIVEN, *HIGHER_LEVEL],
        "backbone": [f"net{v}" for v in range(design.backbones)],
        "condition": [*MAP_QUALITIES, *_DOSE_END],
        "image": [f"{v:0{width}}" for v in range(design.images)],
    }
    words = {word: pd.Categorical.from_codes(columns.pop(word).astype(int), every) for word, every in names.items()}
    return Trials(pd.DataFrame(words | columns, copy=False))


def _task(simulation: Simulation, design: Design, task: str, seed: int) -> dict[str, NDArray[Any]]:
    """Columns of one task, text as numbers."""
    rng = np.random.default_rng([seed, zlib.crc32(f"{simulation.name} {task}".encode())])
    arms: list[tuple[str, float | None]] = [(arm, None) for arm in MAP_QUALITIES]
    if task in ATTENTION_DRIVEN:
        arms += [(arm, alpha) for arm in _DOSE_END for alpha in ALPHAS]
    k, r, i = len(arms), design.backbones * design.seeds, design.images
    quality = np.stack([simulation.quality(arm, alpha, design.observers) for arm, alpha in arms])[:, None, None, :]
    learned = np.array([arm in LEARNED for arm, _ in arms])[:, None, None, None]
    q = quality + learned * QUALITY_SD * rng.standard_normal((k, r, i, 3))
    difficulty = rng.uniform(-1.7, 1.7, i)
    rest = rng.standard_t(3, (k, r, i)) / np.sqrt(3) if simulation.heavy else rng.standard_normal((k, r, i))
    run = simulation.run_sd * rng.standard_normal((k, r, 1)) + simulation.run_sd * rng.standard_normal((1, r, 1))
    preference = simulation.preference_sd * rng.standard_normal((k, 1, i))
    y = 0.6 - 0.1 * difficulty + q @ simulation.worth(task) + run + preference + simulation.rest_sd * rest
    noise = OBSERVER_NOISE / np.sqrt(design.observers)
    x = q @ WEIGHTS - simulation.confounding * difficulty + noise * rng.standard_normal((k, r, i))
    f_rest = simulation.rest_sd * rng.standard_normal((k, r, i))
    f = 0.2 + q @ simulation.worth(task, "faithfulness") + 2 * preference + run + f_rest
    mapless = np.array([CONDITIONS[arm].map == "none" or arm == "uniform" for arm, _ in arms])[:, None, None]
    shape, hidden = (k, r, i), -simulation.confounding * difficulty
    names = [*MAP_QUALITIES, *_DOSE_END]
    backbone, number = np.divmod(np.arange(r), design.seeds)
    of_arm, of_run = np.arange(k)[:, None, None], np.arange(r)[:, None]
    table = {
        "task": (*ATTENTION_DRIVEN, *HIGHER_LEVEL).index(task),
        "backbone": backbone[of_run],
        "condition": np.array([names.index(arm) for arm, _ in arms])[of_arm],
        "alpha": np.array([alpha for _, alpha in arms], float)[of_arm],
        "seed": number[of_run],
        "image": np.arange(i),
        "performance": y,
        "nss": np.where(mapless, np.nan, x),
        "nss_random": hidden,
        "nss_center": WEIGHTS[2] + hidden,
        "nss_observers": WEIGHTS.sum() + hidden,
        "difficulty": difficulty + rng.standard_normal(i),
        "faithfulness": np.where(mapless, np.nan, f),
    }
    return {name: np.broadcast_to(values, shape).ravel() for name, values in table.items()}
