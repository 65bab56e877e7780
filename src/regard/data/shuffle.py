"""Controls: gaze shuffled among images (human, but on the wrong image), labels shuffled (Adebayo et al. 2018)."""

from __future__ import annotations

from dataclasses import replace
from typing import Literal

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from regard.data.files import FileSplit
from regard.data.random_counter import hashes, permutation
from regard.data.splits import DataSplits, Split, TensorSplit
from regard.data.video.clips import ClipSplit
from regard.types import RegardError

Among = Literal["any", "same-class", "other-class"]
"""Images whose gaze an image may get: any other, another of its class, or one of another class."""
_EDGE = 0.05
"""Fixations outside of a box by less than this share of its side count as on its edge: tracker error, rounded boxes."""
_STREAM, _LABEL_STREAM = 110, 102


def shuffle_gaze(split: Split, *, seed: int, among: Among = "any") -> Split:
    """The same images with the fixations of another image each; none keeps its own. Labels and masks stay.

    Statistics of gaze over all images (its centre, its spread) are kept; its relation to the image's object is not.
    Where the set has the object's box, fixations on it are moved and scaled from the source image's box to this
    image's: they stay on the object, at the places that were fixated on *another* object. Fixations outside of the box
    are not moved. Without this, gaze that keeps to objects would become a map of where objects usually lie.

    Gaze is exchanged among the images that have fixations (and whose box has an area); the others get none.

    Args:
        split: with fixations, of at least two images.
        seed: decides the exchange.
        among: which images may exchange.

    Raises:
        RegardError: no fixations, or no image to exchange them with.
    """
    if not isinstance(split, TensorSplit | FileSplit | ClipSplit) or split.fixations is None or len(split) < 2:
        raise RegardError(f"split {split.name!r}: gaze is shuffled among at least two images with fixations")
    observed = (~split.fixations.isnan().any(-1)).any(1)
    if split.boxes is not None:
        observed = observed & (split.boxes[:, 2:] > split.boxes[:, :2]).all(1)
    giver = exchange(split.labels.cpu(), observed.cpu(), seed=seed, among=among, where=split.name).to(observed.device)
    shuffled = split.fixations[giver]
    if split.boxes is not None:
        shuffled = warped(shuffled, split.boxes[giver], split.boxes)
    return replace(split, fixations=torch.where(observed[:, None, None], shuffled, torch.nan))


def exchange(
    labels: Int[Tensor, " N"] | Float[Tensor, "N n"],
    participants: Bool[Tensor, " N"],
    *,
    seed: int,
    among: Among,
    where: str = "train",
) -> Int[Tensor, " N"]:
    """The image from which each image gets its gaze (N,): a permutation of the participants without fixed points.

    The others keep their own. Only ``any`` works with targets (N,n); ``where`` is the split that errors name.

    Raises:
        RegardError: an image without another of its kind.
    """
    if among != "any" and labels.ndim != 1:
        raise RegardError(f"split {where!r}: images with several labels have no single class; use shuffled_from any")
    order = permutation(len(labels), seed=seed, stream=_STREAM)
    order = order[participants[order]]
    giver = torch.arange(len(labels))
    if among == "same-class":
        for kind in labels[order].unique():
            own = order[labels[order] == kind]
            if len(own) < 2:
                raise RegardError(
                    f"split {where!r}: only one image of class {int(kind)} has gaze; use shuffled_from any"
                )
            giver[own] = own.roll(1)
        return giver
    if len(order) < 2:
        raise RegardError(f"split {where!r}: {len(order)} images have gaze; shuffling needs at least two")
    giver[order] = order.roll(1)  # one cycle through all images, so none keeps its own
    return giver if among == "any" else _avoid_own_class(giver, labels, order, seed, where)


def warped(
    points: Float[Tensor, "N p 2"], source: Float[Tensor, "N 4"], target: Float[Tensor, "N 4"]
) -> Float[Tensor, "N p 2"]:
    """Points (x, y) in ``source`` boxes, moved to the same shares of the sides of ``target`` boxes.

    Boxes are x0, y0, x1, y1. Points outside of their source box stay as they are, NaN stays NaN.
    """
    corner, far = target[:, None, :2], target[:, None, 2:]
    extent = (source[:, 2:] - source[:, :2])[:, None]
    share = (points - source[:, None, :2]) / extent
    on = ((share >= -_EDGE) & (share <= 1 + _EDGE)).all(-1, keepdim=True)
    # half-open: a point on the far edge would lie in the next pixel, perhaps outside of the image
    moved = torch.minimum(corner + share.clamp(0, 1) * (far - corner), torch.nextafter(far, corner))
    return torch.where(on, moved, points)


def _avoid_own_class(giver: Tensor, labels: Tensor, order: Tensor, seed: int, where: str) -> Tensor:
    """Swap sources until none is of the receiver's class."""
    for i in order[labels[giver[order]] == labels[order]].tolist():
        if labels[giver[i]] != labels[i]:  # already swapped
            continue
        fits = (labels[giver[order]] != labels[i]) & (labels[order] != labels[giver[i]])
        candidates = order[fits]
        if not len(candidates):
            raise RegardError(
                f"split {where!r}: most images are of class {int(labels[i])}, so not all can get gaze from another "
                "class; use shuffled_from any"
            )
        j = candidates[hashes(torch.tensor([i]), seed=seed, stream=_STREAM)[0] % len(candidates)]
        giver[i], giver[j] = giver[j].clone(), giver[i].clone()
    return giver


def shuffle_labels(data: DataSplits, *, seed: int) -> DataSplits:
    """The same images, in the same order, with the labels of train and val permuted among the images of each.

    Class frequencies and the labels of test stay, so test accuracy shows that nothing was learned. Masks, boxes and
    parts stay with their images.

    Args:
        data: as `open_data` returns it.
        seed: decides the permutation with the split; it is the same in every epoch and run.
    """
    return replace(
        data,
        train=_shuffled_labels(data.train, seed, _LABEL_STREAM),
        val=_shuffled_labels(data.val, seed, _LABEL_STREAM + 1),
        source=f"{data.source}; labels of train and val shuffled",
    )


def _shuffled_labels(split: Split, seed: int, stream: int) -> Split:
    assert isinstance(split, TensorSplit | FileSplit | ClipSplit), "every data set comes as one of these"
    order = permutation(len(split), seed=seed, stream=stream)
    return replace(split, labels=split.labels[order.to(split.labels.device)])
