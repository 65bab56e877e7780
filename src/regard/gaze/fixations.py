"""Where people looked: one frozen table of fixations, validated on construction, and how it is made from columns."""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Literal

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from regard.gaze.entry import Outside, TimeUnit, Units, check_unit_names, in_pixels, milliseconds
from regard.gaze.validation import (
    check_codes,
    check_durations,
    check_points,
    check_sizes,
    outside,
)
from regard.listing import Names
from regard.types import RegardError

_Ints = npt.NDArray[np.int64]
_Floats = npt.NDArray[np.float64]
_Column = Sequence[Any] | npt.NDArray[Any]


@dataclass(frozen=True, eq=False)
class Fixations:
    """A table of fixations on a list of images; ``make_fixations`` builds one from names.

    Coordinates are pixels of the image, x right, y down, 0-based; pixel i covers [i, i+1).

    >>> table = make_fixations(image=["a", "a", "b"], x=[3.5, 9, 0], y=[1, 2, 7.5], sizes={"a": (10, 20), "b": (8, 8)})
    >>> len(table), table.images, table.counts().tolist()
    (3, ('a', 'b'), [2, 1])
    >>> table.points(grid=(5, 10))[0].tolist()
    [[1.75, 0.5], [4.5, 1.0]]

    Attributes:
        image: (N,) index into ``images``.
        subject: (N,) index into ``subjects``.
        x: (N,) pixels, 0 <= x < width.
        y: (N,) pixels, 0 <= y < height.
        order: (N,) place in the viewing; 0 is the data set's first fixation, even if the task forced it.
        duration: (N,) milliseconds; NaN where unknown.
        images: names of the images, those without a fixation included.
        sizes: (M,2) height and width of each image in pixels.
        subjects: names of the observers (of the viewings, where a set does not know its observers).
        pixels_per_degree: pixels that one degree of visual angle spans; None where unknown.
        dropped: number of fixations that were left out where the table was made: on request because they lay outside of
            their image, or because they had no coordinates, or lay on images that cannot be read.
        unreadable: image -> why its file cannot be read, of those that had fixations; they are not among ``images``.
    """

    image: _Ints
    subject: _Ints
    x: _Floats
    y: _Floats
    order: _Ints
    duration: _Floats
    images: tuple[str, ...]
    sizes: _Ints
    subjects: tuple[str, ...]
    pixels_per_degree: float | None = None
    dropped: int = 0
    unreadable: Mapping[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        columns = (self.image, self.subject, self.x, self.y, self.order, self.duration)
        if len({c.shape for c in columns}) > 1 or self.x.ndim != 1:
            raise RegardError(f"columns of fixations must be (N,) of one length, not {[c.shape for c in columns]}")
        check_sizes(self.sizes, self.images)
        check_codes("image", self.image, len(self.images))
        check_codes("subject", self.subject, len(self.subjects))
        check_points(self.image, self.x, self.y, self.sizes, self.images)
        check_durations(self.duration)
        if len(self.order) and self.order.min() < 0:
            raise RegardError(f"order counts from 0, but row {int(self.order.argmin())} has {self.order.min()}")
        for column in (*columns, self.sizes):
            column.setflags(write=False)

    def __len__(self) -> int:
        return len(self.x)

    def rows(self, keep: npt.NDArray[np.bool_]) -> Fixations:
        """The fixations where ``keep`` (N,) is true; images and subjects stay listed."""
        names = ("image", "subject", "x", "y", "order", "duration")
        return replace(self, **{name: getattr(self, name)[keep] for name in names})

    def select(
        self,
        *,
        images: Iterable[str] | None = None,
        subjects: Iterable[str] | None = None,
        order: tuple[int, int] | None = None,
        time: tuple[float, float] | None = None,
    ) -> Fixations:
        """The fixations that meet all conditions.

        Args:
            images: keep these images; the result lists them alone, in the order given.
            subjects: keep these observers; the result lists them alone, in the order given.
            order: (first, stop): keep first <= order < stop; (1, 10**9) leaves out a forced first fixation.
            time: (start, stop) in ms: keep fixations whose onset lies in [start, stop). The onset is the sum of the
                durations of the earlier fixations of the same viewing; saccades are not counted.

        Raises:
            RegardError: an unknown image or subject; a time window where durations are unknown.
        """
        keep = np.ones(len(self), dtype=bool)
        if order is not None:
            keep &= (self.order >= order[0]) & (self.order < order[1])
        if time is not None:
            onset = self.onset()
            keep &= (onset >= time[0]) & (onset < time[1])
        table = self.rows(keep)
        if images is not None:
            selected, place, codes = _selection("image", images, self.images)
            table = table.rows(codes[table.image] >= 0)
            table = replace(table, image=codes[table.image], images=selected, sizes=self.sizes[place])
        if subjects is not None:
            selected, _, codes = _selection("subject", subjects, self.subjects)
            table = table.rows(codes[table.subject] >= 0)
            table = replace(table, subject=codes[table.subject], subjects=selected)
        return table

    def onset(self) -> _Floats:
        """(N,) ms: for each fixation the sum of the durations of the earlier fixations of its viewing.

        Raises:
            RegardError: a duration is unknown.
        """
        if np.isnan(self.duration).any():
            raise RegardError("a time window needs durations, but some are unknown: select by order instead")
        rank = np.lexsort((self.order, self.subject, self.image))
        elapsed = np.concatenate([[0.0], np.cumsum(self.duration[rank])])[:-1]
        out = np.empty(len(rank))
        out[rank] = elapsed - _at_first(elapsed, self.image[rank], self.subject[rank])
        return out

    def rescale(self, sizes: tuple[int, int] | _Ints) -> Fixations:
        """The same fixations on images of another size: coordinates times the ratio of the sizes.

        Args:
            sizes: (height, width) for all images, or (M,2), one row per image.

        ``pixels_per_degree`` follows where one factor serves all images and both axes, and is None otherwise.
        """
        new = np.broadcast_to(np.asarray(sizes, dtype=np.int64), self.sizes.shape).copy()
        check_sizes(new, self.images)
        ratio = new / self.sizes
        uniform = len(ratio) > 0 and np.allclose(ratio, ratio[0, 0])
        degree = self.pixels_per_degree * float(ratio[0, 0]) if self.pixels_per_degree and uniform else None
        # Rounding must not move a point of the last pixel onto the border.
        limit = np.nextafter(new.astype(np.float64), 0)
        y = np.minimum(self.y * ratio[self.image, 0], limit[self.image, 0])
        x = np.minimum(self.x * ratio[self.image, 1], limit[self.image, 1])
        return replace(self, x=x, y=y, sizes=new, pixels_per_degree=degree)

    def points(self, *, grid: tuple[int, int] | None = None) -> Tensor:
        """Coordinates as the metrics take them: (M,n,2) float64, x then y, NaN beyond an image's last fixation.

        Args:
            grid: rescale to maps of this (height, width); None keeps image pixels.
        """
        table = self if grid is None else self.rescale(grid)
        return _pad(table.image, np.stack([table.x, table.y], 1), len(table.images))

    def durations(self) -> Tensor:
        """(M,n) durations in ms in the places of ``points``, NaN beyond an image's last fixation and where unknown."""
        return _pad(self.image, self.duration[:, None], len(self.images))[..., 0]

    def observers(self) -> _Ints:
        """(M,n) index of the observer in the places of ``points``, -1 beyond an image's last fixation."""
        indices = _pad(self.image, self.subject[:, None].astype(np.float64), len(self.images))[..., 0]
        return indices.nan_to_num(-1).numpy().astype(np.int64)

    def counts(self) -> _Ints:
        """(M,) number of fixations on each image."""
        return np.bincount(self.image, minlength=len(self.images)).astype(np.int64)


def make_fixations(
    *,
    image: _Column,
    x: _Column,
    y: _Column,
    sizes: Mapping[str, tuple[int, int] | None],
    subject: _Column | None = None,
    order: _Column | None = None,
    duration: _Column | None = None,
    pixels_per_degree: float | None = None,
    units: Units = "auto",
    first_pixel: Literal[0, 1] = 0,
    gaze_size: tuple[int, int] | None = None,
    duration_unit: TimeUnit = "auto",
    points_outside: Outside = "raise",
) -> Fixations:
    """A validated table of fixations: whole tables enter here, and what their numbers mean is decided here, once.

    Args:
        image: (N,) name of the image that each fixation is on, as in ``sizes``, or without its ending, in other
            capitals or the other Unicode form.
        x: (N,) from the left, pixels or as ``units`` says.
        y: (N,) from the top.
        sizes: name -> (height, width) of every image, those without fixations included; None for an image that cannot
            be read, whose fixations are left out and counted.
        subject: (N,) observer; a single one, "0", if not given.
        order: (N,) place in the viewing from 0; the rows' own order if not given.
        duration: (N,) milliseconds, or as ``duration_unit`` says; unknown if not given.
        pixels_per_degree: pixels (of ``gaze_size``, if that is given) that a degree of visual angle spans.
        units: of x and y: ``pixels``, or ``fraction`` of the image's width and height; ``auto`` takes them as pixels
            and refuses a table that looks otherwise (fractions, exchanged axes, 1-based, pixels of another resolution).
        first_pixel: 1 where the first pixel is number 1, as in MATLAB; 1 is then subtracted.
        gaze_size: (height, width) of the screen or the original that the pixels are those of, if the image filled
            it; the coordinates are rescaled to ``sizes``.
        duration_unit: ms, s, us or ns; ``auto`` takes milliseconds and refuses what looks otherwise.
        points_outside: ``raise`` names points that lie outside of their image; ``drop`` leaves them out and counts
            them.

    Raises:
        RegardError: columns of unequal length, an image without a size, an empty subject, or invalid coordinates or
            durations.
    """
    names = [str(name) for name in image]
    people = ["0"] * len(names) if subject is None else [str(s) for s in subject]
    inputs = {"image": names, "subject": people, "x": x, "y": y, "order": order, "duration": duration}
    lengths = {name: len(column) for name, column in inputs.items() if column is not None}
    if len(set(lengths.values())) > 1:
        raise RegardError(f"columns of fixations differ in length ({lengths}): every fixation needs all of them")
    if "" in people:
        raise RegardError(
            f"row {people.index('')}, on image {names[people.index('')]!r}, has no subject: name the observer of "
            "every fixation, or leave the column out if observers are unknown"
        )
    check_unit_names(units, first_pixel, duration_unit, points_outside)
    names = _listed_names(names, sizes)
    readable = {name: size for name, size in sizes.items() if size is not None}
    place = {name: k for k, name in enumerate(readable)}
    subjects = {name: k for k, name in enumerate(sorted(set(people), key=natural))}
    known = np.array([name in place for name in names], dtype=bool)
    images = np.array([place.get(name, -1) for name in names], dtype=np.int64)[known]
    observers = np.array([subjects[name] for name in people], dtype=np.int64)[known]
    shape = np.array(list(readable.values()), dtype=np.int64).reshape(-1, 2)
    seen = shape if gaze_size is None else np.broadcast_to(np.array(gaze_size, dtype=np.int64), shape.shape).copy()
    xs, ys = (np.array(column, dtype=np.float64)[known] for column in (x, y))
    xs, ys = in_pixels(images, xs, ys, seen, units=units, first_pixel=first_pixel)
    orders = _running_order(images, observers) if order is None else _whole_numbers(order)[known]
    durations = np.full(len(names), np.nan) if duration is None else np.array(duration, dtype=np.float64)
    durations = milliseconds(durations[known], duration_unit)
    keep = ~outside(images, xs, ys, seen) if points_outside == "drop" else np.ones(len(images), dtype=bool)
    columns: Any = [column[keep] for column in (images, observers, xs, ys, orders, durations)]
    table = Fixations(
        *columns,
        images=tuple(place),
        sizes=seen,
        subjects=tuple(subjects),
        pixels_per_degree=pixels_per_degree,
        dropped=len(names) - int(keep.sum()),
        unreadable={name: "its file cannot be read" for name in dict.fromkeys(names) if name not in place},
    )
    return table if gaze_size is None else table.rescale(shape)


def _whole_numbers(order: _Column) -> _Ints:
    values = np.array(order, dtype=np.float64)
    bad = ~(values == np.floor(values)) | ~np.isfinite(values)
    if bad.any():
        k = int(np.argmax(bad))
        raise RegardError(f"order must be a whole number from 0, but row {k} has {values[k]:g}: correct the column")
    return values.astype(np.int64)


def _listed_names(names: Sequence[str], listed: Mapping[str, Any]) -> list[str]:
    """Each name as the image of it is listed, see `regard.listing.Names`."""
    different = dict.fromkeys(names)
    if all(name in listed for name in different):
        return list(names)
    meant = Names(listed).find_all(different)
    unknown = sorted(name for name in different if name not in meant)
    if unknown:
        near = difflib.get_close_matches(unknown[0], list(listed)[:10_000], n=3)
        hint = f" (near: {', '.join(map(repr, near))})" if near else ""
        raise RegardError(
            f"fixations on {len(unknown)} unknown image(s), the first is {unknown[0]!r}{hint}: add the image (its name "
            "and size), or leave its fixations out"
        )
    return [meant[name] for name in names]


def observer_split(table: Fixations, held_out: int) -> tuple[Fixations, Fixations]:
    """Fixations of all observers but the last ``held_out``, to learn from, and of those, to judge by.

    Args:
        table: with observers; the last ones by number or name are held out.
        held_out: how many; 0 returns all fixations twice.

    Raises:
        RegardError: no observer would be left to learn from.
    """
    if held_out == 0:
        return table, table
    observers = sorted(table.subjects, key=natural)
    if not 0 < held_out < len(observers):
        raise RegardError(f"held_out={held_out}: there are {len(observers)} observers; use 0 to {len(observers) - 1}")
    return table.select(subjects=observers[:-held_out]), table.select(subjects=observers[-held_out:])


def natural(name: str) -> tuple[tuple[int, int | str], ...]:
    """Sort key that puts "9" before "10" and compares the rest as text."""
    return tuple((0, int(part)) if part.isdecimal() else (1, part) for part in re.split(r"(\d+)", name) if part)


def _running_order(image: _Ints, subject: _Ints) -> _Ints:
    """0, 1, 2, ... within each (image, subject), in the order of the rows."""
    rank = np.lexsort((np.arange(len(image)), subject, image))
    running = np.arange(len(image))
    out = np.empty(len(image), dtype=np.int64)
    out[rank] = running - _at_first(running, image[rank], subject[rank])
    return out


def _at_first(values: npt.NDArray[Any], image: _Ints, subject: _Ints) -> npt.NDArray[Any]:
    """For rows sorted by viewing (image, subject): the value in the first row of each row's viewing."""
    new = (np.diff(image, prepend=-1) != 0) | (np.diff(subject, prepend=-1) != 0)
    first = np.flatnonzero(new)
    return np.repeat(values[first], np.diff(np.append(first, len(image))))


def _pad(image: _Ints, rows: _Floats, images: int) -> Tensor:
    """(N,k) rows of fixations on M images as (M,n,k), padded with NaN; within an image in the table's order."""
    rank = np.argsort(image, kind="stable")
    count = np.bincount(image, minlength=images)
    column = np.arange(len(image)) - np.repeat(np.cumsum(count) - count, count)
    out = np.full((images, int(count.max(initial=0)), rows.shape[1]), np.nan)
    out[image[rank], column] = rows[rank]
    return torch.from_numpy(out)


def _selection(what: str, selected: Iterable[str], names: tuple[str, ...]) -> tuple[tuple[str, ...], _Ints, _Ints]:
    """The selected names, the index of each in ``names``, and of each of ``names`` the index among them or -1."""
    selected, index = tuple(selected), {name: k for k, name in enumerate(names)}
    unknown = next((name for name in selected if name not in index), None)
    if unknown is not None:
        raise RegardError(f"unknown {what} {unknown!r}: there are {len(names)}, such as {', '.join(names[:5])}")
    place = np.array([index[name] for name in selected], dtype=np.int64)
    codes = np.full(len(names), -1, dtype=np.int64)
    codes[place] = np.arange(len(selected))
    return selected, place, codes
