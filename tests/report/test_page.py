import re
from collections.abc import Callable
from html.parser import HTMLParser
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

from regard.report import write_report
from regard.report.page import bits_charts, learning_charts, render_run, warnings
from regard.report.runs import read_run
from regard.types import RegardError

Make = Callable[..., Path]
HOSTILE = "<script>alert(1)</script>\"'><img src=x onerror=alert(2)>&amp;{{ 7*7 }}"


class Outline(HTMLParser):
    """Tags, ids, links and text of a page."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.text = ""
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))

    def handle_data(self, data: str) -> None:
        self.text += data

    def values(self, attribute: str) -> list[str]:
        return [a[attribute] or "" for _, a in self.tags if attribute in a]


def test_the_page_is_one_file_that_loads_nothing(run_folder: Path) -> None:
    file = write_report(run_folder)
    assert file == run_folder / "report.html"
    page = Outline(text := file.read_text(encoding="utf-8"))
    assert all(v.startswith(("data:", "#")) for v in page.values("src") + page.values("href"))
    assert "url(" not in text
    assert "@import" not in text
    assert "http://" not in text
    assert "https://" not in text
    assert text.count("default-src 'none'") == 1
    assert text.startswith("<!doctype html>")


def test_the_page_is_accessible(run_folder: Path) -> None:
    page = Outline(render_run(read_run(run_folder)))
    assert all("alt" in a for tag, a in page.tags if tag == "img")
    assert all(a.get("aria-label") for tag, a in page.tags if a.get("role") == "img")
    headings = [int(tag[1]) for tag, _ in page.tags if re.fullmatch("h[1-6]", tag)]
    assert headings[0] == 1
    assert headings.count(1) == 1
    assert all(b - a <= 1 for a, b in pairwise(headings))
    ids = page.values("id")
    assert len(ids) == len(set(ids))
    assert {v[1:] for v in page.values("href") if v.startswith("#")} <= set(ids)
    assert set(page.values("aria-labelledby")) | set(page.values("for")) <= set(ids)


def test_the_page_shows_the_content_of_the_run(run_folder: Path) -> None:
    run = read_run(run_folder)
    text = " ".join(Outline(render_run(run)).text.split())
    for score in run.evaluation.scores:
        assert score.label in text
        assert score.meaning in text
        assert all(r.label in text for r in score.references)
    for part in (run.provenance.command, run.provenance.commit, "torch 2.15.0", "2 min 51 s", "budget_bits: 10",
                 *run.evaluation.warnings, "BSD-3-Clause, CC0", "never added", "lowest NLL", "budget 10", "plain twin",
                 "Not clearly better than its floor, centre map", "13 undefined: mask is empty"):  # fmt: skip
        assert part in text


def test_sections_of_missing_parts_are_left_out(make_run: Make) -> None:
    def bare(e: dict[str, Any]) -> None:
        e["curves"], e["gallery"], e["scores"], e["warnings"] = {}, [], [], []

    folder = make_run(twin=False, bits=False, anchors=False, masks=False, edit=bare)
    page = Outline(render_run(read_run(folder)))
    sections = [a.get("id") for tag, a in page.tags if tag == "section"]
    assert sections == ["learning", "repeat"]
    assert "twin" not in page.text
    assert {v for v in page.values("href") if v != "data:,"} == {"#learning", "#repeat"}


def test_without_masks_there_is_no_outline_to_switch(make_run: Make) -> None:
    page = Outline(render_run(read_run(make_run(masks=False))))
    assert "opacity" in page.values("id")
    assert "outlined" not in page.values("id")


def test_hostile_text_is_text_everywhere(make_run: Make) -> None:
    def poison(value: Any) -> Any:
        if isinstance(value, dict):
            return {k: poison(v) for k, v in value.items()}
        if isinstance(value, list):
            return [poison(v) for v in value]
        return HOSTILE if isinstance(value, str) else value

    def edit(e: dict[str, Any]) -> None:
        kept = [(s["group"], s["better"], [r["role"] for r in s["references"]]) for s in e["scores"]]
        unit = e["map"]["unit"]
        e.update(poison(e))
        e["map"]["unit"] = unit
        for score, (group, better, roles) in zip(e["scores"], kept, strict=True):
            score |= {"group": group, "better": better, "undefined": {HOSTILE: 3}}
            for reference, role in zip(score["references"], roles, strict=True):
                reference["role"] = role
        for item in e["gallery"]:
            item["score"] = {HOSTILE: 1.0}
        e["curves"] = {HOSTILE: e["curves"]["deletion"] | {"series": {HOSTILE: e["curves"]["deletion"]["x"]}}}

    folder = make_run(name="a<b>'c\"", edit=edit)
    (folder / "recipe.yaml").write_text(f"x: |\n  {HOSTILE}\n")
    page = Outline(render_run(read_run(folder)))
    assert [tag for tag, _ in page.tags].count("script") == 1
    assert all(a.get("src") != "x" for _, a in page.tags)
    assert not any(name.startswith("on") for _, a in page.tags for name in a)
    assert page.text.count(HOSTILE) > 50
    assert "a<b>'c\"" in page.text


def test_a_killed_run_has_a_warning(run_folder: Path) -> None:
    for name in ("metrics.jsonl", "twin/metrics.jsonl"):
        with (run_folder / name).open("a") as file:
            file.write('{"epoch": 14, "val/acc')
    messages = warnings(read_run(run_folder))
    assert sum("was cut off" in w for w in messages) == 2
    assert "twin/metrics.jsonl was cut off" in Outline(write_report(run_folder).read_text()).text


def test_a_run_without_epochs_has_a_warning(run_folder: Path) -> None:
    (run_folder / "metrics.jsonl").write_text("")
    page = Outline(write_report(run_folder).read_text())
    assert "No epoch of training was recorded" in page.text


def test_learning_charts_include_the_twin(run_folder: Path) -> None:
    accuracy, nll, loss = learning_charts(read_run(run_folder))
    assert [line.label for line in accuracy.lines] == ["validation", "training", "plain twin"]
    assert [line.label for line in nll.lines] == ["validation", "plain twin"]
    assert [line.label for line in loss.lines] == ["training"]


def test_budgets_are_drawn_where_the_recipe_asks(run_folder: Path) -> None:
    drawn = bits_charts(read_run(run_folder))
    assert {k: [line.label for line in c.lines] for k, c in drawn.items()} == {
        "val/latent_bits": ["validation", "budget 10"],
        "val/gate_bits": ["validation"],
        "val/code_bits": ["validation"],
    }


def test_a_gate_with_a_bypass_has_no_price(make_run: Make) -> None:
    cut = {"is_cut": False, "bypasses": ["class token", "skip <2>"]}
    run = read_run(make_run(edit=lambda e: e["model"].update(cut=cut)))
    assert set(bits_charts(run)) == {"val/latent_bits", "val/code_bits"}
    assert "through class token and skip <2>" in Outline(render_run(run)).text


def test_undefined_numbers_are_shown_as_undefined(make_run: Make) -> None:
    def edit(e: dict[str, Any]) -> None:
        e["scores"][0] |= {"value": None, "low": None, "high": None}
        e["scores"][1] |= {"references": [], "difference": None, "n": None}

    assert "undefined" in Outline(render_run(read_run(make_run(edit=edit)))).text


def test_a_broken_run_writes_no_page(run_folder: Path) -> None:
    (run_folder / "evaluation.json").unlink()
    with pytest.raises(RegardError, match=r"evaluation\.json"):
        write_report(run_folder)
    assert not (run_folder / "report.html").exists()
