from dataclasses import replace

import numpy as np
import pytest
from tests.experiments.study.tables import trials as flat

from regard.experiments.study import SIMULATIONS, Design, Simulation, judge_hypotheses, simulate_trials
from regard.experiments.study.contrasts import arm_difference, estimate_contrast
from regard.experiments.study.panel import Arm
from regard.experiments.study.power import Tally, power, rate, scaled_simulation, simulate_studies
from regard.experiments.study.simulation import ATTENTION_DRIVEN, HIGHER_LEVEL, simulation_plan
from regard.types import RegardError

PLAN = simulation_plan()
SMALL = Design(seeds=3, images=100, backbones=2)
NAMED = {simulation.name: simulation for simulation in SIMULATIONS}


@pytest.mark.parametrize("name", ["gaze", "localisation", "centre", "harm"])
def test_estimated_contrasts_agree_with_the_true_ones(name: str) -> None:
    simulation = replace(NAMED[name], run_sd=1e-4, preference_sd=0.01, rest_sd=0.02)
    design = Design(seeds=3, images=400, backbones=2)
    trials = simulate_trials(simulation, design, seed=1)
    for hypothesis in PLAN.hypotheses:
        for contrast in hypothesis.contrasts:
            for task in PLAN.tasks(hypothesis):
                drawn = estimate_contrast(trials, contrast, [task])
                assert drawn.value == pytest.approx(simulation.effect(contrast, task, design), abs=5 * drawn.se + 2e-3)


def test_truths_agree_with_the_names_of_simulations() -> None:
    truth = {w.name: {h.name: w.truth(h, PLAN, Design()) for h in PLAN.hypotheses} for w in SIMULATIONS}
    assert truth["gaze"] == dict.fromkeys(("C1", "C2", "C3", "C4", "C5", "G"), "supported")
    assert truth["gaze everywhere"]["C3"] == "refuted"
    assert {k for k, v in truth["localisation"].items() if v != "supported"} == {"G"}
    assert set(truth["centre"].values()) == {"equivalent"}
    assert set(truth["harm"].values()) == {"refuted"}
    for name in ("useless", "useless, confounded", "too small to matter"):
        assert set(truth[name].values()) == {"equivalent"}


def test_human_maps_of_few_observers_have_less_effect() -> None:
    simulation, c1 = NAMED["gaze"], PLAN.hypotheses[0]
    effects = [simulation.effect(c1.contrasts[0], ATTENTION_DRIVEN[0], Design(observers=n)) for n in (1, 2, 10**6)]
    assert effects == pytest.approx([0.08, 0.16 * 2 / 3, 0.16], rel=1e-5)


def test_the_seed_decides_and_simulations_differ() -> None:
    a, b = simulate_trials(NAMED["gaze"], SMALL, seed=3), simulate_trials(NAMED["gaze"], SMALL, seed=3)
    assert a.frame.equals(b.frame)
    assert not a.frame.equals(simulate_trials(NAMED["gaze"], SMALL, seed=4).frame)


def test_pairing_removes_shared_variance() -> None:
    arms = flat({"explicit": 0.1, "implicit": 0.0}, noise=0.01, images=40)
    pair = arm_difference(arms, "task", Arm("explicit"), Arm("implicit"))
    assert pair.value == pytest.approx(0.1, abs=0.01)
    assert pair.se < 0.01  # images and seeds alone have deviations of 1 and .3
    mixed = arms.frame.astype({"image": object, "condition": object})
    other = mixed["condition"] == "implicit"
    runs = mixed.loc[other].groupby(["seed", "backbone"], observed=True)["performance"]
    mixed.loc[other, "performance"] = runs.transform(lambda v: np.roll(v, 7))
    broken = arm_difference(type(arms)(mixed), "task", Arm("explicit"), Arm("implicit"))
    assert broken.value == pytest.approx(pair.value)  # the mean does not depend on pairing,
    assert broken.se > 10 * pair.se  # the error does


def test_twenty_simulated_studies() -> None:
    """A small version of benchmarks/verdicts.py: each simulation twice, with a design of enough power."""
    of_simulations = simulate_studies([(simulation, Design(images=400)) for simulation in SIMULATIONS], PLAN, studies=2)
    tallies = [t for of_simulation in of_simulations for t in of_simulation]
    powered = [t for t in tallies if NAMED[t.simulation].powered]
    assert sum(t.false_supported for t in tallies) <= 1
    assert sum(t.correct for t in powered) / sum(t.studies for t in powered) >= 0.85
    assert sum(t.contradicted for t in tallies) <= 3


def test_chance_differences_of_seeds_are_no_support() -> None:
    restless = replace(NAMED["useless"], run_sd=0.05)
    [tallies] = simulate_studies([(restless, Design(seeds=3, images=60, backbones=1))], PLAN, studies=20)
    assert sum(t.false_supported for t in tallies) <= 2


def test_processes_do_not_change_the_counts() -> None:
    settings = [(NAMED["gaze"], SMALL)]
    progress = []
    one = simulate_studies(settings, PLAN, studies=12, on_progress=lambda done, of: progress.append((done, of)))
    assert progress == [(1, 2), (2, 2)]
    assert simulate_studies(settings, PLAN, studies=12, processes=2) == one


def test_a_tally_counts() -> None:
    t = Tally("w", "C4", "equivalent", {"equivalent": 6, "supported": 1, "refuted": 2, "undecided": 1})
    assert (t.studies, t.correct, t.false_supported, t.contradicted) == (10, 6, 1, 1)
    assert Tally("w", "C4", "supported", {"supported": 3, "refuted": 1}).false_supported == 0
    assert rate(190, 200) == pytest.approx((0.95, 0.9100, 0.9758), abs=1e-4)


def test_power_grows_with_the_study_and_the_effect_is_the_weakest_contrasts() -> None:
    small, large = power("C4", 0.08, seeds=(2, 5), images=(100,), backbones=2, studies=10)
    assert small.tally.correct < large.tally.correct == 10
    assert (small.design.seeds, large.design.seeds) == (2, 5)
    c4 = next(h for h in PLAN.hypotheses if h.name == "C4")
    simulation = scaled_simulation(c4, 0.08, PLAN, Simulation(rest_sd=0.3))
    effects = [simulation.effect(c, ATTENTION_DRIVEN[0], Design(observers=10**9)) for c in c4.contrasts]
    assert min(effects) == pytest.approx(0.08)
    assert simulation.rest_sd == 0.3
    [nothing] = power("C1", 0.0, seeds=(5,), images=(300,), studies=5)
    assert nothing.tally.truth == "equivalent"


def test_bad_arguments_of_power_are_named() -> None:
    with pytest.raises(RegardError, match="no hypothesis 'C9'; there are C1"):
        power("C9", 0.1)
    with pytest.raises(RegardError, match="at least 1"):
        power("C4", 0.1, seeds=(0,))


def test_simulations_have_the_tasks_of_their_plan() -> None:
    trials = simulate_trials(NAMED["useless"], SMALL, seed=0)
    assert set(trials.tasks) == {*ATTENTION_DRIVEN, *HIGHER_LEVEL}
    assert [v.hypothesis for v in judge_hypotheses(trials, PLAN)] == [h.name for h in PLAN.hypotheses]
    assert trials.backbones("action") == ("net0", "net1")
    assert trials.alphas(ATTENTION_DRIVEN[0], "dose-noise") == (0.0, 0.25, 0.5, 0.75, 1.0)
    assert trials.alphas("action", "dose-noise") == ()
