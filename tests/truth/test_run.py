"""From a network to the page, small; and the command."""

from pathlib import Path

import numpy as np
import pytest

from regard.cli import main
from regard.experiments import GridOptions
from regard.experiments.grid import Cell, Result, cell_path, read_result
from regard.experiments.grid.cell import write_result
from regard.plot import rasterize
from regard.truth import WORLD_KINDS, grade_names, plan_lines, read_truth_results, truth_figure
from regard.truth.run import _KIND, truth_cells, write_truth
from regard.truth.world import run_network
from regard.truth.worlds import world_data

TINY = {"images": 2, "train": 64, "test": 30, "epochs": 1, "methods": ["grad_cam", "input_gradient"], "least": -1.0}


@pytest.fixture(scope="module")
def cells(tmp_path_factory: pytest.TempPathFactory) -> tuple[list[Cell], Path]:
    root = tmp_path_factory.mktemp("truth")
    made = [Cell(cell_path("mark", s), "mark", s, _KIND, {"kind": "mark", **TINY}) for s in (0, 1)]
    for cell in made:
        write_result(cell, root / cell.path, run_network(cell, root / cell.path), 1.0)
    return made, root


def test_two_networks_make_four_worlds_and_a_page(cells: tuple[list[Cell], Path]) -> None:
    made, root = cells
    results = write_truth(made, root, {})
    assert (results.worlds, results.networks, results.images) == (4, 2, 2)
    assert results.kinds["mark"].changed == 0
    assert results.kinds["mark"].replaced == 1500
    assert {row.name for row in results.rows} == {*grade_names(), results.recommended}
    assert results.methods[0].rank.value <= results.methods[1].rank.value
    assert read_truth_results(root).recommended == results.recommended
    page = (root / "report.html").read_text()
    assert "digits, a mark tells the class" in page
    assert "0 of 1500" in page
    assert (root / "truth.png").stat().st_size > 10_000
    picture = rasterize(truth_figure(results))
    assert picture.shape[2] == 3
    assert len(np.unique(picture)) > 10


def test_a_network_gives_the_same_numbers_again(cells: tuple[list[Cell], Path]) -> None:
    made, root = cells
    first, again = read_result(made[0], root), run_network(made[0], root)
    assert isinstance(first, Result)
    assert first.values["sets"] == ["own", "conflict"]
    for name, array in first.arrays.items():
        np.testing.assert_array_equal(array, again.arrays[name], err_msg=name)


def test_cells_are_one_network_of_each_kind_then_the_next(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.delenv("REGARD_DATA", raising=False)
    made = truth_cells(GridOptions(tmp_path, seeds=2))
    generated = ["clutter", "clutter_cut", "background", "mark"]
    assert [(cell.arm, cell.seed) for cell in made] == [(kind, seed) for seed in (0, 1) for kind in generated]
    assert plan_lines(GridOptions(tmp_path, seeds=1, only=("mark",))) == ["to run  mark/seed-0"]
    monkeypatch.setenv("REGARD_DATA", str(tmp_path))
    assert {cell.arm for cell in truth_cells(GridOptions(tmp_path, seeds=1))} == set(WORLD_KINDS)


@pytest.mark.parametrize(
    ("kind", "message"),
    [("marks", "no kind of world 'marks'"), ("birds", "set REGARD_DATA"), ("cifar10", "set REGARD_DATA")],
)
def test_kinds_that_cannot_be_made(
    kind: str, message: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    monkeypatch.delenv("REGARD_DATA", raising=False)
    assert main(["truth", "--dry-run", "--only", kind, "--runs", str(tmp_path)]) == 2
    assert message in capsys.readouterr().err


def test_the_second_set_of_images_is_another(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, second in (("clutter", "distractors"), ("background", "conflict")):
        data = world_data(WORLD_KINDS[name], 0, train=20, test=12)
        assert list(data.sets) == ["own", second]
        assert (data.agreeing is None) == (name == "clutter")
        own, other = (data.sets[key].images for key in data.sets)
        assert own.shape == other.shape == (12, 3, 24, 24)
        assert not bool((own == other).flatten(1).all(1).any())
    assert (data.sets["conflict"].hues == (data.labels + 1) % 10).all()


@pytest.mark.slow
def test_the_command_goes_on_where_it_stopped(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    command = ["truth", "--smoke", "--only", "clutter", "--runs", str(tmp_path)]
    assert main(command) == 0
    first = (tmp_path / "smoke" / "truth" / "truth.json").read_text()
    before = {path: path.stat().st_mtime_ns for path in tmp_path.rglob("cell.json")}
    assert len(before) == 2
    assert main([*command, "--json"]) == 0
    assert {path: path.stat().st_mtime_ns for path in tmp_path.rglob("cell.json")} == before
    assert (tmp_path / "smoke" / "truth" / "truth.json").read_text() == first
    assert '"recommended"' in capsys.readouterr().out
