import json
import math
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from markupsafe import escape

from regard.experiments.study import QUESTIONS, Plan, Trials, draw_study, freeze, read_study_results
from regard.experiments.study.design import CONDITIONS
from regard.experiments.study.page import StudyPicture, render_study
from regard.experiments.study.results import study_results
from regard.experiments.study.simulation import Design, Simulation, simulate_trials, simulation_plan
from regard.plot import ScatterPoint
from regard.report import listed, scatter_chart, to_json, write_dataclass
from regard.types import RegardError

ROOT = Path(__file__).resolve().parents[3]
WORDS = ("task", "backbone", "condition", "layer", "image")


class Balanced(HTMLParser):
    """Every tag that opens is closed, in order; collects the text."""

    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []
        self.text: list[str] = []
        self.ids: list[str] = []
        self.links: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        attributes = dict(attrs)
        self.ids += [attributes["id"] or ""] if "id" in attributes else []
        self.links += [attributes["href"] or ""] if "href" in attributes else []
        if tag not in ("meta", "link", "img", "br"):
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        pass

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.text.append(data)


def parsed(html: str) -> Balanced:
    parser = Balanced()
    parser.feed(html)
    assert parser.open == []
    return parser


@pytest.fixture(scope="module")
def trials() -> Trials:
    """A study with layers and a disturbance."""
    simulation = Simulation(effects=(0.2, 0.0, 0.0), faithful=(0.25, 0.0, 0.0), multipliers=(1.0, 0.0))
    frame = simulate_trials(simulation, Design(seeds=3, images=30, backbones=2), seed=0).frame
    frame = frame.astype(dict.fromkeys(WORDS, object))
    frame["robust_blur"] = frame["performance"] - 0.1
    deeper = frame[(frame["condition"] == "implicit") & (frame["task"] == "action")].assign(layer="layer2")
    return Trials(pd.concat([frame, deeper]))


def verdicts_of(html: str) -> tuple[str, str]:
    """The section of the hypotheses: what stands open, and what is folded away."""
    section = html[html.index('<section id="verdicts"') : html.index('<section id="performance"')]
    shown, _, folded = section.partition("<details>")
    return shown, folded


def test_a_study_without_trials_of_its_first_hypotheses_opens_on_those_it_can_judge() -> None:
    results = read_study_results(ROOT / "results" / "study_small.json")  # C1 and C2 need conditions that it left out
    shown, folded = verdicts_of(html := render_study(results))
    parsed(html)
    assert "<strong>undefined" not in shown
    headings = [part.split(":")[0] for part in shown.split("<h3>")[1:]]
    assert headings == ["C3", "C4", "C5", "G"]
    assert "2 hypotheses about which these trials say nothing: C1 and C2" in folded
    assert "No trials for: performance, human − center." in folded


def test_a_study_with_all_values_folds_nothing_away(trials: Trials) -> None:
    shown, folded = verdicts_of(render_study(study_results(trials, simulation_plan(), name="whole")))
    assert "<strong>undefined" not in shown
    assert folded == ""
    assert shown.count("<h3>") == len(simulation_plan().hypotheses)


@pytest.mark.parametrize("gone", [(0,), (0, 1), (1,)])
def test_rows_without_a_value_are_named_below_the_table(gone: tuple[int, ...]) -> None:
    results = read_study_results(ROOT / "results" / "study_small.json")
    rows = [
        replace(row, level=replace(row.level, value=math.nan, low=math.nan, high=math.nan)) if i in gone else row
        for i, row in enumerate(results.values.performance.rows)
    ]
    performance = replace(results.values.performance, rows=tuple(rows))
    html = render_study(replace(results, values=replace(results.values, performance=performance)))
    section = html[html.index('<section id="performance"') : html.index('<section id="similarity"')]
    assert "<strong>undefined" not in section
    names = [row.condition for i, row in enumerate(rows) if i in gone]
    assert f"No value from these trials: {listed(names)}." in section


def test_the_page_shows_every_question_and_every_hypothesis(trials: Trials, tmp_path: Path) -> None:
    folder = tmp_path / "my <study>"
    folder.mkdir()
    freeze(simulation_plan(), folder)
    trials.to_csv(folder / "trials.csv")
    html = draw_study(folder).read_text()
    page = parsed(html)
    sections = {"verdicts", *QUESTIONS, "how"}
    assert sections <= set(page.ids)
    assert {f"#{s}" for s in sections} == {link for link in page.links if link.startswith("#")}
    text = " ".join(page.text)
    for name in ("C1", "C2", "C3", "C4", "C5", "G"):
        assert any(f"{name}: {word}" in text for word in ("supported", "equivalent", "refuted", "undecided"))
    assert "my <study>" in text
    assert "<study>" not in html.replace("&lt;study&gt;", "")
    assert "http" not in html.replace("http-equiv", "")
    assert "not the one that came before" not in text
    assert "3 seeds per backbone" in text


