"""The window of an image file that becomes the image, and the coordinates of points and boxes in it.

Windows, boxes and points are in pixels of the same image, x right, y down; pixel i covers [i, i+1).
"""

from __future__ import annotations

import torch
from jaxtyping import Float
from torch import Tensor


def cover_windows(sizes: Float[Tensor, "N 2"], size: tuple[int, int]) -> Float[Tensor, "N 4"]:
    """The largest centred windows x0, y0, x1, y1 in images of ``sizes`` (w, h), of the aspect of ``size`` (h, w)."""
    shape = torch.tensor([size[1], size[0]], dtype=sizes.dtype)
    side = shape * (sizes / shape).amin(1, keepdim=True)
    return torch.cat([(sizes - side) / 2, (sizes + side) / 2], 1)


def object_windows(
    boxes: Float[Tensor, "N 4"], sizes: Float[Tensor, "N 2"], size: tuple[int, int], *, margin: float
) -> Float[Tensor, "N 4"]:
    """Windows around boxes, of the output's aspect where the image has room for it.

    The box with its margin decides the longer side. A window that would leave the image is moved; it is cut only where
    the image itself is too short: the output is then stretched, so that the whole object stays visible. ``sizes`` are
    width and height of each image, ``size`` height and width of the output; ``margin`` is added on each side, as a
    share of the box's longer side in units of the output's aspect.
    """
    shape = torch.tensor([size[1], size[0]], dtype=sizes.dtype)
    extent = boxes[:, 2:] - boxes[:, :2]
    side = torch.minimum(shape * (extent / shape).amax(1, keepdim=True) * (1 + 2 * margin), sizes)
    corner = (boxes[:, :2] + boxes[:, 2:] - side) / 2
    corner = torch.minimum(corner.clamp_min(0), sizes - side)
    return torch.cat([corner, corner + side], 1)


def points_through(
    points: Float[Tensor, "N *P 2"], windows: Float[Tensor, "N 4"], size: tuple[int, int]
) -> Float[Tensor, "N *P 2"]:
    """Points x, y in pixels of an output of (height, width); they may lie outside of it."""
    shape = torch.tensor([size[1], size[0]], dtype=points.dtype)
    rows = (len(windows), *[1] * (points.ndim - 2), 2)
    corner, far = windows[:, :2].reshape(rows), windows[:, 2:].reshape(rows)
    return (points - corner) / (far - corner) * shape


def boxes_through(
    boxes: Float[Tensor, "N 4"], windows: Float[Tensor, "N 4"], size: tuple[int, int]
) -> Float[Tensor, "N 4"]:
    """Boxes x0, y0, x1, y1 in the output, cut at its border; one outside has no area."""
    corners = points_through(boxes.reshape(-1, 2, 2), windows, size)
    limit = torch.tensor([size[1], size[0]], dtype=boxes.dtype)
    return torch.minimum(corners.clamp_min(0), limit).flatten(1)


def parts_through(
    parts: Float[Tensor, "N P 3"], windows: Float[Tensor, "N 4"], size: tuple[int, int]
) -> Float[Tensor, "N P 3"]:
    """Points x, y, visible (0 or 1) in the output; those outside are not visible, and those not visible lie at 0, 0."""
    return visible_parts(torch.cat([points_through(parts[..., :2], windows, size), parts[..., 2:]], -1), size)


def visible_parts(parts: Float[Tensor, "N P 3"], size: tuple[int, int]) -> Float[Tensor, "N P 3"]:
    """The same points, those outside of an image of (height, width) marked as not visible and put at 0, 0."""
    limit = torch.tensor([size[1], size[0]], dtype=parts.dtype, device=parts.device)
    xy = parts[..., :2]
    inside = ((xy >= 0) & (xy < limit)).all(-1, keepdim=True) & (parts[..., 2:] > 0)
    return torch.where(inside, torch.cat([xy, torch.ones_like(parts[..., 2:])], -1), torch.zeros_like(parts))
