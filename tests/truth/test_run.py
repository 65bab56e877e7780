"""From a network to the page, small; and the command."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from regard.cli import main
from regard.experiments import GridOptions
from regard.experiments.grid import Cell, Result, cell_path, read_result
from regard.experiments.grid.cell import write_result
from regard.files import write_arrays
from regard.plot import rasterize
from regard.truth import WORLD_KINDS, grade_names, plan_lines, read_truth_results, read_worlds, truth_figure
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


def test_the_network_is_kept_and_opened_again(cells: tuple[list[Cell], Path]) -> None:
    made, root = cells
    folder = root / made[0].path
    assert (folder / "network" / "model.safetensors").is_file()
    changed = replace(made[0], spec=made[0].spec | {"epochs": 0})  # not trained: it must be the one that is kept
    first, again = read_result(made[0], root), run_network(changed, folder)
    assert first is not None
    np.testing.assert_array_equal(first.arrays["own.grades"], again.arrays["own.grades"])


def test_worlds_of_another_version_and_metrics_of_other_libraries(
    cells: tuple[list[Cell], Path], tmp_path: Path
) -> None:
    """One cell has what other programs graded, another lacks what must be learned first."""
    made, root = cells
    new, old = read_result(made[0], root), read_result(made[1], root)
    assert new is not None
    assert old is not None
    write_result(made[0], tmp_path / made[0].path, new, 1.0)
    plain = len(grade_names(learned=False))
    arrays = {k: a[:plain] if k.endswith((".grades", ".forwards")) else a for k, a in old.arrays.items()}
    write_result(
        made[1], tmp_path / made[1].path, Result({**old.values, "metrics": grade_names(learned=False)}, arrays), 1.0
    )
    graded = np.arange(new.arrays["own.agreement"].size, dtype=float).reshape(new.arrays["own.agreement"].shape)
    peers = {f"{name}.quantus:IROF": graded for name in ("own", "conflict")} | {"forwards.quantus:IROF": np.array(7.0)}
    write_arrays(tmp_path / made[0].path / "peers.npz", peers)
    worlds = read_worlds(made, tmp_path)
    assert {world.metrics for world in worlds} == {(*grade_names(), "quantus:IROF")}
    by_seed = {world.seed: world for world in worlds if world.set == "own"}
    np.testing.assert_array_equal(by_seed[0].grades[-1], graded)
    np.testing.assert_array_equal(by_seed[0].grades[:-1], new.arrays["own.grades"])
    assert by_seed[0].forwards[-1] == 7.0
    np.testing.assert_array_equal(by_seed[1].grades[:plain], old.arrays["own.grades"][:plain])
    assert np.isnan(by_seed[1].grades[plain:]).all()
    assert np.isnan(by_seed[1].forwards[plain:]).all()
    assert not np.isnan(by_seed[1].forwards[:plain]).any()


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
