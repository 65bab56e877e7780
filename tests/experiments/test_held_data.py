"""All cells of a grid have the data of its first, whatever is added to the folder before the others."""

import json
import shutil
from dataclasses import asdict
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from tests.training.tiny import tiny

from regard.data import open_data
from regard.experiments.grid import Cell
from regard.experiments.held_data import grid_of, held_record, hold_data
from regard.experiments.runner import GridOptions, run_cells
from regard.experiments.tables.classifier import run_classifier
from regard.training import open_run
from regard.types import RegardError


@pytest.fixture
def images(tmp_path: Path) -> Path:
    for k, name in enumerate(("a", "b")):
        for i in range(10):
            picture(tmp_path / "s" / name / f"{i}.png", 50 * k + i)
    return tmp_path / "s"


def picture(path: Path, seed: int) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(np.random.default_rng(seed).integers(0, 255, (16, 16, 3), dtype=np.uint8)).save(path)


def cells(images: Path, seeds: int = 2, **data: object) -> list[Cell]:
    own = {"name": "folder", "root": str(images), "options": {"size": 16}, "workers": 0} | data
    made = []
    for seed in range(seeds):
        recipe = tiny(f"arm/seed-{seed}", data=own, train={"seed": seed, "batch_size": 4})
        made.append(
            Cell(
                f"arm/seed-{seed}", "arm", seed, "classifier", {"recipe": asdict(recipe), "measures": [], "other": None}
            )
        )
    return made


def test_later_cells_have_the_split_of_the_first(images: Path, tmp_path: Path) -> None:
    first, second = cells(images)
    grid = tmp_path / "grid"
    assert hold_data([first], grid) == []
    run_classifier(first, grid / first.path)
    before = open_run(grid / first.path / "run").data
    for i in range(8):
        picture(images / "a" / f"-{i}.png", 200 + i)
    (remark,) = hold_data([second], grid)
    assert remark.startswith("8 items of ")
    run_classifier(second, grid / second.path)
    after = open_run(grid / second.path / "run").data
    assert after.train.paths == before.train.paths
    assert after.test.paths == before.test.paths
    assert open_data("folder", images, size=16).train.paths != before.train.paths


def test_changed_images_stop_the_grid_before_a_worker_starts(
    images: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    first, second = cells(images)
    grid = tmp_path / "grid"
    hold_data([first], grid)
    run_classifier(first, grid / first.path)
    picture(images / "b" / "3.png", 300)
    (images / "a" / "1.png").unlink()
    monkeypatch.setattr("regard.experiments.runner.run_grid", lambda *_, **__: pytest.fail("no cell may run"))
    with pytest.raises(RegardError, match=r"2 of the 20 items .* (missing a/1|changed b/3).*; restore them, or train"):
        run_cells([second], grid, GridOptions())


def test_a_grid_that_has_not_begun_takes_the_images_as_they_are(images: Path, tmp_path: Path) -> None:
    (first,) = cells(images, 1)
    hold_data([first], tmp_path / "grid")
    (images / "a" / "1.png").unlink()
    assert hold_data([first], tmp_path / "grid") == []
    record = held_record(first, tmp_path / "grid")
    assert record is not None
    assert sum(record.data.counts.values()) == 19


def test_shuffled_labels_and_other_options_are_other_records(images: Path, tmp_path: Path) -> None:
    grid = tmp_path / "grid"
    plain = cells(images)
    shuffled = cells(images, shuffle_labels=True)
    larger = cells(images, 1, options={"size": 24})
    hold_data([*plain, *shuffled, *larger], grid)
    assert len(json.loads((grid / "data.json").read_text())["sets"]) == 1 + 2 + 1
    sizes = [held_record(cell, grid).data.size for cell in (plain[0], shuffled[1], larger[0])]
    assert sizes == [(16, 16), (16, 16), (24, 24)]


def test_the_gaze_of_another_set_is_held_too(images: Path, tmp_path: Path) -> None:
    (cell,) = cells(images, 1)
    options = {"size": 16, "train": 8, "val": 4, "test": 4, "cache": False, "observers": 2}
    gaze = {"name": "clutter", "root": None, "options": options, "sigma": 0.04}
    cell = Cell(cell.path, "arm", 0, "study", {**cell.spec, "gaze": gaze})
    hold_data([cell], tmp_path / "grid")
    record = held_record(cell, tmp_path / "grid")
    assert record is not None
    (key,) = record.beside
    assert json.loads(key) == ["clutter", None, options]
    assert record.beside[key].counts == {"train": 8, "val": 4, "test": 4}


def test_no_record_before_the_first_grid_and_a_damaged_one_is_named(images: Path, tmp_path: Path) -> None:
    (cell,) = cells(images, 1)
    assert held_record(cell, tmp_path) is None
    (tmp_path / "data.json").write_text("[")
    with pytest.raises(RegardError, match=r"data.json: .*remove the grid's folder"):
        held_record(cell, tmp_path)
    shutil.rmtree(images)


def test_the_grid_of_a_cell() -> None:
    cell = Cell("task/deep/arm/seed-0", "arm", 0, "study", {})
    assert grid_of(cell, Path("runs/x/cells/task/deep/arm/seed-0")) == Path("runs/x/cells")
