"""Some of the judged images with every method's map, for the page; ``gallery.npz`` has the images and their rows."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import cast

import numpy as np
from numpy.typing import NDArray

from regard.data import evenly_spaced
from regard.evaluation import Sample
from regard.explain import METHODS
from regard.files import write_arrays
from regard.judge.folder import JudgeFolder
from regard.judge.results import JudgedMethod, JudgeResults
from regard.plot import colorize, enlarge, picture_of, png, scale_of
from regard.reading import read_arrays
from regard.report import finite_range, fitted, uri, value_range
from regard.types import RegardError, Unit

GALLERY_IMAGES = 6
_LARGEST = 160  # pixels per side of a picture in the page
_FILE = "gallery.npz"


@dataclass(frozen=True)
class MethodMap:
    """A method's map of one image as data in the page, with its smallest and largest value as text."""

    method: str
    uri: str
    values: str


@dataclass(frozen=True)
class JudgedImage:
    """An image of the page and every method's map of it."""

    name: str
    uri: str
    ratio: str
    maps: tuple[MethodMap, ...]


def write_gallery(folder: Path, sample: Sample) -> None:
    """Keeps some of the sample's images, evenly spaced, if they have colours or are grey; maps are in the folder."""
    if sample.images.shape[1] not in (1, 3):
        return
    rows = evenly_spaced(len(sample.images), GALLERY_IMAGES)
    images = np.stack([picture_of(sample.images[row].expand(3, -1, -1)) for row in rows.tolist()])
    write_arrays(folder / _FILE, {"images": images, "rows": rows.numpy()})


def read_judged_images(folder: Path, results: JudgeResults) -> tuple[JudgedImage, ...]:
    """The page's images with their maps, those of a method on one scale; empty where none were kept (before 0.2).

    Raises:
        RegardError: the images or maps in the folder are damaged, or are those of another judgement.
    """
    file = folder / _FILE
    if not file.is_file():
        return ()
    remedy = f"remove {file}, and the page has no pictures"
    arrays = read_arrays(file, remedy)
    images, rows = arrays.get("images"), arrays.get("rows")
    if images is None or images.ndim != 4 or images.shape[3] != 3 or images.dtype != np.uint8 or not images.size:
        raise RegardError(f"{file}: holds no images uint8 (G,H,W,3); {remedy}")
    names = results.data.names
    if rows is None or rows.dtype.kind not in "iu" or rows.shape != images.shape[:1]:
        raise RegardError(f"{file}: holds no row for every image; {remedy}")
    if rows.min() < 0 or rows.max() >= results.data.images:
        raise RegardError(f"{file}: has rows {rows.min()} to {rows.max()} of {results.data.images} images; {remedy}")
    maps = [_maps(folder, method, rows) for method in results.methods]
    height, width = images.shape[1:3]
    return tuple(
        JudgedImage(
            name=names[row] if row < len(names) else str(row),
            uri=uri(png(_smaller(images[i])), "png"),
            ratio=f"{width} / {height}",
            maps=tuple(of_method[i] for of_method in maps if of_method),
        )
        for i, row in enumerate(rows.tolist())
    )


def _maps(folder: Path, method: JudgedMethod, rows: NDArray[np.integer]) -> tuple[MethodMap, ...]:
    """A method's maps of these images; none where its file was removed."""
    if method.name not in METHODS or not (folder / "maps" / f"{method.name}.npz").is_file():
        return ()
    map = JudgeFolder(folder).read_map(method.name, cast(Unit, method.unit))
    if len(map.values) <= rows.max():
        raise RegardError(
            f"{folder / 'maps' / method.name}.npz: has {len(map.values)} maps, but the page shows row {rows.max()}; "
            "judge again with `regard judge` and another --out"
        )
    values = [map.values[row, 0].numpy() for row in rows.tolist()]
    scale = scale_of(values, map.unit)
    return tuple(
        MethodMap(method.name, uri(png(colorize(_small(v), scale)), "png"), value_range(*finite_range(v)))
        for v in values
    )


def _small(values: NDArray[np.float32]) -> NDArray[np.floating]:
    """A map on its own grid, or on a coarser one where that is finer than the page's pictures."""
    return enlarge(values, fitted(values.shape[0], values.shape[1], _LARGEST))


def _smaller(image: NDArray[np.uint8]) -> NDArray[np.uint8]:
    step = -(-max(image.shape[:2]) // (2 * _LARGEST))
    return np.ascontiguousarray(image[::step, ::step])
