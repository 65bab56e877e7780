import math
from dataclasses import fields, is_dataclass

import numpy as np
import pandas as pd
import pytest
from tests.experiments.study.tables import table

from regard.experiments.stats import Estimate
from regard.experiments.study import QUESTIONS, Design, Simulation, Trials, simulate_trials
from regard.experiments.study.questions import (
    dose,
    layers,
    performance_table,
    robustness,
    similarity_table,
    transparency,
)
from regard.experiments.study.regression import mixed_slope
from regard.experiments.study.relation import relation
from regard.experiments.study.simulation import QUALITY_SD, WEIGHTS

EFFECTS = {"none": -0.1, "implicit": 0.0, "explicit": 0.3, "human": 0.5}


@pytest.fixture(scope="module")
def world() -> Trials:
    simulation = Simulation(effects=(0.2, 0.0, 0.0), faithful=(0.2, 0.0, 0.0))
    return simulate_trials(simulation, Design(seeds=3, images=40, backbones=2), seed=0)


@pytest.mark.parametrize("name", QUESTIONS)
def test_every_question_has_an_answer_and_its_caveat(name: str, world: Trials) -> None:
    answer = QUESTIONS[name](world)
    assert is_dataclass(answer)
    assert answer.limits
    shuffled = QUESTIONS[name](Trials(world.frame.sample(frac=1, random_state=1)))
    assert close(shuffled, answer)


@pytest.mark.parametrize("name", QUESTIONS)
def test_a_table_of_performance_alone_is_no_error(name: str) -> None:
    frame = table(EFFECTS)[["task", "backbone", "condition", "seed", "image", "performance"]]
    assert QUESTIONS[name](Trials(frame)).limits


def close(a: object, b: object) -> bool:
    """Equal but for rounding, NaN included."""
    if is_dataclass(a):
        return all(close(getattr(a, f.name), getattr(b, f.name)) for f in fields(a))
    if isinstance(a, tuple):
        return len(a) == len(b) and all(map(close, a, b))  # type: ignore[arg-type]
    if isinstance(a, dict):
        return a.keys() == b.keys() and all(close(a[k], b[k]) for k in a)  # type: ignore[attr-defined, index]
    return a == pytest.approx(b, rel=1e-6, abs=1e-9, nan_ok=True) if isinstance(a, float) else a == b


def test_performance_is_the_mean_and_its_gain_is_paired() -> None:
    frame = table(EFFECTS, backbones=2, noise=0.01)
    answer = performance_table(Trials(frame))
    assert answer.baseline == {"task": "implicit"}
    assert [r.condition for r in answer.rows[:4]] == ["none", "implicit", "explicit", "human"]
    assert {r.backbone for r in answer.rows} == {"all", "net0", "net1"}
    explicit = next(r for r in answer.rows if (r.backbone, r.condition) == ("net1", "explicit"))
    explicit_rows = frame[(frame["backbone"] == "net1") & (frame["condition"] == "explicit")]
    assert explicit.level.value == pytest.approx(explicit_rows["performance"].mean())
    assert explicit.gain is not None
    assert explicit.gain.value == pytest.approx(0.3, abs=0.02)
    assert explicit.gain.se < 0.1 * explicit.level.se
    assert explicit.p < 0.01
    implicit = next(r for r in answer.rows if r.condition == "implicit")
    assert implicit.gain is None
    assert math.isnan(implicit.p)


def test_without_implicit_the_plain_network_is_the_baseline_and_without_both_there_is_none() -> None:
    some = {k: v for k, v in EFFECTS.items() if k != "implicit"}
    assert performance_table(Trials(table(some))).baseline == {"task": "none"}
    assert performance_table(Trials(table({"human": 0.0}))).baseline == {}


def test_the_mean_over_backbones_is_of_conditions_that_all_of_them_have() -> None:
    frame = table({"none": 0.0, "implicit": 0.1, "random": 5.0}, backbones=2)
    frame = frame[(frame["condition"] != "random") | (frame["backbone"] == "net0")]
    rows = performance_table(Trials(frame)).rows
    assert [r.condition for r in rows if r.backbone == "all"] == ["none", "implicit"]
    assert [r.condition for r in rows if r.backbone == "net0"] == ["none", "random", "implicit"]
    assert [r.condition for r in rows if r.backbone == "net1"] == ["none", "implicit"]


