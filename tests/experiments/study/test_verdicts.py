import math
from dataclasses import astuple, replace

import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.experiments.study.tables import table, trials

from regard.experiments.stats import Estimate
from regard.experiments.study import Contrast, Hypothesis, Plan, Trials, judge_hypotheses
from regard.experiments.study.plan import standard
from regard.experiments.study.verdicts import Evidence, all_of, case_by_case, of_contrast, true_word, word
from regard.types import RegardError

ONE = Hypothesis(
    name="H",
    claim="explicit beats implicit",
    tasks="attention_driven",
    contrasts=[Contrast(first="explicit", second="implicit", sesoi=0.02)],
)
PLAN = Plan(attention_driven=["task"], hypotheses=[ONE])
p_values = st.builds(Evidence, *[st.floats(1e-9, 1)] * 4)


def verdict(effect: float, plan: Plan = PLAN, **options: float | int) -> str:
    return judge_hypotheses(trials({"implicit": 0.0, "explicit": effect}, **options), plan)[0].word  # type: ignore[arg-type]


@pytest.mark.parametrize(("effect", "expected"), [(0.2, "supported"), (0.0, "equivalent"), (-0.2, "refuted")])
def test_clear_cases(effect: float, expected: str) -> None:
    assert verdict(effect, noise=0.001) == expected


def test_no_effect_is_equivalent_at_large_n_and_undecided_at_small() -> None:
    assert verdict(0.0, noise=0.1, images=2000, seeds=5) == "equivalent"
    assert verdict(0.0, noise=0.3, images=5, seeds=2) == "undecided"


def test_a_perfect_effect_needs_no_variance() -> None:
    frame = table({"implicit": 0.0, "explicit": 0.0}, noise=0.0)
    frame["performance"] = (frame["condition"] == "explicit").astype(float)
    assert judge_hypotheses(Trials(frame), PLAN)[0].word == "supported"


def test_significant_but_too_small_is_no_support() -> None:
    verdict = judge_hypotheses(trials({"implicit": 0.0, "explicit": 0.01}, noise=0.001), PLAN)[0]
    assert verdict.findings[0].low > 0
    assert verdict.word == "equivalent"


def test_between_the_bounds_it_is_refuted_but_not_equivalent() -> None:
    narrow = replace(ONE, contrasts=[replace(ONE.contrasts[0], equivalence=0.005)])
    assert verdict(0.01, replace(PLAN, hypotheses=[narrow]), noise=0.001) == "refuted"


@pytest.mark.parametrize("missing", [{"implicit": 0.0}, {"human": 1.0}])
def test_without_trials_the_verdict_is_undecided(missing: dict[str, float]) -> None:
    verdict = judge_hypotheses(trials(missing), PLAN)[0]
    assert verdict.word == "undecided"
    assert "No trials for: performance, explicit − implicit." in verdict.notes


def test_one_seed_gives_no_interval() -> None:
    verdict = judge_hypotheses(trials({"implicit": 0.0, "explicit": 5.0}, seeds=1, noise=0.001), PLAN)[0]
    assert verdict.word == "undecided"
    assert "One seed" in verdict.notes[0]


def test_few_seeds_have_a_note_on_power() -> None:
    verdict = judge_hypotheses(trials({"implicit": 0.0, "explicit": 5.0}, seeds=3), PLAN)[0]
    assert verdict.notes[0].startswith("3 seeds per backbone: a true effect below")
    assert verdict.findings[0].detectable > 0.02
    assert judge_hypotheses(trials({"implicit": 0.0, "explicit": 5.0}, seeds=5), PLAN)[0].notes == ()


def test_a_task_without_trials_and_a_class_without_tasks_are_notes() -> None:
    effects = {"implicit": 0.0, "explicit": 5.0}
    for tasks in (["other"], ["task", "other"]):
        verdict = judge_hypotheses(trials(effects, seeds=5), replace(PLAN, attention_driven=tasks))[0]
        assert verdict.word == "undecided", "a claim about two tasks is not settled by one"
        assert "There are no trials of the task 'other'." in verdict.notes
    verdicts = judge_hypotheses(trials({"implicit": 0.0}), Plan(attention_driven=["task"]))
    c5 = next(v for v in verdicts if v.hypothesis == "C5")
    assert c5.word == "undecided"
    assert "No task of the plan is higher-level" in c5.notes[0]


def test_every_contrast_must_hold() -> None:
    both = replace(ONE, contrasts=[*ONE.contrasts, replace(ONE.contrasts[0], second="explicit-shuffled")])
    plan = replace(PLAN, hypotheses=[both])
    effects = {"implicit": 0.0, "explicit": 0.3, "explicit-shuffled": 0.3}
    assert judge_hypotheses(trials(effects, noise=0.001), plan)[0].word == "equivalent"
    assert judge_hypotheses(trials(effects | {"explicit-shuffled": 0.6}, noise=0.001), plan)[0].word == "refuted"
    assert judge_hypotheses(trials(effects | {"explicit-shuffled": 0.1}, noise=0.001), plan)[0].word == "supported"


@pytest.mark.parametrize(
    ("first", "second", "expected"),
    [(0.3, 0.0, "supported"), (0.3, 0.3, "refuted"), (0.0, 0.0, "equivalent"), (0.3, -0.3, "supported")],
)
def test_case_by_case(first: float, second: float, expected: str) -> None:
    frame = pd.concat(
        table({"implicit": 0.0, "explicit": effect}, noise=0.001, task=task)
        for task, effect in (("a", first), ("b", second))
    )
    cases = replace(ONE, tasks="higher_level", cases="task")
    plan = Plan(higher_level=["a", "b"], hypotheses=[cases])
    verdict = judge_hypotheses(Trials(frame), plan)[0]
    assert verdict.word == expected
    assert [f.case for f in verdict.findings] == ["a", "b"]
    assert true_word(cases, [[first], [second]]) == expected
    single = judge_hypotheses(Trials(frame), replace(plan, higher_level=["a"]))[0]
    assert single.word == "undecided"
    assert "There is one case only" in single.notes[0]


