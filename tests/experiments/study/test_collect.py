"""From results of cells to the table of trials, with gaze on the task's images and on others."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from regard.data import clutter, image_folder
from regard.evaluation.study_measures import image_names
from regard.experiments.grid import FAILED_FILE, Cell, Result
from regard.experiments.grid.cell import write_result
from regard.experiments.study.collect import (
    Gallery,
    collect_trials,
    failures,
    floors_of,
    read_galleries,
    remarks_of,
    scores_of,
    write_galleries,
)
from regard.experiments.study.page import pictures_of
from regard.experiments.study.questions import dose, performance_table, similarity_table
from regard.experiments.study.relation import relation
from regard.files import write_json

IMAGES = [f"{k}.jpg" for k in range(30)]
OTHER_IMAGES = [f"osie/{k}.jpg" for k in range(20)]


def cell(condition: str, seed: int, **changes: Any) -> Cell:
    spec = {"task": "find", "backbone": "net", "layer": "", "condition": condition} | changes
    return Cell(f"{'/'.join(str(v) for v in spec.values())}/{seed}", condition, seed, "study", spec)


def finish(
    done: Cell, root: Path, other_images: bool = False, values: dict[str, Any] | None = None, **arrays: Any
) -> Cell:
    (root / done.path).mkdir(parents=True)
    values = values or {"images": IMAGES, "looked": OTHER_IMAGES if other_images else []}
    write_result(done, root / done.path, Result(values, {k: np.asarray(v) for k, v in arrays.items()}), 1.0)
    return done


def scores(seed: int, mean: float, count: int = 30) -> np.ndarray:
    return mean + 0.1 * np.random.default_rng(seed).standard_normal(count)


def test_with_gaze_on_the_task_images_runs_and_images_are_compared(tmp_path: Path) -> None:
    cells = []
    for seed in range(3):
        for k, name in enumerate(("implicit", "explicit")):
            close = scores(seed + 10 * k, float(k))
            cells.append(finish(cell(name, seed), tmp_path, performance=0.5 + 0.3 * close, nss=close))
        human = {"performance": scores(seed, 0.9)} | {f"dose/noise/{a}": scores(seed, 0.9 - a / 2) for a in (0.0, 1.0)}
        cells.append(finish(cell("human", seed), tmp_path, **human))
    cells.append(finish(cell("ensemble", 100), tmp_path, performance=np.arange(30) < 10))
    cells.append(finish(cell("ensemble", 101), tmp_path, performance=np.arange(30) < 20))
    cells.append(cell("implicit", 4))  # not finished
    trials = collect_trials(cells, tmp_path)
    assert trials is not None
    frame = trials.frame
    assert len(frame) == 3 * (2 + 1 + 2) * 30
    assert set(frame["condition"]) == {"implicit", "explicit", "human", "dose-noise"}
    assert frame.loc[frame["image"] == "5.jpg", "difficulty"].eq(0).all()
    assert frame.loc[frame["image"] == "15.jpg", "difficulty"].eq(0.5).all()
    assert frame.loc[frame["image"] == "25.jpg", "difficulty"].eq(1).all()
    (slopes,) = relation(trials).tasks
    assert not slopes.apart
    assert slopes.within.value > 0.02
    assert dose(trials).curves[0].drop.value == pytest.approx(0.5, abs=0.05)


def test_with_gaze_on_other_images_only_runs_are_compared(tmp_path: Path) -> None:
    cells = []
    for seed in range(3):
        for k, name in enumerate(("implicit", "explicit", "explicit-shuffled")):
            mean = 0.1 * seed + (k == 1)
            arrays = {"performance": scores(seed, 0.3 * mean), "looked/nss": scores(seed + k, mean, 20)}
            arrays |= {"looked/nss_center": np.full(20, 0.1)}
            cells.append(finish(cell(name, seed), tmp_path, other_images=True, **arrays))
        cells.append(finish(cell("none", seed), tmp_path, performance=scores(seed, 0.0)))
    trials = collect_trials(cells, tmp_path)
    assert trials is not None
    assert len(trials.frame) == 3 * (4 * 30 + 3 * 20)
    (slopes,) = relation(trials).tasks
    assert slopes.apart
    assert np.isnan(slopes.within.value)
    assert np.isnan(slopes.raw.value)
    assert slopes.between_conditions.value == pytest.approx(0.3, abs=0.1)
    assert len(slopes.points) == 9
    first = next(p for p in slopes.points if (p.condition, p.seed) == ("explicit", 2))
    assert (first.similarity, first.performance) == pytest.approx((1.2, 0.36), abs=0.1)
    assert any("find" in line and "other images" in line for line in relation(trials).limits)
    for row in performance_table(trials).rows:
        assert (row.level.images, row.level.left_out) == (30, {}), "images of the other set are none of the task's"
    assert {row.value.images for row in similarity_table(trials).rows} == {20}


def test_without_finished_cells_there_is_no_table_and_failures_are_listed(tmp_path: Path) -> None:
    assert collect_trials([cell("none", 0)], tmp_path) is None
    failed, repaired = cell("implicit", 0), finish(cell("implicit", 1), tmp_path, performance=scores(0, 0))
    for each in (failed, repaired):
        write_json(tmp_path / each.path / FAILED_FILE, {"lines": ["a", "out of memory"]}, parents=True)
    assert failures([failed, repaired], tmp_path) == {failed.path: "a\nout of memory"}


def test_all_scores_of_a_task_are_averaged_over_seeds(tmp_path: Path) -> None:
    cells = [cell("implicit", seed) for seed in (0, 1)] + [cell("implicit", 0, task="name"), cell("none", 2)]
    for k, one in enumerate(cells[:3]):
        means = {"performance": 0.5} | ({"mae": 0.1 * (k + 1)} if k < 2 else {})
        finish(one, tmp_path, values={"scores": means})
    assert scores_of(cells, tmp_path) == {"find, net": {"implicit": {"performance": 0.5, "mae": pytest.approx(0.15)}}}


def test_floors_and_remarks_come_from_the_first_finished_cell(tmp_path: Path) -> None:
    cells = [cell("none", 0), cell("none", 1), cell("none", 0, task="name")]
    finish(cells[1], tmp_path, values={"floors": {"most frequent": 0.2}, "remarks": ["A proxy."]})
    finish(cells[2], tmp_path, values={"floors": {}, "remarks": []})
    assert floors_of(cells, tmp_path) == {"find": {"most frequent": 0.2}}
    assert remarks_of(cells, tmp_path) == {"find": ["A proxy."], "name": []}


def test_image_names_do_not_depend_on_the_folder(tmp_path: Path) -> None:
    for place in ("here", "there/deep"):
        for name in ("sky", "grass"):
            for k in range(10):
                (tmp_path / place / name).mkdir(parents=True, exist_ok=True)
                Image.new("RGB", (8, 8)).save(tmp_path / place / name / f"{k}.png")
    here, there = (image_names(image_folder(tmp_path / p, size=8).test) for p in ("here", "there/deep"))
    assert here == there
    assert all(name.startswith(("sky/", "grass/")) for name in here)
    generated = clutter(size=16, train=2, val=1, test=3, cache=False).test
    assert image_names(generated) == ["0", "1", "2"]


def test_gallery_shows_every_map_and_the_human_map_where_there_is_gaze(tmp_path: Path) -> None:
    human = np.zeros((2, 16, 16), np.float32)
    human[0, 3, 4] = 1
    human[1] = np.nan
    maps = {name: np.random.default_rng(0).random((2, 4, 4)).astype(np.float16) for name in ("explicit", "implicit")}
    gallery = Gallery("find", "net", np.zeros((2, 16, 16, 3), np.uint8), human, maps)
    write_galleries([gallery], tmp_path)
    (read,) = read_galleries(tmp_path)
    assert (read.task, read.backbone, list(read.maps)) == ("find", "net", ["explicit", "implicit"])
    assert np.array_equal(read.human, human, equal_nan=True)
    first, second = pictures_of([read])
    assert first.title == "find, net: image, people, implicit, explicit"
    assert second.title == "find, net: image, implicit, explicit", "the second image has no gaze"
    assert first.uri.startswith("data:image/jpeg;base64,")
    assert read_galleries(tmp_path / "nowhere") == []
