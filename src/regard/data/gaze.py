"""Fixations on image files, converted to pixels of the images that a split returns."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from regard.data.crops import cover_windows, points_through
from regard.data.files import FileSplit
from regard.data.membership import DataRecord
from regard.gaze import Fixations, GazeReading, image_size, natural, observer_split, read_csv
from regard.types import RegardError


def cut_gaze(
    table: Fixations, place: Mapping[str, int], windows: Float[Tensor, "N 4"], size: tuple[int, int]
) -> Fixations:
    """Fixations on N images cut by windows, named by their number; those outside are counted in ``dropped``.

    The table and the windows (x0, y0, x1, y1) are in pixels of the files, the result in those of an output of ``size``
    (height, width). ``place`` maps the name of an image to its number; images that it lacks are left out.
    """
    table, image = _numbered(table, place)
    xy = torch.from_numpy(np.stack([table.x, table.y], 1))
    points = points_through(xy, windows[torch.from_numpy(image)].double(), size).numpy()
    inside = np.all((points >= 0) & (points < (size[1], size[0])), axis=1)
    return replace(
        table.rows(inside),
        image=image[inside],
        x=points[inside, 0].copy(),
        y=points[inside, 1].copy(),
        **_images(len(windows), size),
        dropped=int((~inside).sum()),
    )


def stretch_gaze(table: Fixations, names: Sequence[str], size: tuple[int, int]) -> Fixations:
    """Fixations on the named images in this order, each named by its number, stretched to (height, width).

    An image that the table does not list has none.
    """
    table, image = _numbered(table.rescale(size), {name: k for k, name in enumerate(names)})
    return replace(table, image=image, **_images(len(names), size))


def _numbered(table: Fixations, place: Mapping[str, int]) -> tuple[Fixations, Any]:
    """The fixations on images that ``place`` lists, and the number of the image of each."""
    codes = np.array([place.get(name, -1) for name in table.images], dtype=np.int64)
    table = table.rows(codes[table.image] >= 0)
    return table, codes[table.image]


def _images(count: int, size: tuple[int, int]) -> dict[str, Any]:
    """The columns ``images`` and ``sizes`` of ``count`` images of one size, named by their number."""
    sizes = np.tile(np.array(size, dtype=np.int64), (count, 1))
    return {"images": tuple(str(k) for k in range(count)), "sizes": sizes}


def points_of(table: Fixations) -> Float[Tensor, "N p 2"]:
    """Fixations on images of one size as in `Batch.fixations`: float32, inside of the image in spite of rounding."""
    height, width = (int(side) for side in table.sizes[0])
    limit = torch.tensor([width, height]).float().nextafter(torch.zeros(2))
    return torch.minimum(table.points().float(), limit)


def observers_of(table: Fixations, held_out: int, record: DataRecord | None) -> tuple[Fixations, Fixations]:
    """As `observer_split`; observers of a ``record`` stay what they were, and others are left out.

    Raises:
        RegardError: an observer of the record is missing.
    """
    if record is None or not record.observers:
        return observer_split(table, held_out)
    check_observers(record, table.subjects)
    return table.select(subjects=record.observers["learned"]), table.select(subjects=record.observers["judged"])


def check_observers(record: DataRecord, observers: Iterable[str]) -> None:
    """Raises RegardError where an observer of a record is not among those that there are now."""
    absent = sorted({who for panel in record.observers.values() for who in panel} - set(observers), key=natural)
    if absent:
        raise RegardError(
            f"{record.name}: no gaze of {', '.join(absent)}, observers of the run; restore it, or train a run on the "
            "gaze as it is under another name (--name)"
        )


def own_gaze(
    file: str | Path, paths: Sequence[Path], root: Path, size: tuple[int, int], reading: GazeReading | None = None
) -> Callable[[FileSplit], tuple[FileSplit, Fixations]]:
    """Fixations of a CSV file (`regard.gaze.read_csv`) on the user's own images, which are cut to their centre.

    The file names images by their path below ``root``, or by the file's name alone where only one of all ``paths`` has
    it; coordinates are pixels of the files as they are shown, or what ``reading`` says (`regard.gaze.read_csv`).

    Returns:
        A function of a split: the split with fixations, and their table in pixels of its images of ``size``.

    Raises:
        RegardError: an unknown image, coordinates outside of it, a missing column.
    """
    names = {path: (path.relative_to(root) if path.is_relative_to(root) else path).as_posix() for path in paths}
    table = read_csv(file, sizes={name: image_size(path) for path, name in names.items()}, **(reading or {}))

    def observed(split: FileSplit) -> tuple[FileSplit, Fixations]:
        sizes = torch.tensor([image_size(path)[::-1] for path in split.paths], dtype=torch.float32)
        windows = cover_windows(sizes, size)
        place = {names[path]: k for k, path in enumerate(split.paths)}
        cut = cut_gaze(table, place, windows, size)
        shares = (windows / sizes.repeat(1, 2)).clamp(0, 1)
        return replace(split, windows=shares, fixations=points_of(cut)), cut

    return observed