def test_similarity_is_between_floor_and_ceiling() -> None:
    frame = table({"implicit": 0.0, "explicit": 0.6}, noise=0.01, images=60)
    frame["nss"] = np.where(frame["condition"] == "explicit", 1.5, 0.9)
    frame = frame.assign(nss_random=0.0, nss_center=1.0, nss_observers=2.0)
    frame.loc[frame["image"] == "3.png", "nss_center"] = np.nan
    explicit = next(r for r in similarity_table(Trials(frame)).rows if r.condition == "explicit")
    assert explicit.value.value == pytest.approx(1.5)
    assert [explicit.anchors.random.value, explicit.anchors.center.value, explicit.anchors.observers.value] == [0, 1, 2]
    assert explicit.beyond_center.value == pytest.approx(0.5)
    assert explicit.beyond_center.left_out == {"images undefined somewhere": 1}
    assert (explicit.share.value, explicit.share.low, explicit.share.high) == pytest.approx((0.5, 0.5, 0.5))
    implicit = next(r for r in similarity_table(Trials(frame)).rows if r.condition == "implicit")
    assert implicit.share.value == pytest.approx(-0.1)
    assert math.isnan(explicit.beyond_shuffled.value)


def test_similarity_is_compared_with_shuffled_maps() -> None:
    frame = table({"implicit": 0.0, "explicit": 0.6, "explicit-shuffled": 0.1}, images=60)
    beyond = {r.condition: r.beyond_shuffled for r in similarity_table(Trials(frame)).rows}
    means = frame.groupby("condition")["nss"].mean()
    assert beyond["explicit"].value == pytest.approx(means["explicit"] - means["explicit-shuffled"])
    assert beyond["explicit"].low < 0.5 < beyond["explicit"].high  # the effect of the two arms
    assert all(math.isnan(beyond[name].value) for name in ("implicit", "explicit-shuffled"))


def test_relation_excludes_override_arms_and_separates_between_from_within() -> None:
    effects = {"implicit": 0.0, "bottleneck": 0.1, "explicit": 0.2, "mask-supervised": 0.15, "human": 9.0}
    [slopes] = relation(Trials(table(effects, images=60, seeds=4))).tasks
    assert {p.condition for p in slopes.points} == set(effects) - {"human"}
    assert len(slopes.points) == 16
    assert slopes.between_conditions.value == pytest.approx(1.0, abs=0.8)  # performance and similarity share the effect
    assert slopes.between_conditions.parts[0][1] == 2
    assert slopes.within.low < 0 < slopes.within.high  # within images they are independent
    assert slopes.mixed is None


def test_relation_reads_kl_as_closeness() -> None:
    frame = table({"implicit": 0.0, "bottleneck": 0.2, "explicit": 0.5}, images=30)
    frame = frame.assign(kl=3 - frame["nss"])
    [by_kl], [by_nss] = (relation(Trials(frame), similarity=m).tasks for m in ("kl", "nss"))
    assert by_kl.between_conditions.value == pytest.approx(by_nss.between_conditions.value)
    assert by_kl.points[0].similarity == pytest.approx(by_nss.points[0].similarity - 3)


def test_doses_fall_and_bend() -> None:
    one = table({"human": 0.0}, images=10).assign(condition="dose-shuffled")
    doses = [one.assign(alpha=a, performance=one["performance"] - 0.4 * a**2) for a in (0.0, 0.5, 1.0)]
    [curve] = dose(Trials(pd.concat(doses))).curves
    assert curve.alphas == (0.0, 0.5, 1.0)
    steps = np.diff([level.value for level in curve.levels])
    assert steps == pytest.approx([-0.1, -0.3])
    assert curve.drop.value == pytest.approx(0.4)
    assert curve.bend.value == pytest.approx(-0.2)


