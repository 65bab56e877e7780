"""The part of an image file that becomes the image: a rectangle, and where points and boxes lie in it.

Windows, boxes and points are in pixels of one and the same image, x right, y down, pixel i covers [i, i+1).

Fixations on image files, moved to where they lie in what is cut out of the files.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from regard.data.files import FileSplit
from regard.data.reading import shown_size
from regard.gaze import Fixations, read_csv


def cover_windows(sizes: Float[Tensor, "N 2"], size: tuple[int, int]) -> Float[Tensor, "N 4"]:
    """The largest centred windows x0, y0, x1, y1 of the output's aspect.

    Args:
        sizes: width and height of each image.
        size: height and width of the output.
    """
    shape = torch.tensor([size[1], size[0]], dtype=sizes.dtype)
    side = shape * (sizes / shape).amin(1, keepdim=True)
    return torch.cat([(sizes - side) / 2, (sizes + side) / 2], 1)


def object_windows(
    boxes: Float[Tensor, "N 4"], sizes: Float[Tensor, "N 2"], size: tuple[int, int], *, margin: float
) -> Float[Tensor, "N 4"]:
    """Windows around boxes, of the output's aspect where the image has room for it.

    The box with its margin decides the longer side; the window is moved, not cut, where it would leave the image, and
    cut only where the image itself is too short: the output is then stretched, so that the whole object stays visible.

    Args:
        boxes: x0, y0, x1, y1.
        sizes: width and height of each image.
        size: height and width of the output.
        margin: on each side, as a share of the box's longer side in units of the output's aspect.
    """
    shape = torch.tensor([size[1], size[0]], dtype=sizes.dtype)
    extent = boxes[:, 2:] - boxes[:, :2]
    side = torch.minimum(shape * (extent / shape).amax(1, keepdim=True) * (1 + 2 * margin), sizes)
    corner = (boxes[:, :2] + boxes[:, 2:] - side) / 2
    corner = torch.minimum(corner.clamp_min(0), sizes - side)
    return torch.cat([corner, corner + side], 1)


def through(
    points: Float[Tensor, "N *P 2"], windows: Float[Tensor, "N 4"], size: tuple[int, int]
) -> Float[Tensor, "N *P 2"]:
    """Points x, y where they come to lie in an output of (height, width); also outside of it."""
    shape = torch.tensor([size[1], size[0]], dtype=points.dtype)
    rows = (len(windows), *[1] * (points.ndim - 2), 2)
    corner, far = windows[:, :2].reshape(rows), windows[:, 2:].reshape(rows)
    return (points - corner) / (far - corner) * shape


def boxes_through(
    boxes: Float[Tensor, "N 4"], windows: Float[Tensor, "N 4"], size: tuple[int, int]
) -> Float[Tensor, "N 4"]:
    """Boxes x0, y0, x1, y1 in the output, cut at its border; one outside has no area."""
    corners = through(boxes.reshape(-1, 2, 2), windows, size)
    limit = torch.tensor([size[1], size[0]], dtype=boxes.dtype)
    return torch.minimum(corners.clamp_min(0), limit).flatten(1)


def parts_through(
    parts: Float[Tensor, "N P 3"], windows: Float[Tensor, "N 4"], size: tuple[int, int]
) -> Float[Tensor, "N P 3"]:
    """Points x, y, visible (0 or 1) in the output; those outside are not visible, and those not visible lie at 0, 0."""
    return seen_parts(torch.cat([through(parts[..., :2], windows, size), parts[..., 2:]], -1), size)


def seen_parts(parts: Float[Tensor, "N P 3"], size: tuple[int, int]) -> Float[Tensor, "N P 3"]:
    """The same points, those outside of an image of (height, width) marked as not visible and put at 0, 0."""
    limit = torch.tensor([size[1], size[0]], dtype=parts.dtype, device=parts.device)
    place = parts[..., :2]
    inside = ((place >= 0) & (place < limit)).all(-1, keepdim=True) & (parts[..., 2:] > 0)
    return torch.where(inside, torch.cat([place, torch.ones_like(parts[..., 2:])], -1), torch.zeros_like(parts))


def cut_gaze(
    table: Fixations, place: Mapping[str, int], windows: Float[Tensor, "N 4"], size: tuple[int, int]
) -> Fixations:
    """Fixations on N images cut by windows, named by their number; those outside are counted in ``dropped``.

    Args:
        table: in pixels of the files; images that ``place`` does not know are passed over.
        place: name of an image -> its number.
        windows: x0, y0, x1, y1 in pixels of the files.
        size: height and width of what is cut out.
    """
    codes = np.array([place.get(name, -1) for name in table.images], dtype=np.int64)
    table = table.rows(codes[table.image] >= 0)
    image = codes[table.image]
    own = torch.from_numpy(np.stack([table.x, table.y], 1))
    points = through(own, windows[torch.from_numpy(image)].double(), size).numpy()
    inside = np.all((points >= 0) & (points < (size[1], size[0])), axis=1)
    return replace(
        table.rows(inside),
        image=image[inside],
        x=points[inside, 0].copy(),
        y=points[inside, 1].copy(),
        images=tuple(str(k) for k in range(len(windows))),
        sizes=np.tile(np.array(size, dtype=np.int64), (len(windows), 1)),
        dropped=int((~inside).sum()),
    )


def points_of(table: Fixations) -> Float[Tensor, "N p 2"]:
    """Fixations on images of one size as batches have them: float32, inside of the image whatever the rounding."""
    height, width = (int(side) for side in table.sizes[0])
    limit = torch.tensor([width, height]).float().nextafter(torch.zeros(2))
    return torch.minimum(table.points().float(), limit)


@dataclass(frozen=True)
class OwnGaze:
    """Fixations of a CSV file on a person's own images.

    Attributes:
        table: in pixels of the files.
        names: path of an image -> the names that the file may call it by.
        size: height and width of what the images are cut to.
    """

    table: Fixations
    names: Mapping[Path, set[str]]
    size: tuple[int, int]

    def on(self, split: FileSplit) -> tuple[FileSplit, partial[Fixations]]:
        """The split with fixations, and what reads them as a table."""
        sizes = torch.tensor([shown_size(path)[::-1] for path in split.paths], dtype=torch.float32)
        windows = cover_windows(sizes, self.size)
        place = {name: k for k, path in enumerate(split.paths) for name in self.names[path]}
        table = cut_gaze(self.table, place, windows, self.size)
        shares = (windows / sizes.repeat(1, 2)).clamp(0, 1)
        return replace(split, windows=shares, fixations=points_of(table)), partial(_given, table)


def own_gaze(file: str | Path, paths: Sequence[Path], root: Path, size: tuple[int, int]) -> OwnGaze:
    """A CSV of image, x, y and, if known, subject, order, duration (`regard.gaze.read_csv`) on these images.

    Args:
        file: names images by their path below ``root``, or by the file's name alone where only one image has it.
        paths: all images of the set.
        root: of their paths.
        size: height and width of what the images are cut to: the largest centred window of that aspect.

    Raises:
        RegardError: an image that is not there, coordinates outside of it, a column that is missing.
    """
    often = Counter(path.name for path in paths)
    names = {path: {_below(path, root)} | ({path.name} if often[path.name] == 1 else set()) for path in paths}
    sizes = {name: shown_size(path) for path, own in names.items() for name in own}
    return OwnGaze(read_csv(file, sizes=sizes), names, size)


def _below(path: Path, root: Path) -> str:
    return (path.relative_to(root) if path.is_relative_to(root) else path).as_posix()


def _given(table: Fixations) -> Fixations:
    return table