def test_cells_are_cases_too() -> None:
    frame = table({"implicit": 0.0, "explicit": 0.0}, noise=0.001, backbones=2)
    frame.loc[(frame["backbone"] == "net1") & (frame["condition"] == "explicit"), "performance"] += 0.5
    cells = replace(ONE, cases="cell")
    verdict = judge_hypotheses(Trials(frame), replace(PLAN, hypotheses=[cells]))[0]
    assert verdict.word == "supported"
    assert [f.case for f in verdict.findings] == ["task, net0", "task, net1"]


def test_many_hypotheses_are_corrected_for() -> None:
    both = trials({"implicit": 0.0, "explicit": 0.1})
    verdict = judge_hypotheses(both, PLAN)[0]
    copies = [replace(ONE, name=f"H{k}") for k in range(4)]
    many = judge_hypotheses(both, replace(PLAN, hypotheses=copies))
    assert verdict.adjusted == verdict.evidence
    assert many[0].adjusted.support == pytest.approx(min(1.0, 4 * many[0].evidence.support))


@settings(deadline=None, max_examples=10)
@given(st.permutations(range(120)), st.integers(0, 3))
def test_the_order_of_rows_never_matters(order: list[int], seed: int) -> None:
    frame = table({"implicit": 0.0, "explicit": 0.05, "explicit-shuffled": 0.02}, images=20, seeds=2, seed=seed)
    plan = Plan(attention_driven=["task"], hypotheses=[h for h in standard() if h.tasks == "attention_driven"])
    a, b = judge_hypotheses(Trials(frame), plan), judge_hypotheses(Trials(frame.iloc[order]), plan)
    for x, y in zip(a, b, strict=True):
        assert x.word == y.word
        assert astuple(x.adjusted) == pytest.approx(astuple(y.adjusted), abs=1e-9)


@settings(deadline=None)
@given(st.lists(p_values, min_size=1, max_size=4))
def test_joined_evidence_is_a_probability_and_no_stronger_than_its_parts(parts: list[Evidence]) -> None:
    joined = all_of(parts)
    assert joined.support == max(p.support for p in parts)
    assert joined.against >= min(p.against for p in parts)
    for e in (joined, case_by_case(parts)):
        assert all(0 <= p <= 1 for p in astuple(e))


@settings(deadline=None, max_examples=50)
@given(st.floats(-1, 1), st.floats(1e-6, 1), st.floats(2, 100), st.floats(0.01, 0.2))
def test_no_estimate_supports_and_contradicts(value: float, variance: float, df: float, sesoi: float) -> None:
    e = of_contrast(Estimate(value, ((variance, df),)), sesoi, sesoi)
    assert (e.support <= 0.05) + (e.against <= 0.05) <= 1
    assert (e.equivalent <= 0.05) + (e.harm <= 0.05) <= 1
    assert e.against <= e.equivalent + 1e-9
    assert word(e, 0.05) in ("supported", "equivalent", "refuted", "undecided")


def test_true_contrasts_have_a_verdict() -> None:
    words = [true_word(ONE, [[effect]]) for effect in (0.02, 0.019, -0.019, -0.05)]
    assert words == ["supported", "equivalent", "equivalent", "refuted"]
    both = replace(ONE, contrasts=ONE.contrasts * 2)
    assert true_word(both, [[0.5, 0.0]]) == "equivalent"
    assert true_word(both, [[0.0, -0.5]]) == "refuted"


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"alpha": 0.7}, "alpha=0.7"),
        ({"similarity": "hit"}, "similarity='hit'"),
        ({"higher_level": ["task"]}, "cannot be attention-driven and higher-level"),
        ({"hypotheses": [ONE, ONE]}, "all with different names"),
        ({"hypotheses": []}, "all with different names"),
        ({"hypotheses": [replace(ONE, contrasts=[])]}, "H has no contrast"),
        ({"hypotheses": [replace(ONE, contrasts=[Contrast(first="a", second="human")])]}, "'a' is not a condition"),
        (
            {"hypotheses": [replace(ONE, contrasts=[Contrast(kind="dose", first="human")])]},
            "'human' is not a condition",
        ),
        ({"hypotheses": [replace(ONE, contrasts=[Contrast(first="human", second="human")])]}, "with itself"),
        (
            {"hypotheses": [replace(ONE, contrasts=[replace(ONE.contrasts[0], equivalence=0.5)])]},
            "equivalence <= sesoi",
        ),
        ({"hypotheses": [replace(ONE, contrasts=[replace(ONE.contrasts[0], column="size")])]}, "column 'size'"),
    ],
)
def test_a_plan_is_checked(change: dict[str, object], message: str) -> None:
    with pytest.raises(RegardError, match=message):
        replace(PLAN, **change)  # type: ignore[arg-type]


def test_undefined_values_are_counted_in_the_finding() -> None:
    frame = table({"implicit": 0.0, "explicit": 0.1}, images=10)
    frame.loc[frame["image"].isin(["3.png", "4.png"]) & (frame["seed"] == 1), "performance"] = math.nan
    finding = judge_hypotheses(Trials(frame), PLAN)[0].findings[0]
    assert finding.left_out == {"images undefined somewhere": 2}
    assert finding.images == 8