def test_a_changed_plan_is_named_at_the_top(trials: Trials, tmp_path: Path) -> None:
    freeze(simulation_plan(), tmp_path)
    trials.to_csv(tmp_path / "trials.csv")
    plan = json.loads((tmp_path / "plan.json").read_text())
    plan["plan"]["alpha"] = 0.2
    (tmp_path / "plan.json").write_text(json.dumps(plan))
    html = draw_study(tmp_path).read_text()
    assert "plan.json was edited after it was frozen" in html


def test_missing_measures_are_not_shown(trials: Trials) -> None:
    bare = trials.frame[["task", "backbone", "condition", "seed", "image", "performance"]]
    bare = Trials(bare[trials.frame["alpha"].isna() & (trials.frame["layer"] == "")])
    page = parsed(render_study(study_results(bare, replace(simulation_plan(), higher_level=[]), "bare")))
    assert not {"similarity", "relation", "dose", "layers", "transparency", "robustness", "gallery"} & set(page.ids)
    assert "No task of the plan is higher-level" in " ".join(page.text)


def test_maps_are_shown_of_the_backbone_with_most_conditions(trials: Trials) -> None:
    first, *others = trials.backbones("action")
    frame = trials.frame.astype(dict.fromkeys(WORDS, object))
    fewer = Trials(frame[(frame["condition"] != "random") | (frame["backbone"] == first) | (frame["task"] != "action")])
    text = " ".join(parsed(render_study(study_results(fewer, Plan(), "x"))).text)
    assert f"action, {first}, NSS" in text
    assert not any(f"action, {other}, NSS" in text for other in others)
    assert "action, NSS" not in text
    assert "segmentation, NSS" in text


@pytest.mark.parametrize("count", [0, 1, 2, 5])
def test_the_first_picture_stands_before_all_numbers(trials: Trials, count: int) -> None:
    pictures = [StudyPicture(f"data:image/png;base64,A{i}", f"a & {i}", f"caption {i}") for i in range(count)]
    html = render_study(study_results(trials, Plan(), "x"), pictures=pictures)
    page = parsed(html)
    assert [html.count(f"base64,A{i}") for i in range(count)] == [1] * count, "each once"
    places = [html.index(f"base64,A{i}") for i in range(count)]
    assert [place < html.index("<nav") for place in places] == [i == 0 for i in range(count)]
    assert ("gallery" in page.ids) == ("#gallery" in page.links) == (count > 1)
    assert [any(f"caption {i}" in text for text in page.text) for i in range(count)] == [True] * count


def test_conditions_are_explained_before_they_are_compared(trials: Trials) -> None:
    html = render_study(study_results(trials, Plan(), "x"))
    start = html.index("What the conditions are")
    assert start < html.index("<nav")
    for name in ("explicit", "explicit-shuffled", "implicit"):
        assert start < html.index(f"<dt>{name}</dt><dd>{escape(CONDITIONS[name].meaning)}</dd>") < html.index("<nav")


def test_without_its_files_the_page_names_them(trials: Trials, tmp_path: Path) -> None:
    with pytest.raises(RegardError, match=r"trials\.csv"):
        draw_study(tmp_path)
    trials.to_csv(tmp_path / "trials.csv")
    with pytest.raises(RegardError, match=r"plan\.json"):
        draw_study(tmp_path)


@pytest.mark.parametrize("name", ["study_small", "study_generated"])
def test_a_record_of_results_makes_the_same_page_without_pictures(name: str, tmp_path: Path) -> None:
    record = tmp_path / f"{name}.json"
    record.write_bytes((ROOT / "results" / record.name).read_bytes())
    results = read_study_results(record)
    assert [verdict.hypothesis for verdict in results.values.verdicts] == ["C1", "C2", "C3", "C4", "C5", "G"]
    assert results.made, "with what networks were trained"
    page = draw_study(record)
    assert page == tmp_path / f"{name}.html"
    parser = parsed(page.read_text())
    assert {"verdicts", "performance", "similarity", "relation", "dose", "transparency", "how"} <= set(parser.ids)
    text = " ".join(parser.text)
    for verdict in results.values.verdicts:
        assert f"{verdict.hypothesis}: {verdict.word}" in text
    assert "without any network" in text


def test_results_survive_a_round_trip(trials: Trials, tmp_path: Path) -> None:
    results = study_results(trials, Plan(attention_driven=["segmentation"]), "x")
    write_dataclass(tmp_path / "results.json", results)
    read = read_study_results(tmp_path / "results.json")
    assert to_json(read) == to_json(results)
    assert render_study(read) == render_study(results)


def test_dots_have_the_positions_of_their_values() -> None:
    points = [
        ScatterPoint("a", 0.0, 0.0, "first"),
        ScatterPoint("b", 1.0, 2.0, "second"),
        ScatterPoint("a", np.nan, 1.0, "lost"),
    ]
    chart = scatter_chart("t", points, xlabel="x", ylabel="y")
    assert chart is not None
    (first,), (second,) = (d.points for d in chart.dots)
    assert first.x < second.x
    assert first.y > second.y  # up is more
    assert [d.kind for d in chart.dots] == [0, 1]
    assert "2 points" in chart.alt
    assert scatter_chart("t", points[2:], xlabel="x", ylabel="y") is None
