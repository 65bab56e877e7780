"""Notebooks run from their first cell to their last, say what is so, and are on the site."""

import ast
import re
from pathlib import Path
from typing import Any

import pytest
import torch
import yaml
from matplotlib.figure import Figure
from tools.notebooks import SOURCES, read, title_of, write_page

ROOT = Path(__file__).resolve().parents[1]
SMALL: dict[str, dict[str, Any]] = {
    "attend_your_network": {"TRAINING_IMAGES": 450, "STEPS": 3},
    "glance_then_look": {"TRAINING_IMAGES": 100, "PLAIN_STEPS": 1, "STEPS": 2},
    "information_plane": {"TRAINING_IMAGES": 200, "PLAIN_STEPS": 1, "STEPS": 2, "BUDGETS": (60.0, 250.0)},
    "maps_against_gaze": {"TRAINING_IMAGES": 200, "STEPS": 2, "IMAGES": 4, "OBSERVERS": 3},
    "trust": {"TRAINING_IMAGES": 100, "STEPS": 2, "JUDGED": 3},
}
"""Notebook -> parameters with which it takes a second or two; the numbers then mean nothing."""
each = pytest.mark.parametrize("source", SOURCES, ids=lambda path: path.stem)


def run(source: Path, parameters: dict[str, Any] | None = None) -> tuple[dict[str, Any], list[Figure]]:
    """The names that a notebook leaves, and the figures that it shows."""
    names: dict[str, Any] = {"__name__": "notebook"}
    shown = []
    for number, cell in enumerate(read(source, parameters).cells):
        if cell.cell_type != "code":
            continue
        tree, where = ast.parse(cell.source), f"{source.name}, cell {number}"
        last = tree.body.pop() if tree.body and isinstance(tree.body[-1], ast.Expr) else None
        exec(compile(tree, where, "exec"), names)
        if last is not None:
            shown.append(eval(compile(ast.Expression(last.value), where, "eval"), names))
    return names, [value for value in shown if isinstance(value, Figure)]


@each
def test_every_cell_runs_and_figures_are_shown(source: Path, capsys: pytest.CaptureFixture[str]) -> None:
    names, figures = run(source, SMALL[source.stem])
    assert figures
    assert all(figure._repr_png_().startswith(b"\x89PNG") for figure in figures)
    assert capsys.readouterr().out, "numbers beside the figures"
    for name, value in SMALL[source.stem].items():
        assert names[name] == value


@each
def test_the_first_cell_installs_and_nothing_names_this_machine(source: Path) -> None:
    notebook = read(source)
    code = [cell.source for cell in notebook.cells if cell.cell_type == "code"]
    assert 'find_spec("regard") is None' in code[0]
    assert '"pip", "install"' in code[0]
    given = next(cell for cell in notebook.cells if "parameters" in cell.metadata.get("tags", ())).source
    (assigned,) = ast.parse(given).body
    assert isinstance(assigned, ast.Assign)
    assert [name.id for name in assigned.targets[0].elts] == list(SMALL[source.stem])
    text = source.read_text(encoding="utf-8")
    assert not re.search(r"/(home|root|work|tmp|Users)\b|https?://|C:\\", text)
    assert set(re.findall(r"`regard (\w+)", text)) <= set(commands())


def commands() -> list[str]:
    from regard.cli import _parser

    return list(_parser()._subparsers._group_actions[0].choices)  # type: ignore[union-attr]


def test_every_notebook_is_listed_and_on_the_site() -> None:
    assert SMALL.keys() == {source.stem for source in SOURCES}
    listed = (ROOT / "docs" / "notebooks.md").read_text(encoding="utf-8")
    text = re.sub(r"!!python/\S+", "", (ROOT / "mkdocs.yml").read_text())
    (nav,) = (part["Notebooks"] for part in yaml.safe_load(text)["nav"] if "Notebooks" in part)
    pages = {page: title for entry in nav if isinstance(entry, dict) for title, page in entry.items()}
    for source in SOURCES:
        title = title_of(source)
        assert f"[{title}](../notebooks/{source.name})" in listed
        assert pages[f"notebooks/{source.stem}.md"] == title


