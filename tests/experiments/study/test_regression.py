import numpy as np
import pandas as pd
import pytest
from tests.experiments.study.tables import table

from regard.experiments.study import Contrast, Design, Simulation, Trials, simulate_trials
from regard.experiments.study.contrasts import dose_drop
from regard.experiments.study.design import CONDITIONS, LEARNED
from regard.experiments.study.regression import LearnedPairs, learned_pairs, within_slope

SMALL = Design(seeds=3, images=200, backbones=2)


def test_a_slope_without_noise_is_exact() -> None:
    rng = np.random.default_rng(0)
    x = rng.normal(size=(2, 3, 50))
    y = 0.5 * x + rng.normal(size=(2, 3, 1)) + 7 * rng.normal(size=(1, 1, 50))
    slope = within_slope(LearnedPairs(x, y, np.zeros(3, int)))
    rest = x - x.mean(2, keepdims=True)
    rest -= rest.mean((0, 1))
    assert slope.value == pytest.approx(0.5 * np.sqrt((rest**2).sum() / (x.size - 6 - 49)))
    assert slope.se < 1e-9


def test_the_simulated_slope_is_recovered() -> None:
    simulation = Simulation(effects=(0.2, 0.1, 0.0))
    slope = within_slope(learned_pairs(simulate_trials(simulation, SMALL, seed=0), "segmentation", "nss"))
    truth = simulation.effect(Contrast(kind="slope"), "segmentation", SMALL)
    assert slope.low < truth < slope.high
    assert slope.high - slope.low < truth


def test_hidden_difficulty_biases_all_slopes_but_the_one_within_images() -> None:
    trials = simulate_trials(Simulation(confounding=0.5), SMALL, seed=0)
    pairs = learned_pairs(trials, "segmentation", "nss")
    hard = learned_pairs(trials, "segmentation", "nss", difficulty=True)
    assert within_slope(pairs, images=False).low > 0.02
    assert within_slope(hard, images=False).low > 0.01
    clean = within_slope(pairs)
    assert clean.low < 0 < clean.high


def test_adjusting_for_exact_difficulty_is_unbiased() -> None:
    trials = simulate_trials(Simulation(confounding=0.5), SMALL, seed=0)
    pairs = learned_pairs(trials, "segmentation", "nss")
    exact = LearnedPairs(pairs.x, pairs.y, pairs.backbone, difficulty=pairs.y.mean((0, 1)))
    slope = within_slope(exact, images=False)
    assert abs(slope.value) < 0.01


def test_higher_is_closer_with_every_metric() -> None:
    frame = table({"implicit": 0.0, "explicit": 0.1}, images=30)
    frame = frame.assign(kl=-frame["nss"])
    frame["performance"] += 0.1 * frame["nss"]
    nss, kl = (within_slope(learned_pairs(Trials(frame), "task", metric)) for metric in ("nss", "kl"))
    assert nss.low > 0
    assert kl.value == pytest.approx(nss.value)


def test_override_arms_are_excluded() -> None:
    frame = table({name: 0.0 for name, c in CONDITIONS.items() if not name.startswith("dose")}, images=5)
    assert learned_pairs(Trials(frame), "task", "nss").conditions == LEARNED
    assert all(CONDITIONS[name].map == "learned" for name in LEARNED)
    overrides = frame[~frame["condition"].isin(LEARNED)]
    assert np.isnan(within_slope(learned_pairs(Trials(overrides), "task", "nss")).value)


def test_without_numbers_there_is_no_slope() -> None:
    frame = table({"implicit": 0.0})
    assert np.isnan(within_slope(learned_pairs(Trials(frame), "task", "cc")).value)
    assert np.isnan(within_slope(learned_pairs(Trials(frame.assign(nss=1.0)), "task", "nss")).value)
    no_difficulty = Trials(frame.drop(columns="difficulty"))
    assert np.isnan(within_slope(learned_pairs(no_difficulty, "task", "nss", difficulty=True)).value)


def test_the_drop_of_a_dose_is_that_of_its_line() -> None:
    one = table({"human": 0.0}, images=10).assign(condition="dose-noise")
    doses = [one.assign(alpha=a, performance=one["performance"] - 0.3 * a) for a in (0.0, 0.5, 1.0)]
    slope = dose_drop(Trials(pd.concat(doses)), "task", "dose-noise")
    assert slope.value == pytest.approx(0.3)
    assert slope.se < 1e-9
    assert np.isnan(dose_drop(Trials(doses[0]), "task", "dose-noise").value)
