"""Finished cells in a store: written when a cell ends, counted where they are found, and nothing else."""

import uuid
from dataclasses import replace
from pathlib import Path

import fsspec
import numpy as np
import pytest
from tests.experiments.grid.toys import toy

from regard.experiments import GridOptions
from regard.experiments.grid import Cell, CellStore, Result, finished_record, read_result, run_grid
from regard.experiments.grid.cell import write_result
from regard.files import make_folder, write_json
from regard.types import RegardError


def url_of(kind: str, tmp_path: Path) -> str:
    return f"memory://{uuid.uuid4().hex}/runs/grid" if kind == "memory" else (tmp_path / "store" / "grid").as_uri()


def finish(cell: Cell, root: Path, number: int = 3) -> None:
    folder = make_folder(root / cell.path)
    write_json(folder / "run" / "environment.json", {"commit": "abc"}, parents=True)
    write_result(cell, folder, Result({"number": number}, {"image": np.arange(number)}), 1.0)


@pytest.mark.parametrize("kind", ["memory", "file"])
def test_a_cell_that_was_kept_counts_in_another_folder(kind: str, tmp_path: Path) -> None:
    store, cells = CellStore(url_of(kind, tmp_path)), [toy("one", seed, a=seed) for seed in (0, 1)]
    finish(cells[0], tmp_path / "here")
    store.keep(cells[0], tmp_path / "here")
    assert CellStore(store.url).fetch(cells, tmp_path / "there") == 1
    result = read_result(cells[0], tmp_path / "there")
    assert result is not None
    assert result.values["number"] == 3
    np.testing.assert_array_equal(result.arrays["image"], [0, 1, 2])
    assert (tmp_path / "there" / cells[0].path / "run" / "environment.json").is_file()
    assert finished_record(cells[1], tmp_path / "there") is None
    assert CellStore(store.url).fetch(cells, tmp_path / "there") == 0, "what is there is not fetched again"


def test_a_grid_whose_cells_are_all_in_the_store_starts_nothing(tmp_path: Path) -> None:
    store, cells = CellStore(url_of("memory", tmp_path)), [toy("one", seed) for seed in (0, 1)]
    for cell in cells:
        finish(cell, tmp_path / "here")
        store.keep(cell, tmp_path / "here")
    outcome = run_grid(cells, tmp_path / "there", store=store, address="127.0.0.1:9")
    assert outcome.finished == tuple(cell.path for cell in cells), "no cluster was asked for"


def test_a_cell_of_another_request_and_one_that_is_not_whole_do_not_count(tmp_path: Path) -> None:
    store, cell = CellStore(url_of("memory", tmp_path)), toy("one", a=1)
    finish(cell, tmp_path / "here")
    store.keep(cell, tmp_path / "here")
    assert store.fetch([replace(cell, spec={"a": 2})], tmp_path / "there") == 0
    system, path = fsspec.core.url_to_fs(store.url)
    for broken in (b"", b"{", b"[]", b'{"asked": 3}', b"\xff\xfe"):
        system.pipe_file(f"{path}/{cell.path}/cell.json", broken)
        assert store.fetch([cell], tmp_path / "there") == 0
    store.keep(cell, tmp_path / "here")
    system.rm(f"{path}/{cell.path}/cell.npz")
    assert store.fetch([cell], tmp_path / "there") == 0
    assert not (tmp_path / "there").exists()


def test_numbers_are_written_last(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    store, cell, written = CellStore(url_of("memory", tmp_path)), toy("one"), []
    monkeypatch.setattr(CellStore, "_write", lambda self, name, content: written.append(name))
    finish(cell, tmp_path)
    store.keep(cell, tmp_path)
    assert written == [f"{cell.path}/{name}" for name in ("cell.npz", "run/environment.json", "cell.json")]


@pytest.mark.parametrize(
    ("url", "said"),
    [
        ("somewhere", "give an address"),
        ("nothing://bucket/runs", "cannot be opened"),
        ("file:///proc/regard-store", "cannot be written"),
    ],
)
def test_a_store_that_cannot_be_used_is_named(url: str, said: str, tmp_path: Path) -> None:
    cell = toy("one")
    finish(cell, tmp_path)
    with pytest.raises(RegardError, match=said) as error:
        CellStore(url).keep(cell, tmp_path)
    assert url in str(error.value)
    assert finished_record(cell, tmp_path) is not None, "nothing is lost"


def test_grids_have_folders_of_their_names_and_their_files_are_kept(tmp_path: Path) -> None:
    options = GridOptions(tmp_path / "runs", store=url_of("memory", tmp_path) + "/")
    for root, name in (("one", "one"), ("study/cells", "study/cells")):
        store = options.store_of(tmp_path / "runs" / root)
        assert store is not None
        assert store.url == f"{options.store.rstrip('/')}/{name}"  # type: ignore[union-attr]
    root = make_folder(tmp_path / "runs" / "one")
    (root / "table.json").write_text("{}")
    (root / ".owner.json").write_text("{}")
    options.keep_files(root)
    system, path = fsspec.core.url_to_fs(options.store)
    assert [Path(name).name for name in system.ls(f"{path}/one", detail=False)] == ["table.json"]
    GridOptions(tmp_path / "runs").keep_files(root)


@pytest.mark.usefixtures("ray_engine")
def test_cells_that_workers_finish_are_kept(tmp_path: Path) -> None:
    store, cells = CellStore(url_of("memory", tmp_path)), [toy("one", a=2), toy("bad", work="fail")]
    outcome = run_grid(cells, tmp_path / "here", store=store)
    assert (outcome.finished, list(outcome.failed)) == ((cells[0].path,), [cells[1].path])
    assert store.fetch(cells, tmp_path / "there") == 1
    result = read_result(cells[0], tmp_path / "there")
    assert result is not None
    assert result.values["sum"] == 2