@pytest.mark.slow
def test_a_page_has_the_outputs_of_a_kernel_of_its_own(tmp_path: Path) -> None:
    source = next(path for path in SOURCES if path.stem == "attend_your_network")
    page = write_page(source, tmp_path, SMALL[source.stem])
    text = page.read_text()
    pictures = re.findall(r"!\[\w*\]\((\S+\.png)\)", text)
    assert pictures
    assert all((tmp_path / picture).read_bytes().startswith(b"\x89PNG") for picture in pictures)
    assert "plain network: accuracy" in text
    assert "(attend_your_network.ipynb)" in text
    assert (tmp_path / "attend_your_network.ipynb").is_file()
    assert "Traceback" not in text


@pytest.mark.slow
@each
def test_what_a_notebook_says_is_so(source: Path, capsys: pytest.CaptureFixture[str]) -> None:
    torch.manual_seed(0)
    names, _ = run(source)
    CLAIMS[source.stem](names, capsys.readouterr().out)


def _attend(names: dict[str, Any], out: str) -> None:
    from regard.start import share_correct

    assert share_correct(names["network"], names["test"]) > 0.9
    assert share_correct(names["model"], names["test"]) > 0.85
    assert float(names["paid"]) == pytest.approx(400, rel=0.1)
    assert float(names["on_digit"].mean()) > 3 * float(names["test"].masks.float().mean())
    assert float(names["with_other"]) < share_correct(names["model"], names["test"]) - 0.1


def _trust(names: dict[str, Any], out: str) -> None:
    from regard.start import share_correct

    marked, test = names["marked"], names["test"]
    assert share_correct(names["cheat"], marked(test)) > 0.95
    assert share_correct(names["cheat"], test) < 0.4, "the cheat cannot read digits"
    assert share_correct(names["honest"], test) > 0.9
    shares = {
        name: (float(cheat), float(honest))
        for name, cheat, honest in re.findall(
            r"^(\w+) +on the mark: cheat ([\d.]+), honest ([\d.]+)", out, re.MULTILINE
        )
    }
    assert max(cheat for cheat, _ in shares.values()) > 0.1, "six times the uniform share"
    assert all(shares[name][0] == shares[name][1] for name in ("random", "center"))
    changed = dict(
        re.findall(r"^(\w+) +rank correlation with the map of random weights ([+-][\d.]+)", out, re.MULTILINE)
    )
    assert float(changed["random"]) == float(changed["center"]) == 1
    assert min(map(float, changed.values())) < 0.7


def _gaze(names: dict[str, Any], out: str) -> None:
    share = {name: scores.share("nss") for name, scores in names["scores"].items()}
    assert share["random"] < 0 < share["attention"] <= 1.2
    summary = names["scores"]["attention"].summary
    assert summary["observers"]["nss"].mean > summary["maps"]["nss"].mean > summary["center"]["nss"].mean


def _plane(names: dict[str, Any], out: str) -> None:
    points = [(point.bits, point.value) for point in names["points"]]
    own, other = points[::2], points[1::2]
    assert [bits for bits, _ in own] == pytest.approx(list(names["BUDGETS"]), rel=0.15)
    values = [value for _, value in own]
    assert values[0] < values[-1] - 0.1
    assert values[-1] > 0.9
    assert own[1][1] > other[1][1] + 0.1, "it matters where the bits go"


def _glance(names: dict[str, Any], out: str) -> None:
    from regard.start import share_correct

    assert names["same"]
    found = {places: share_correct(model, names["test"]) for places, model in names["models"].items()}
    assert found["learned"] > 0.85
    assert max(found["random"], found["center"]) < found["learned"] - 0.15
    assert float(names["on_digit"].mean()) > 0.75


CLAIMS = {
    "attend_your_network": _attend,
    "trust": _trust,
    "maps_against_gaze": _gaze,
    "information_plane": _plane,
    "glance_then_look": _glance,
}
"""Notebook -> what its text says, of the names that it leaves and of what it printed."""
