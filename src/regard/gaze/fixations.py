"""Where people looked: one frozen table of fixations, validated when it is made."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt
from torch import Tensor

from regard.gaze.checks import check_codes, check_durations, check_points, check_sizes
from regard.gaze.rows import chosen_codes, onsets, padded
from regard.types import RegardError

Ints = npt.NDArray[np.int64]
Floats = npt.NDArray[np.float64]


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
    x: Floats
    y: Floats
    order: Ints
    duration: Floats
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

    def onset(self) -> Floats:
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
