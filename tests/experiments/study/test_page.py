import json
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from regard.experiments.study import Design, Plan, Trials, World, draw, freeze
from regard.experiments.study.page import StudyPicture, render_study, write_study_page
from regard.experiments.study.simulation import world_plan
from regard.report.charts import ScatterPoint, scatter
from regard.types import RegardError

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
        known = dict(attrs)
        self.ids += [known["id"] or ""] if "id" in known else []
        self.links += [known["href"] or ""] if "href" in known else []
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
    world = World(effects=(0.2, 0.0, 0.0), faithful=(0.25, 0.0, 0.0), multipliers=(1.0, 0.0))
    frame = draw(world, Design(seeds=3, images=30, backbones=2), seed=0).frame.astype(dict.fromkeys(WORDS, object))
    frame["robust_blur"] = frame["performance"] - 0.1
    deeper = frame[(frame["condition"] == "implicit") & (frame["task"] == "action")].assign(layer="layer2")
    return Trials(pd.concat([frame, deeper]))


def test_the_page_shows_every_question_and_every_hypothesis(trials: Trials, tmp_path: Path) -> None:
    folder = tmp_path / "my <study>"
    folder.mkdir()
    freeze(world_plan(), folder)
    trials.to_csv(folder / "trials.csv")
    html = write_study_page(folder).read_text()
    page = parsed(html)
    sections = (
        "verdicts",
        "performance",
        "similarity",
        "relation",
        "dose",
        "layers",
        "transparency",
        "robustness",
        "how",
    )
    assert set(sections) <= set(page.ids)
    assert {f"#{s}" for s in sections} == {link for link in page.links if link.startswith("#")}
    text = " ".join(page.text)
    for name in ("C1", "C2", "C3", "C4", "C5", "G"):
        assert any(f"{name}: {word}" in text for word in ("supported", "equivalent", "refuted", "undecided"))
    assert "my <study>" in text
    assert "<study>" not in html.replace("&lt;study&gt;", "")
    assert "http" not in html.replace("http-equiv", "")
    assert "not the one that came before" not in text
    assert "3 seeds a backbone" in text


def test_a_changed_plan_is_told_at_the_top(trials: Trials, tmp_path: Path) -> None:
    freeze(world_plan(), tmp_path)
    trials.to_csv(tmp_path / "trials.csv")
    kept = json.loads((tmp_path / "plan.json").read_text())
    kept["plan"]["alpha"] = 0.2
    (tmp_path / "plan.json").write_text(json.dumps(kept))
    html = write_study_page(tmp_path).read_text()
    assert "plan.json was edited after it was frozen" in html


def test_what_was_not_measured_is_not_shown(trials: Trials) -> None:
    bare = trials.frame[["task", "backbone", "condition", "seed", "image", "performance"]]
    bare = Trials(bare[trials.frame["alpha"].isna() & (trials.frame["layer"] == "")])
    page = parsed(render_study(bare, replace(world_plan(), higher_level=[]), "bare"))
    assert not {"similarity", "relation", "dose", "layers", "transparency", "robustness", "gallery"} & set(page.ids)
    assert "No task of the plan is higher-level" in " ".join(page.text)


def test_maps_are_shown_of_the_backbone_with_most_conditions(trials: Trials) -> None:
    first, *others = trials.backbones("action")
    frame = trials.frame.astype(dict.fromkeys(WORDS, object))
    fewer = Trials(frame[(frame["condition"] != "random") | (frame["backbone"] == first) | (frame["task"] != "action")])
    text = " ".join(parsed(render_study(fewer, Plan(), "x")).text)
    assert f"action, {first}, NSS" in text
    assert not any(f"action, {other}, NSS" in text for other in others)
    assert "action, NSS" not in text
    assert "segmentation, NSS" in text


def test_pictures_are_shown_where_given(trials: Trials) -> None:
    page = parsed(
        render_study(trials, Plan(), "x", pictures=[StudyPicture("data:image/png;base64,AA", "a & b", "said")])
    )
    assert "gallery" in page.ids
    assert "a & b" in page.text


def test_without_its_files_the_page_names_them(trials: Trials, tmp_path: Path) -> None:
    with pytest.raises(RegardError, match=r"trials\.csv"):
        write_study_page(tmp_path)
    trials.to_csv(tmp_path / "trials.csv")
    with pytest.raises(RegardError, match=r"plan\.json"):
        write_study_page(tmp_path)


def test_dots_lie_where_their_numbers_say() -> None:
    places = [
        ScatterPoint("a", 0.0, 0.0, "first"),
        ScatterPoint("b", 1.0, 2.0, "second"),
        ScatterPoint("a", np.nan, 1.0, "lost"),
    ]
    drawn = scatter("t", places, xlabel="x", ylabel="y")
    assert drawn is not None
    (first,), (second,) = (d.points for d in drawn.dots)
    assert first.x < second.x
    assert first.y > second.y  # up is more
    assert [d.kind for d in drawn.dots] == [0, 1]
    assert "2 points" in drawn.alt
    assert scatter("t", places[2:], xlabel="x", ylabel="y") is None
