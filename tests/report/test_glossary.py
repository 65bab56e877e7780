"""Terms are explained where they stand, and only where they do."""

import io
from collections.abc import Callable
from pathlib import Path

import pytest
from markupsafe import escape
from rich.console import Console

from regard.report import print_scores, read_evaluation, term_lines, write_report
from regard.report.glossary import TERMS, terms_in
from regard.report.page import _environment


@pytest.mark.parametrize(
    ("texts", "terms"),
    [
        (["Accuracy is 0.5, not clearly different from plain twin at 0.4"], ["plain twin"]),
        (["LeRF minus MoRF, blurred", "ROAD: LeRF minus MoRF, imputed"], ["LeRF minus MoRF"]),
        (["Gate price", "is not clear of its floor", "ceiling"], ["gate price", "floor", "ceiling"]),
        (["Latent rate", "Map code length"], ["map code length", "latent rate"]),
        (["Deletion area", "a twin"], []),
        ([], []),
    ],
)
def test_terms_that_occur_are_explained(texts: list[str], terms: list[str]) -> None:
    assert terms_in(texts) == [(term, TERMS[term]) for term in terms]
    assert [line.partition(": ")[2] for line in term_lines(texts)] == [f"{TERMS[term]}." for term in terms]


@pytest.mark.parametrize(
    ("texts", "summary"),
    [
        (["beside the plain twin"], "What plain twin means"),
        (["plain twin, LeRF minus MoRF and a floor"], "What plain twin, LeRF minus MoRF and floor mean"),
    ],
)
def test_a_page_names_the_terms_and_holds_what_they_mean(texts: list[str], summary: str) -> None:
    macros = '{% from "report/template/macros.html.j2" import terms with context %}{{ terms(texts) }}'
    html = _environment().from_string(macros).render(texts=texts)
    assert f"<summary>{summary}</summary>" in html
    assert html.count('<p class="detail">') == len(terms_in(texts))
    assert "the same network without attention and bottleneck, trained beside this one" in html
    assert not _environment().from_string(macros).render(texts=["accuracy"]).strip()


def test_a_report_and_its_terminal_explain_what_they_name(make_run: Callable[..., Path]) -> None:
    def named(e: dict) -> None:
        e["scores"][0]["label"] = "LeRF minus MoRF, blurred"

    folder = make_run(edit=named)
    page = write_report(folder).read_text(encoding="utf-8")
    head = page[: page.index("<nav")]
    assert "LeRF minus MoRF" in head.partition("<summary>")[2].partition("</summary>")[0]
    assert escape(TERMS["LeRF minus MoRF"]) in head
    file = io.StringIO()
    print_scores(read_evaluation(folder), Console(file=file, width=500))
    assert f"LeRF minus MoRF: {TERMS['LeRF minus MoRF']}." in file.getvalue()
    assert "Map code length:" not in file.getvalue()
