"""From finished cells to one table of trials.

A few images of each task, where people looked at them, and the maps of every condition: what the page shows.
"""

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
from regard.evaluation import DOSE
from regard.experiments.grid.cell import FAILED, Cell, Result, done, read_json, read_result
from regard.experiments.study.cells import ENSEMBLE, GALLERY, LOOKED, MAPS
from regard.experiments.study.trials import Trials
from regard.files import write_arrays
from regard.gaze import blur
from regard.training import build_data, open_gaze, recipe_from


def trials_of(cells: Sequence[Cell], root: Path) -> Trials | None:
    """Rows of all finished cells, with each image's difficulty; None where no condition has a finished cell.

    Images of a task and those of another set that people looked at are rows of their own: the first have a
    performance, the second a similarity.

    Args:
        cells: of `cells_of`.
        root: of the grid.
    """
    found = [(cell, result) for cell in cells if (result := read_result(cell, root)) is not None]
    parts = [rows_of(cell, result) for cell, result in found if cell.spec["condition"] != ENSEMBLE]
    if not parts:
        return None
    frame = pd.concat(parts, ignore_index=True)
    hard = difficulty([pair for pair in found if pair[0].spec["condition"] == ENSEMBLE])
    if hard is not None:
        frame = frame.merge(hard, on=["task", "image"], how="left")
    return Trials(frame)


def rows_of(cell: Cell, result: Result) -> pd.DataFrame:
    """The trials of one network: its own, one an image; those of another set's images; those under doses."""
    spec = cell.spec
    key: dict[str, Any] = {name: spec[name] for name in ("task", "backbone", "condition", "layer")}
    key |= {"seed": cell.seed, "alpha": np.nan}
    own = {name: values for name, values in result.arrays.items() if "/" not in name and name != GALLERY}
    parts = [pd.DataFrame(key | {"image": result.values["images"]} | own)]
    looked = {name.removeprefix(LOOKED): values for name, values in result.arrays.items() if name.startswith(LOOKED)}
    if looked:
        parts.append(pd.DataFrame(key | {"image": result.values["looked"], "performance": np.nan} | looked))
    for name, values in result.arrays.items():
        if name.startswith(DOSE):
            _, kind, alpha = name.split("/")
            dosed = key | {"condition": f"dose-{kind}", "alpha": float(alpha)}
            parts.append(pd.DataFrame(dosed | {"image": result.values["images"], "performance": values}))
    return pd.concat([part.astype({"alpha": float}) for part in parts], ignore_index=True)


def difficulty(ensemble: Sequence[tuple[Cell, Result]]) -> pd.DataFrame | None:
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
    """Path of each cell that failed and is not finished since -> why."""
    found = {}
    for cell in cells:
        said = read_json(root / cell.path / FAILED)
        if said is not None and read_result(cell, root) is None:
            found[cell.path] = "\n".join(said.get("lines", []))
    return found


def floors_of(cells: Sequence[Cell], root: Path) -> dict[str, dict[str, float]]:
    """Of each task, mean performance that needs no network, by name."""
    return {task: values["floors"] for task, values in _first(cells, root).items() if values["floors"]}


def remarks_of(cells: Sequence[Cell], root: Path) -> dict[str, list[str]]:
    """Of each task, sentences without which a number of it is misread."""
    return {task: values["remarks"] for task, values in _first(cells, root).items()}


def _first(cells: Sequence[Cell], root: Path) -> dict[str, dict[str, Any]]:
    """Of each task, values of its first finished cell."""
    found: dict[str, dict[str, Any]] = {}
    for cell in cells:
        task = cell.spec["task"]
        if task not in found and (held := done(cell, root)) is not None:
            found[task] = held["values"]
    return found


