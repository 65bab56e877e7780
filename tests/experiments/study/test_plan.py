import json
from dataclasses import asdict, replace
from pathlib import Path

import pytest
import yaml

from regard.experiments.study import Contrast, Plan, changes, freeze, load_plan
from regard.experiments.study.plan import digest
from regard.types import RegardError

PLAN = Plan(attention_driven=["task"])


def relaxed(plan: Plan) -> Plan:
    """The plan with a smaller smallest effect of interest in C4, as changed after disappointing results."""
    c4 = next(h for h in plan.hypotheses if h.name == "C4")
    easy = replace(c4, contrasts=[replace(c, sesoi=0.001) for c in c4.contrasts])
    return replace(plan, hypotheses=[easy if h is c4 else h for h in plan.hypotheses])


def test_a_plan_may_change_until_there_are_results(tmp_path: Path) -> None:
    assert freeze(PLAN, tmp_path) == ()
    assert freeze(relaxed(PLAN), tmp_path) == ()
    assert json.loads((tmp_path / "plan.json").read_text())["sha256"] == digest(relaxed(PLAN)) != digest(PLAN)
    assert not list(tmp_path.glob("*.part"))


def test_a_change_after_results_is_reported_and_the_first_plan_stays(tmp_path: Path) -> None:
    freeze(PLAN, tmp_path)
    (tmp_path / "trials.csv").write_text("")
    assert freeze(PLAN, tmp_path) == ()
    messages = freeze(relaxed(PLAN), tmp_path)
    assert messages == (
        "Changed after it was frozen: hypotheses.C4.contrasts.0.sesoi: 0.02 to 0.001.",
        "Changed after it was frozen: hypotheses.C4.contrasts.1.sesoi: 0.02 to 0.001.",
    )
    assert changes(relaxed(PLAN), tmp_path) == messages
    assert json.loads((tmp_path / "plan.json").read_text())["sha256"] == digest(PLAN)


def test_a_plan_frozen_after_results_is_reported(tmp_path: Path) -> None:
    (tmp_path / "trials.csv").write_text("")
    assert freeze(PLAN, tmp_path) == ("The plan was frozen when there were results already.",)


def test_an_edited_plan_file_is_reported(tmp_path: Path) -> None:
    freeze(PLAN, tmp_path)
    (tmp_path / "trials.csv").write_text("")
    plan = json.loads((tmp_path / "plan.json").read_text())
    plan["plan"] = asdict(relaxed(PLAN))
    (tmp_path / "plan.json").write_text(json.dumps(plan))
    assert changes(relaxed(PLAN), tmp_path) == (
        "plan.json was edited after it was frozen: its contents no longer have its SHA-256.",
    )


def test_without_a_frozen_plan_the_remedy_is_named(tmp_path: Path) -> None:
    with pytest.raises(RegardError, match="freeze it before the first cell runs"):
        changes(PLAN, tmp_path)
    (tmp_path / "plan.json").write_text("{}")
    with pytest.raises(RegardError, match="restore it"):
        changes(PLAN, tmp_path)


@pytest.mark.parametrize("under", [False, True])
def test_a_plan_comes_from_yaml(under: bool, tmp_path: Path) -> None:
    plan = replace(relaxed(PLAN), alpha=0.01, higher_level=["birds"])
    content = asdict(plan)
    (tmp_path / "p.yaml").write_text(yaml.safe_dump({"name": "x", "plan": content} if under else content))
    assert load_plan(tmp_path / "p.yaml") == plan


def test_omitted_fields_have_the_standard_values(tmp_path: Path) -> None:
    (tmp_path / "p.yaml").write_text("attention_driven: [task]\n")
    assert load_plan(tmp_path / "p.yaml") == PLAN
    assert [h.name for h in PLAN.hypotheses] == ["C1", "C2", "C3", "C4", "C5", "G"]
    c4 = next(h for h in PLAN.hypotheses if h.name == "C4")
    assert [(c.first, c.second) for c in c4.contrasts] == [("explicit", "implicit"), ("explicit", "explicit-shuffled")]
    c5 = next(h for h in PLAN.hypotheses if h.name == "C5")
    assert {c.column for c in c5.contrasts} == {"faithfulness"}
    assert [(c.first, c.second) for c in c5.contrasts] == [(c.first, c.second) for c in c4.contrasts]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("alfa: 0.1", "alfa"),
        ("alpha: much", "alpha"),
        ("[1]", "contains no plan"),
        ("alpha: 0.9", "alpha=0.9"),
        ("a: [", "not YAML"),
    ],
)
def test_a_bad_file_is_named(text: str, message: str, tmp_path: Path) -> None:
    (tmp_path / "p.yaml").write_text(text)
    with pytest.raises(RegardError, match=message):
        load_plan(tmp_path / "p.yaml")
    with pytest.raises(RegardError, match=r"none\.yaml"):
        load_plan(tmp_path / "none.yaml")


def test_every_number_of_a_plan_is_in_its_digest() -> None:
    c = Contrast(first="human", second="center")
    h = replace(PLAN.hypotheses[0], contrasts=[c])
    digests = {
        digest(replace(PLAN, hypotheses=[replace(h, contrasts=[other])]))
        for other in (c, replace(c, sesoi=0.03), replace(c, equivalence=0.01), replace(c, second="random"))
    }
    assert len(digests | {digest(replace(PLAN, alpha=0.01)), digest(replace(PLAN, similarity="cc"))}) == 6


def test_finished_cells_count_as_results_before_there_is_a_table(tmp_path: Path) -> None:
    freeze(PLAN, tmp_path)
    messages = freeze(relaxed(PLAN), tmp_path, begun=True)
    assert len(messages) == 2
    assert json.loads((tmp_path / "plan.json").read_text())["sha256"] == digest(PLAN)
