"""Where people looked: one frozen table of fixations, validated when it is made.

Columns of a table of fixations, arranged: by viewing, by image, by the names that were chosen.

What can be wrong with a table of fixations, found and named where the table enters.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from regard.types import RegardError


def onsets(image: Ints, subject: Ints, order: Ints, duration: _Floats) -> _Floats:
    """(N,) the sum of the durations of lower order in the same viewing; all columns are (N,)."""
    rank = np.lexsort((order, subject, image))
    before = np.concatenate([[0.0], np.cumsum(duration[rank])])[:-1]
    viewing = image[rank] * (int(subject.max(initial=0)) + 1) + subject[rank]
    first = np.flatnonzero(np.diff(viewing, prepend=-1))
    start = np.repeat(before[first], np.diff(np.append(first, len(rank))))
    out = np.empty(len(rank))
    out[rank] = before - start
    return out


def padded(image: Ints, rows: _Floats, images: int) -> Tensor:
    """(N,k) rows of fixations on M images as (M,n,k), padded with NaN; within an image in the table's order."""
    rank = np.argsort(image, kind="stable")
    count = np.bincount(image, minlength=images)
    column = np.arange(len(image)) - np.repeat(np.cumsum(count) - count, count)
    out = np.full((images, int(count.max(initial=0)), rows.shape[1]), np.nan)
    out[image[rank], column] = rows[rank]
    return torch.from_numpy(out)


def chosen_codes(what: str, chosen: tuple[str, ...], known: tuple[str, ...]) -> tuple[tuple[str, ...], Ints]:
    """Names chosen, and for each known index its place among them (-1: not chosen)."""
    place = {name: k for k, name in enumerate(known)}
    codes = np.full(len(known), -1, dtype=np.int64)
    for k, name in enumerate(chosen):
        if name not in place:
            raise RegardError(f"unknown {what} {name!r}: there are {len(known)}, such as {', '.join(known[:5])}")
        codes[place[name]] = k
    return chosen, codes


Array = npt.NDArray[Any]


def outside(image: Array, x: Array, y: Array, sizes: Array) -> npt.NDArray[np.bool_]:
    """Which points lie outside of their image: not 0 <= x < width or not 0 <= y < height; NaN lies outside."""
    height, width = sizes[image, 0], sizes[image, 1]
    return ~((x >= 0) & (x < width) & (y >= 0) & (y < height))


def check_points(image: Array, x: Array, y: Array, sizes: Array, images: tuple[str, ...]) -> None:
    """Raise RegardError if points lie outside of their image; the message names the likely cause.

    In this order: coordinates that are fractions of the image, swapped axes, 1-based coordinates, coordinates of a
    larger screen or original, else points that are simply outside.
    """
    cause = systematic_error(image, x, y, sizes)
    if cause:
        raise RegardError(cause)
    lost = outside(image, x, y, sizes)
    if not lost.any():
        return
    k = int(np.argmax(lost))
    h, w = (int(v) for v in sizes[image[k]])
    raise RegardError(
        f"{int(lost.sum())} of {len(x)} fixations lie outside of their image; the first is row {k} at (x={x[k]:g}, "
        f"y={y[k]:g}) on {images[image[k]]!r} of {w}x{h}: correct them, or pass points_outside='drop' to leave them out"
    )


def systematic_error(image: Array, x: Array, y: Array, sizes: Array) -> str | None:
    """What is wrong with all coordinates at once, as a sentence; None if nothing is."""
    known = np.isfinite(x) & np.isfinite(y)
    image, x, y = image[known], x[known], y[known]
    if len(x) == 0:
        return None
    if len(x) > 1 and sizes[image].min() > 4 and x.min() >= 0 and y.min() >= 0 and max(x.max(), y.max()) <= 1:
        return (
            f"coordinates look like fractions of the image (largest x {x.max():g}, y {y.max():g}): multiply x by the "
            "width and y by the height"
        )
    lost = outside(image, x, y, sizes)
    share = lost.mean()
    if share == 0:
        return None
    if not outside(image, y, x, sizes).any():
        return (
            f"axes look swapped: {share:.1%} of the points lie outside of their image, none does with x and y "
            "exchanged: x is the column, y the row"
        )
    height, width = sizes[image, 0], sizes[image, 1]
    at_end = ((x == width) | (y == height)).any()
    if at_end and x.min() >= 1 and y.min() >= 1 and not outside(image, x - 1, y - 1, sizes).any():
        return (
            "coordinates look 1-based (the smallest are 1, the largest equal the image's size): subtract 1 from x and "
            "y; pixels are counted from 0"
        )
    if share > 0.2:
        return (
            f"{share:.0%} of the points lie outside of their image (largest x {x.max():g}, y {y.max():g}; images are "
            f"up to {int(width.max())} wide and {int(height.max())} high): are these pixels of the screen or of the "
            "original? Read with the sizes that the coordinates refer to, then rescale"
        )
    return None