def scores_of(cells: Sequence[Cell], root: Path) -> dict[str, dict[str, dict[str, float]]]:
    """``task, backbone`` -> condition -> mean over images and finished seeds of every score of the task.

    Of tasks with more scores than the one that trials hold, at their own place of the map.
    """
    found: dict[str, dict[str, list[dict[str, float]]]] = {}
    for cell in cells:
        spec = cell.spec
        result = None if spec["condition"] == ENSEMBLE or spec["layer"] else read_result(cell, root)
        if result is not None and len(result.values["scores"]) > 1:
            place = found.setdefault(f"{spec['task']}, {spec['backbone']}", {})
            place.setdefault(spec["condition"], []).append(result.values["scores"])
    return {
        place: {
            condition: {name: fmean(seed[name] for seed in seeds) for name in seeds[0]}
            for condition, seeds in conditions.items()
        }
        for place, conditions in found.items()
    }


_FILE = "gallery.npz"


@dataclass(frozen=True)
class Gallery:
    """Of one task's first backbone and first finished seed.

    Attributes:
        task: name.
        backbone: name.
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
    """One a task of which maps were kept; the data is opened for its images.

    Args:
        cells: of `cells_of`.
        root: of the grid.
    """
    found = []
    for task in dict.fromkeys(cell.spec["task"] for cell in cells):
        kept = _kept(cells, root, task)
        if not kept:
            continue
        cell, result = next(iter(kept.values()))
        recipe, gaze = recipe_from(cell.spec["recipe"]), cell.spec["gaze"]
        data = build_data(recipe)
        if gaze["name"] != "own":
            data = open_gaze("align", gaze["name"], gaze["root"], gaze["options"], data)
        images, human = _pictures(data.test, result.arrays[GALLERY], gaze["sigma"])
        maps = {name: other.arrays[MAPS].astype(np.float32) for name, (_, other) in kept.items()}
        found.append(Gallery(task, cell.spec["backbone"], images, human, maps))
    return found


def write_galleries(found: Sequence[Gallery], folder: Path) -> None:
    """`_FILE` in the study's folder, whole or not at all."""
    arrays: dict[str, NDArray[np.generic]] = {"tasks": np.array([f"{g.task}\n{g.backbone}" for g in found])}
    for k, one in enumerate(found):
        arrays |= {f"{k}/images": one.images, f"{k}/human": one.human.astype(np.float16)}
        arrays |= {f"{k}/maps/{name}": maps.astype(np.float16) for name, maps in one.maps.items()}
    write_arrays(folder / _FILE, arrays)


def read_galleries(folder: Path) -> list[Gallery]:
    """What `write_galleries` wrote; nothing where there is no such file. Nothing stored is executed."""
    if not (folder / _FILE).exists():
        return []
    with np.load(folder / _FILE, allow_pickle=False) as held:
        found = []
        for k, words in enumerate(held["tasks"].tolist()):
            task, _, backbone = words.partition("\n")
            start = f"{k}/maps/"
            maps = {name.removeprefix(start): held[name].astype(np.float32) for name in held if name.startswith(start)}
            found.append(Gallery(task, backbone, held[f"{k}/images"], held[f"{k}/human"].astype(np.float32), maps))
    return found


def _kept(cells: Sequence[Cell], root: Path, task: str) -> dict[str, tuple[Cell, Result]]:
    """Condition -> its first finished cell with maps, all of one backbone and at the task's own place."""
    found: dict[str, tuple[Cell, Result]] = {}
    backbone = None
    for cell in cells:
        spec = cell.spec
        if (spec["task"], spec["layer"]) != (task, "") or spec["condition"] in found:
            continue
        if backbone not in (None, spec["backbone"]):
            continue
        result = read_result(cell, root)
        if result is not None and MAPS in result.arrays:
            found[spec["condition"]], backbone = (cell, result), spec["backbone"]
    return found


def _pictures(split: Split, index: NDArray[np.int64], sigma: float) -> tuple[NDArray[np.uint8], NDArray[np.float32]]:
    batch = split.batch(torch.from_numpy(index))
    images = (batch.images * 255).round().byte().permute(0, 2, 3, 1).cpu().numpy()
    size = (images.shape[1], images.shape[2])
    if batch.fixations is None:
        return images, np.full(images.shape[:3], np.nan, np.float32)
    found = blur(batch.fixations.cpu(), size=size, sigma=sigma * size[1])[:, 0]
    return images, (found / found.amax((1, 2), keepdim=True)).float().numpy()  # 0 / 0 where nobody looked
