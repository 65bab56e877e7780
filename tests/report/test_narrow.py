"""On a narrow screen no table loses its headers: scores name the column in every cell, other tables keep their head."""

import re
from pathlib import Path

import pytest

import regard
from regard.report import Difference, Reference, Score

PACKAGE = Path(regard.__file__).parent
TEMPLATES = sorted(PACKAGE.rglob("*.html.j2"))
CSS = (PACKAGE / "report/template/page.css").read_text()
NARROW = CSS[CSS.index("@media (max-width: 46rem)") : CSS.index("@media print")]


def test_there_are_templates() -> None:
    assert {"judge", "score", "study", "tables", "template"} <= {file.parent.name for file in TEMPLATES}


@pytest.mark.parametrize("file", TEMPLATES, ids=lambda f: f"{f.parent.name}-{f.name}")
def test_every_table_is_one_of_two_kinds_and_has_a_head(file: Path) -> None:
    text = file.read_text()
    for table in re.finditer(r"<table[^>]*>", text):
        before, after = text[: table.start()].rstrip(), text[table.end() :].lstrip()
        assert after.startswith("<thead"), table[0]
        if 'class="matrix' in table[0]:
            assert before.endswith('<div class="wide">'), f"{table[0]} cannot scroll"
        else:
            assert 'class="scores"' in table[0]


def test_only_scores_are_stacked_and_lose_their_head() -> None:
    rules = re.findall(r"([^{}]+)\{([^{}]*)\}", NARROW.split("{", 1)[1])
    hiding = [s.strip() for s, body in rules if "clip-path" in body or re.search(r"display: (block|none)", body)]
    hiding = [re.sub(r"/\*.*?\*/", "", s, flags=re.DOTALL).strip() for s in hiding]
    assert len(hiding) == 3
    assert all(part.strip().startswith(".scores") for selectors in hiding for part in selectors.split(","))


@pytest.mark.parametrize("heading", ["Score", "Method", "Contrast", 'a "quoted" <b>'])
def test_every_cell_of_scores_names_its_column(heading: str) -> None:
    from regard.report.page import _environment

    scores = (
        Score("a", "prediction", "accuracy", 0.5, references=(Reference("chance", "floor", 0.1),)),
        Score("b", "prediction", "loss", 1.5, difference=Difference("minus twin, paired", 0.1)),
        Score("c", "prediction", "bits", 2.5),
    )
    macros = '{% from "report/template/macros.html.j2" import score_table with context %}'
    html = (
        _environment()
        .from_string(macros + '{{ score_table("", heading, scores, "x") }}')
        .render(heading=heading, scores=scores)
    )
    heads = [
        h.replace("&#34;", '"').replace("&lt;", "<").replace("&gt;", ">")
        for h in re.findall(r'data-head="([^"]*)"', html)
    ]
    assert heads == [heading, "Value", "References"] * 2 + [heading, "Value"]
    assert "attr(data-head)" in NARROW


@pytest.mark.parametrize(
    ("page", "picture"),
    [
        ("judge/page.html.j2", 'id="maps"'),
        ("evaluation/compare.html.j2", 'id="maps"'),
        ("experiments/study/page.html.j2", "pictures[0].uri"),
        ("report/template/page.html.j2", 'id="gallery"'),
        ("score/page.html.j2", "{{ card("),
    ],
)
def test_pictures_stand_before_all_tables(page: str, picture: str) -> None:
    text = (PACKAGE / page).read_text()
    body = text[text.index("{% block header %}") :]
    numbers = [body.index(word) for word in ("<table", "{{ score_table(", "{{ chart(") if word in body]
    assert numbers
    assert body.index(picture) < min(numbers)