def check_durations(duration: Array) -> None:
    """Raise RegardError for negative durations and for units other than milliseconds.

    A fixation lasts between some 50 ms and a few seconds: a median below 5 means seconds, above 20,000 microseconds.
    """
    known = duration[np.isfinite(duration)]
    if len(known) == 0:
        return
    if (known < 0).any():
        k = int(np.argmax(duration < 0))
        raise RegardError(f"durations must not be negative: row {k} has {duration[k]:g} ms")
    middle = float(np.median(known))
    unit = "seconds" if 0 < middle < 5 else "microseconds" if middle > 20_000 else None
    if unit:
        factor = "multiply by" if unit == "seconds" else "divide by"
        raise RegardError(f"durations look like {unit} (median {middle:g}): milliseconds are meant, {factor} 1000")


def check_codes(name: str, codes: Array, count: int) -> None:
    """Raise RegardError if an index column points outside of its list of names."""
    if len(codes) and (codes.min() < 0 or codes.max() >= count):
        raise RegardError(f"{name} has indices from {codes.min()} to {codes.max()}, but there are {count} names")


def check_sizes(sizes: Array, images: tuple[str, ...]) -> None:
    """Raise RegardError unless every image has a name of its own and a positive height and width."""
    if sizes.shape != (len(images), 2):
        raise RegardError(f"sizes must be ({len(images)},2), height and width of each image, not {sizes.shape}")
    if len(set(images)) != len(images):
        twice = next(name for k, name in enumerate(images) if name in images[:k])
        raise RegardError(f"image {twice!r} is listed twice: names of images must differ")
    if len(sizes) and sizes.min() < 1:
        k = int(np.argmin(sizes.min(1)))
        raise RegardError(f"image {images[k]!r} has (height, width) {sizes[k].tolist()}: both must be positive")


Ints = npt.NDArray[np.int64]
_Floats = npt.NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Fixations:
    """A table of fixations on a list of images; ``make_fixations`` builds one from names.

    Coordinates are pixels of the image, x right, y down, 0-based; pixel i covers [i, i+1).

    Attributes:
        image: (N,) index into ``images``.
        subject: (N,) index into ``subjects``.
        x: (N,) pixels, 0 <= x < width.
        y: (N,) pixels, 0 <= y < height.
        order: (N,) place in the viewing; 0 is what the data set calls the first fixation, a forced one included.
        duration: (N,) milliseconds; NaN where unknown.
        images: names of the images, those without a fixation included.
        sizes: (M,2) height and width of each image in pixels.
        subjects: names of the observers (of the viewings, where a set does not know its observers).
        pixels_per_degree: pixels that one degree of visual angle spans; None where unknown.
        dropped: number of fixations left out on request because they lay outside of their image.
    """

    image: Ints
    subject: Ints
    x: _Floats
    y: _Floats
    order: Ints
    duration: _Floats
    images: tuple[str, ...]
    sizes: Ints
    subjects: tuple[str, ...]
    pixels_per_degree: float | None = None
    dropped: int = 0

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
            time: (start, stop) in ms of looking: keep fixations that begin in [start, stop). A fixation begins after
                the durations of those before it in the same viewing; the flights between them are not counted.

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
            chosen, codes = chosen_codes("image", tuple(images), self.images)
            table = table.rows(codes[table.image] >= 0)
            sizes = self.sizes[[self.images.index(name) for name in chosen]].reshape(-1, 2)
            table = replace(table, image=codes[table.image], images=chosen, sizes=sizes)
        if subjects is not None:
            chosen, codes = chosen_codes("subject", tuple(subjects), self.subjects)
            table = table.rows(codes[table.subject] >= 0)
            table = replace(table, subject=codes[table.subject], subjects=chosen)
        return table

    def onset(self) -> _Floats:
        """(N,) ms of looking before each fixation of its viewing: the sum of the durations of lower order.

        Raises:
            RegardError: a duration is unknown.
        """
        if np.isnan(self.duration).any():
            raise RegardError("a time window needs durations, but some are unknown: select by order instead")
        return onsets(self.image, self.subject, self.order, self.duration)

    def rescale(self, sizes: tuple[int, int] | Ints) -> Fixations:
        """The same fixations on images of another size: coordinates times the ratio of the sizes.

        Args:
            sizes: (height, width) for all images, or (M,2), one row an image.

        ``pixels_per_degree`` follows where one factor serves all images and both axes, and is None otherwise.
        """
        new = np.broadcast_to(np.asarray(sizes, dtype=np.int64), self.sizes.shape).copy()
        check_sizes(new, self.images)
        ratio = new / self.sizes
        one = len(ratio) > 0 and np.allclose(ratio, ratio[0, 0])
        degree = self.pixels_per_degree * float(ratio[0, 0]) if self.pixels_per_degree and one else None
        # A point in the last pixel stays inside whatever the rounding.
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
        return padded(table.image, np.stack([table.x, table.y], 1), len(table.images))

    def durations(self) -> Tensor:
        """(M,n) durations in ms in the places of ``points``, NaN beyond an image's last fixation and where unknown."""
        return padded(self.image, self.duration[:, None], len(self.images))[..., 0]

    def observers(self) -> Ints:
        """(M,n) index of the observer in the places of ``points``, -1 beyond an image's last fixation."""
        placed = padded(self.image, self.subject[:, None].astype(np.float64), len(self.images))[..., 0]
        return placed.nan_to_num(-1).numpy().astype(np.int64)

    def counts(self) -> Ints:
        """(M,) number of fixations on each image."""
        return np.bincount(self.image, minlength=len(self.images)).astype(np.int64)