def test_layers_are_compared_with_the_default_layer() -> None:
    frame = table({"implicit": 0.0, "explicit": 0.1}, noise=0.01)
    deeper = frame[frame["condition"] == "implicit"].assign(
        layer="layer2", performance=lambda f: f["performance"] - 0.2
    )
    rows = layers(Trials(pd.concat([frame, deeper]))).rows
    assert [(r.condition, r.layer) for r in rows] == [("implicit", ""), ("implicit", "layer2")]
    assert rows[1].against_default.value == pytest.approx(-0.2)
    assert math.isnan(rows[0].against_default.value)


def test_transparency_compares_learned_maps() -> None:
    frame = table(EFFECTS, noise=0.01, images=40).assign(faithfulness_random=-0.05)
    answer = transparency(Trials(frame))
    assert [r.condition for r in answer.rows] == ["implicit", "explicit"]
    explicit = answer.rows[1]
    assert explicit.against_implicit.value == pytest.approx(0.3, abs=0.01)
    assert explicit.beyond_random.value == pytest.approx(0.35, abs=0.01)
    assert set(answer.closer) == {"task"}


def test_robustness_is_a_paired_loss() -> None:
    frame = table(EFFECTS, images=10)
    frame["robust_blur"] = frame["performance"] - np.where(frame["condition"] == "explicit", 0.1, 0.25)
    rows = robustness(Trials(frame)).rows
    explicit = next(r for r in rows if r.condition == "explicit")
    assert (explicit.disturbance, explicit.loss.value, explicit.spared.value) == (
        "blur",
        *map(pytest.approx, (0.1, 0.15)),
    )
    assert explicit.loss.se < 1e-9
    assert math.isnan(next(r for r in rows if r.condition == "implicit").spared.value)


def test_the_mixed_model_agrees_with_the_closed_form() -> None:
    trials = simulate_trials(
        Simulation(effects=(0.2, 0.0, 0.0), confounding=0.5), Design(seeds=2, images=80, backbones=1), seed=0
    )
    fit = mixed_slope(trials, "segmentation")
    assert fit.converged
    slopes = next(r for r in relation(trials).tasks if r.task == "segmentation")
    # of similarity, without what runs and images share
    deviation = float(np.sqrt((WEIGHTS**2) @ (QUALITY_SD**2) + 1 / 8))
    assert fit.within.value * deviation == pytest.approx(slopes.within.value, abs=3 * slopes.within.se)
    assert fit.images.value > fit.within.value + 3 * fit.images.se  # what easy images share is kept apart
    assert fit.rest_sd == pytest.approx(0.15, rel=0.2)


def test_a_failed_mixed_model_names_the_cause(monkeypatch: pytest.MonkeyPatch) -> None:
    trials = simulate_trials(Simulation(), Design(seeds=2, images=20, backbones=1), seed=0)
    monkeypatch.setattr(
        "regard.experiments.study.regression.MixedLM.fit",
        lambda *_, **__: (_ for _ in ()).throw(np.linalg.LinAlgError("no")),
    )
    fit = mixed_slope(trials, "segmentation")
    assert not fit.converged
    assert fit.notes[-1] == "the fit failed: no"
    assert math.isnan(fit.within.value)
    assert mixed_slope(Trials(table({"human": 0.0})), "task").notes == ("too few trials for a mixed model",)


def test_a_fit_that_did_not_converge_is_reported(monkeypatch: pytest.MonkeyPatch) -> None:
    from statsmodels.regression.mixed_linear_model import MixedLM

    original = MixedLM.fit
    monkeypatch.setattr(
        MixedLM, "fit", lambda self, **options: original(self, **options | {"method": "nm", "maxiter": 1})
    )
    fit = mixed_slope(simulate_trials(Simulation(), Design(seeds=2, images=20, backbones=1), seed=0), "segmentation")
    assert not fit.converged
    assert any("converge" in note for note in fit.notes)


def test_answers_consist_of_estimates(world: Trials) -> None:
    assert isinstance(performance_table(world).rows[0].level, Estimate)
