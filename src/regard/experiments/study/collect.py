"""From finished cells to the table of trials, and to the maps of a few images that the page shows."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import fmean
from typing import Any

import numpy as np
import pandas as pd
import torch
from numpy.typing import NDArray

from regard.data import Split
from regard.evaluation import DOSE, tried_out
from regard.experiments.grid import FAILED_FILE, RUN, Cell, Result, finished_record, read_object, read_result
from regard.experiments.study.cells import ENSEMBLE, GALLERY, GAZE_SET, MAPS
from regard.experiments.study.trials import Trials
from regard.files import write_arrays
from regard.gaze import blur
from regard.reading import ArrayFile
from regard.training import build_data, open_gaze, read_record, recipe_from

_GALLERY_FILE = "gallery.npz"


def collect_trials(cells: Sequence[Cell], root: Path) -> Trials | None:
    """Rows of all finished cells, with each image's difficulty; None where no condition has a finished cell.

    Where the gaze is on another data set, its images are further rows: they have a similarity and no performance.
    """
    finished = [(cell, result) for cell in cells if (result := read_result(cell, root)) is not None]
    parts = [_rows(cell, result) for cell, result in finished if cell.spec["condition"] != ENSEMBLE]
    if not parts:
        return None
    frame = pd.concat(parts, ignore_index=True)
    difficulty = _difficulty([pair for pair in finished if pair[0].spec["condition"] == ENSEMBLE])
    if difficulty is not None:
        frame = frame.merge(difficulty, on=["task", "image"], how="left")
    return Trials(frame)


def _rows(cell: Cell, result: Result) -> pd.DataFrame:
    """The trials of one network: its test images, images of another data set with gaze, doses."""
    spec = cell.spec
    key: dict[str, Any] = {name: spec[name] for name in ("task", "backbone", "condition", "layer")}
    key |= {"seed": cell.seed, "alpha": np.nan}
    own = {name: values for name, values in result.arrays.items() if "/" not in name and name != GALLERY}
    parts = [pd.DataFrame(key | {"image": result.values["images"]} | own)]
    gaze_set = [name for name in result.arrays if name.startswith(GAZE_SET)]
    with_gaze = {name.removeprefix(GAZE_SET): result.arrays[name] for name in gaze_set}
    if with_gaze:
        parts.append(pd.DataFrame(key | {"image": result.values["looked"], "performance": np.nan} | with_gaze))
    for name, values in result.arrays.items():
        if name.startswith(DOSE):
            _, kind, alpha = name.split("/")
            dose_key = key | {"condition": f"dose-{kind}", "alpha": float(alpha)}
            parts.append(pd.DataFrame(dose_key | {"image": result.values["images"], "performance": values}))
    return pd.concat([part.astype({"alpha": float}) for part in parts], ignore_index=True)


def _difficulty(ensemble: Sequence[tuple[Cell, Result]]) -> pd.DataFrame | None:
    """One minus the mean performance of a task's ensemble on each image; None without an ensemble."""
    parts = [
        pd.DataFrame({"task": c.spec["task"], "image": r.values["images"], "difficulty": 1 - r.arrays["performance"]})
        for c, r in ensemble
    ]
    if not parts:
        return None
    means: pd.DataFrame = pd.concat(parts).groupby(["task", "image"], as_index=False)["difficulty"].mean()
    return means


def failures(cells: Sequence[Cell], root: Path) -> dict[str, str]:
    """Path of each cell that failed and was not finished later -> the error."""
    errors = {}
    for cell in cells:
        failure = read_object(root / cell.path / FAILED_FILE)
        if failure is not None and read_result(cell, root) is None:
            errors[cell.path] = "\n".join(failure.get("lines", []))
    return errors


def floors_of(cells: Sequence[Cell], root: Path) -> dict[str, dict[str, float]]:
    """Task -> name -> mean performance that needs no network."""
    return {task: values["floors"] for task, values in _first_values(cells, root).items() if values["floors"]}


def remarks_of(cells: Sequence[Cell], root: Path) -> dict[str, list[str]]:
    """Task -> remarks about its data that readers must know."""
    return {task: values["remarks"] for task, values in _first_values(cells, root).items()}


def _first_values(cells: Sequence[Cell], root: Path) -> dict[str, dict[str, Any]]:
    """Task -> values of its first finished cell."""
    values: dict[str, dict[str, Any]] = {}
    for cell in cells:
        task = cell.spec["task"]
        if task not in values and (record := finished_record(cell, root)) is not None:
            values[task] = record["values"]
    return values


