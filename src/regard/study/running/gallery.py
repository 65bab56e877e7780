"""A few images of each task, where people looked at them, and the maps of every condition: what the page shows."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray

from regard.data import Split
from regard.gaze import blur
from regard.grid import Cell, Result, read_result
from regard.study.running.cell import GALLERY, MAPS
from regard.training import build_data, recipe_from
from regard.training.build import open_gaze

FILE = "gallery.npz"


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
    """`FILE` in the study's folder, whole or not at all."""
    arrays: dict[str, NDArray[np.generic]] = {"tasks": np.array([f"{g.task}\n{g.backbone}" for g in found])}
    for k, one in enumerate(found):
        arrays |= {f"{k}/images": one.images, f"{k}/human": one.human.astype(np.float16)}
        arrays |= {f"{k}/maps/{name}": maps.astype(np.float16) for name, maps in one.maps.items()}
    part = folder / f"{FILE}.part.npz"
    np.savez_compressed(part, allow_pickle=False, **arrays)
    part.replace(folder / FILE)


def read_galleries(folder: Path) -> list[Gallery]:
    """What `write_galleries` wrote; nothing where there is no such file. Nothing stored is executed."""
    if not (folder / FILE).exists():
        return []
    with np.load(folder / FILE, allow_pickle=False) as held:
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
