"""Fixations from columns of names and numbers, as files and people have them."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any, Literal

import numpy as np
import numpy.typing as npt

from regard.gaze.fixations import Fixations, Ints, outside, systematic_error
from regard.types import RegardError

_Column = Sequence[Any] | npt.NDArray[Any]
Outside = Literal["raise", "drop"]


def make_fixations(
    *,
    image: _Column,
    x: _Column,
    y: _Column,
    sizes: Mapping[str, tuple[int, int]],
    subject: _Column | None = None,
    order: _Column | None = None,
    duration: _Column | None = None,
    pixels_per_degree: float | None = None,
    points_outside: Outside = "raise",
) -> Fixations:
    """A validated table of fixations.

    Args:
        image: (N,) name of the image that each fixation is on.
        x: (N,) pixels from the left, 0-based.
        y: (N,) pixels from the top, 0-based.
        sizes: name -> (height, width) of every image, those without fixations included.
        subject: (N,) observer; a single one, "0", if not given.
        order: (N,) place in the viewing from 0; the rows' own order if not given.
        duration: (N,) milliseconds; unknown if not given.
        pixels_per_degree: pixels that a degree of visual angle spans.
        points_outside: ``raise`` names points that lie outside of their image; ``drop`` leaves them out and counts
            them. A cause that touches all points (swapped axes, 1-based, fractions, another resolution) always raises.

    Raises:
        RegardError: columns of unequal length, an image without a size, a nameless subject, or coordinates or durations
            that do not fit.
    """
    names = [str(name) for name in image]
    people = ["0"] * len(names) if subject is None else [str(s) for s in subject]
    given = {"image": names, "subject": people, "x": x, "y": y, "order": order, "duration": duration}
    lengths = {name: len(column) for name, column in given.items() if column is not None}
    if len(set(lengths.values())) > 1:
        raise RegardError(f"columns of fixations differ in length ({lengths}): every fixation needs all of them")
    if "" in people:
        raise RegardError(
            f"row {people.index('')}, on image {names[people.index('')]!r}, is without a subject: name the observer of "
            "every fixation, or leave the column out where nobody is known"
        )
    place = {name: k for k, name in enumerate(sizes)}
    unknown = sorted({name for name in names if name not in place})
    if unknown:
        raise RegardError(
            f"fixations on {len(unknown)} unknown image(s), the first is {unknown[0]!r}: add the image (its name and "
            "size), or leave its fixations out"
        )
    subjects = tuple(sorted(set(people), key=natural))
    who = {name: k for k, name in enumerate(subjects)}
    codes = np.array([place[name] for name in names], dtype=np.int64)
    of = np.array([who[name] for name in people], dtype=np.int64)
    columns: dict[str, npt.NDArray[Any]] = {
        "image": codes,
        "subject": of,
        "x": np.array(x, dtype=np.float64),
        "y": np.array(y, dtype=np.float64),
        "order": _places(codes, of) if order is None else np.array(order, dtype=np.int64),
        "duration": np.full(len(names), np.nan) if duration is None else np.array(duration, dtype=np.float64),
    }
    shape = np.array([sizes[name] for name in place], dtype=np.int64).reshape(-1, 2)
    dropped = 0
    if points_outside == "drop":
        cause = systematic_error(codes, columns["x"], columns["y"], shape)
        if cause:
            raise RegardError(cause)
        lost = outside(codes, columns["x"], columns["y"], shape)
        dropped = int(lost.sum())
        columns = {name: column[~lost] for name, column in columns.items()}
    return Fixations(
        **columns,
        images=tuple(place),
        sizes=shape,
        subjects=subjects,
        pixels_per_degree=pixels_per_degree,
        dropped=dropped,
    )


def natural(name: str) -> tuple[tuple[int, int | str], ...]:
    """Sort key that puts "9" before "10" and compares the rest as text."""
    return tuple((0, int(part)) if part.isdigit() else (1, part) for part in re.split(r"(\d+)", name) if part)


def _places(image: Ints, subject: Ints) -> Ints:
    """0, 1, 2, ... within each (image, subject), in the order of the rows."""
    rank = np.lexsort((np.arange(len(image)), subject, image))
    viewing = np.stack([image[rank], subject[rank]])
    new = np.ones(len(image), dtype=bool)
    new[1:] = (viewing[:, 1:] != viewing[:, :-1]).any(0)
    first = np.flatnonzero(new)
    running = np.arange(len(image)) - np.repeat(first, np.diff(np.append(first, len(image))))
    out = np.empty(len(image), dtype=np.int64)
    out[rank] = running
    return out