def scores_of(cells: Sequence[Cell], root: Path) -> dict[str, dict[str, dict[str, float]]]:
    """``task, backbone`` -> condition -> mean over images and finished seeds of every score of the task.

    Only for tasks with more than one score, at the default layer.
    """
    of_place: dict[str, dict[str, list[dict[str, float]]]] = {}
    for cell in cells:
        spec = cell.spec
        result = None if spec["condition"] == ENSEMBLE or spec["layer"] else read_result(cell, root)
        if result is not None and len(result.values["scores"]) > 1:
            conditions = of_place.setdefault(f"{spec['task']}, {spec['backbone']}", {})
            conditions.setdefault(spec["condition"], []).append(result.values["scores"])
    return {
        place: {c: {name: fmean(seed[name] for seed in seeds) for name in seeds[0]} for c, seeds in conditions.items()}
        for place, conditions in of_place.items()
    }


@dataclass(frozen=True)
class Gallery:
    """Images and maps of one task's first backbone and first finished seed.

    Attributes:
        images: pictures (G,H,W,3).
        human: how much people looked at each place, largest 1 (G,H,W); NaN on images that nobody looked at.
        maps: condition -> its map of each image (G,h,w).
    """

    task: str
    backbone: str
    images: NDArray[np.uint8]
    human: NDArray[np.float32]
    maps: dict[str, NDArray[np.float32]]


def galleries(cells: Sequence[Cell], root: Path) -> list[Gallery]:
    """One gallery per task that stored maps; opens the data for the images."""
    drawn = []
    for task in dict.fromkeys(cell.spec["task"] for cell in cells):
        stored = _cells_with_maps(cells, root, task)
        if not stored:
            continue
        cell, result = next(iter(stored.values()))
        recipe, gaze = recipe_from(cell.spec["recipe"]), cell.spec["gaze"]
        data = build_data(recipe, read_record(root / cell.path / RUN))
        if gaze["name"] != "own":
            data = open_gaze("align", gaze["name"], gaze["root"], gaze["options"], data)
        data = tried_out(recipe, data)
        images, human = _pictures(data.test, result.arrays[GALLERY], gaze["sigma"])
        maps = {name: other.arrays[MAPS].astype(np.float32) for name, (_, other) in stored.items()}
        drawn.append(Gallery(task, cell.spec["backbone"], images, human, maps))
    return drawn


def write_galleries(drawn: Sequence[Gallery], folder: Path) -> None:
    """`_GALLERY_FILE` in the study's folder, whole or not at all."""
    arrays: dict[str, NDArray[np.generic]] = {"tasks": np.array([f"{g.task}\n{g.backbone}" for g in drawn])}
    for k, one in enumerate(drawn):
        arrays |= {f"{k}/images": one.images, f"{k}/human": one.human.astype(np.float16)}
        arrays |= {f"{k}/maps/{name}": maps.astype(np.float16) for name, maps in one.maps.items()}
    write_arrays(folder / _GALLERY_FILE, arrays)


def read_galleries(folder: Path) -> list[Gallery]:
    """The galleries in a study's folder; none where there is no such file. Nothing stored is executed."""
    if not (folder / _GALLERY_FILE).exists():
        return []
    with ArrayFile(folder / _GALLERY_FILE, "remove it, and write the page again") as arrays:
        drawn = []
        for k, words in enumerate(arrays["tasks"].tolist()):
            task, _, backbone = words.partition("\n")
            start = f"{k}/maps/"
            names = [name.removeprefix(start) for name in arrays if name.startswith(start)]
            maps = {name: arrays[start + name].astype(np.float32) for name in names}
            human = arrays[f"{k}/human"].astype(np.float32)
            drawn.append(Gallery(task, backbone, arrays[f"{k}/images"], human, maps))
    return drawn


def _cells_with_maps(cells: Sequence[Cell], root: Path, task: str) -> dict[str, tuple[Cell, Result]]:
    """Condition -> its first finished cell with maps, all of one backbone and at the default layer."""
    stored: dict[str, tuple[Cell, Result]] = {}
    backbone = None
    for cell in cells:
        spec = cell.spec
        elsewhere = (spec["task"], spec["layer"]) != (task, "") or backbone not in (None, spec["backbone"])
        result = None if elsewhere or spec["condition"] in stored else read_result(cell, root)
        if result is not None and MAPS in result.arrays:
            stored[spec["condition"]], backbone = (cell, result), spec["backbone"]
    return stored


def _pictures(split: Split, index: NDArray[np.int64], sigma: float) -> tuple[NDArray[np.uint8], NDArray[np.float32]]:
    batch = split.batch(torch.from_numpy(index))
    images = (batch.images * 255).round().byte().permute(0, 2, 3, 1).cpu().numpy()
    size = (images.shape[1], images.shape[2])
    if batch.fixations is None:
        return images, np.full(images.shape[:3], np.nan, np.float32)
    density = blur(batch.fixations.cpu(), size=size, sigma=sigma * size[1])[:, 0]
    return images, (density / density.amax((1, 2), keepdim=True)).float().numpy()  # NaN where nobody looked
