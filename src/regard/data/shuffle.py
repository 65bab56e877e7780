"""Gaze dealt anew, the control of every alignment: as human as before, but on another image.

Labels dealt anew, for the control of Adebayo et al. 2018: a network that learned nothing of what images show.
"""

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
"""Whose gaze an image may get: anybody's, that on another image of its class, or that on one of another class."""
EDGE = 0.05
"""Fixations beside a box by less than this share of its side lie on its edge: trackers err, and boxes are rounded."""
_STREAM = 110


def shuffle_gaze(split: Split, *, seed: int, among: Among = "any") -> Split:
    """The same images with the fixations of another image each; none keeps its own. Labels and masks stay.

    What gaze has in common on all images (its centre, its spread) is kept; that it is on the object is not. Where the
    set knows the object's box, fixations are moved and scaled from the box that they were made on to this image's: they
    lie on the object still, but where on *another* object people looked; those beside the object stay where they are.
    Without that, gaze that keeps to objects would become a map of where objects lie in general.

    Gaze is dealt among the images that people looked at (and whose box has an area); the others get none.

    Args:
        split: with fixations, of at least two images.
        seed: decides whose.
        among: whom.

    Raises:
        RegardError: no fixations, or nobody to exchange them with.
    """
    if not isinstance(split, TensorSplit | FileSplit | ClipSplit) or split.fixations is None or len(split) < 2:
        raise RegardError(f"split {split.name!r}: gaze is shuffled among at least two images with fixations")
    looked = (~split.fixations.isnan().any(-1)).any(1)
    if split.boxes is not None:
        looked = looked & (split.boxes[:, 2:] > split.boxes[:, :2]).all(1)
    giver = exchange(split.labels.cpu(), looked.cpu(), seed=seed, among=among, where=split.name).to(looked.device)
    dealt = split.fixations[giver]
    if split.boxes is not None:
        dealt = warped(dealt, split.boxes[giver], split.boxes)
    return replace(split, fixations=torch.where(looked[:, None, None], dealt, torch.nan))


def exchange(
    labels: Int[Tensor, " N"] | Float[Tensor, "N n"],
    partake: Bool[Tensor, " N"],
    *,
    seed: int,
    among: Among,
    where: str = "train",
) -> Int[Tensor, " N"]:
    """From whom each image gets (N,): a permutation of those that partake, which leaves none of them in place.

    Args:
        labels: class index (N,), or targets (N,n), with which only ``any`` goes.
        partake: (N,); the others keep their own.
        seed: decides it.
        among: whom; see `Among`.
        where: name of the split, for errors.

    Raises:
        RegardError: an image that has no other of its kind.
    """
    if among != "any" and labels.ndim != 1:
        raise RegardError(f"split {where!r}: several labels an image make no classes; take shuffled_from any")
    order = permutation(len(labels), seed=seed, stream=_STREAM)
    order = order[partake[order]]
    giver = torch.arange(len(labels))
    if among == "same-class":
        for kind in labels[order].unique():
            own = order[labels[order] == kind]
            if len(own) < 2:
                raise RegardError(
                    f"split {where!r}: people looked at one image of class {int(kind)} only; take shuffled_from any"
                )
            giver[own] = own.roll(1)
        return giver
    if len(order) < 2:
        raise RegardError(f"split {where!r}: people looked at {len(order)} images; shuffling needs at least two")
    giver[order] = order.roll(1)  # one cycle through all images: nobody keeps the own
    return giver if among == "any" else _apart(giver, labels, order, seed, where)


def warped(
    points: Float[Tensor, "N p 2"], source: Float[Tensor, "N 4"], target: Float[Tensor, "N 4"]
) -> Float[Tensor, "N p 2"]:
    """Points (x, y) in one box at the same shares of another box's sides, inside of it; those beside it as they are.

    Args:
        points: NaN stays NaN.
        source: x0, y0, x1, y1 of the boxes that the points belong to.
        target: of those that they go to.
    """
    corner, far = target[:, None, :2], target[:, None, 2:]
    extent = (source[:, 2:] - source[:, :2])[:, None]
    share = (points - source[:, None, :2]) / extent
    on = ((share >= -EDGE) & (share <= 1 + EDGE)).all(-1, keepdim=True)
    # half-open: a point on the far edge would lie in the next pixel, perhaps outside of the image
    moved = torch.minimum(corner + share.clamp(0, 1) * (far - corner), torch.nextafter(far, corner))
    return torch.where(on, moved, points)


def _apart(giver: Tensor, labels: Tensor, order: Tensor, seed: int, where: str) -> Tensor:
    """Exchanges givers until none is of the receiver's class."""
    for i in order[labels[giver[order]] == labels[order]].tolist():
        if labels[giver[i]] != labels[i]:  # mended by an exchange before
            continue
        fits = (labels[giver[order]] != labels[i]) & (labels[order] != labels[giver[i]])
        those = order[fits]
        if not len(those):
            raise RegardError(
                f"split {where!r}: most images are of class {int(labels[i])}, so not all can get gaze from another "
                "class; take shuffled_from any"
            )
        j = those[hashes(torch.tensor([i]), seed=seed, stream=_STREAM)[0] % len(those)]
        giver[i], giver[j] = giver[j].clone(), giver[i].clone()
    return giver


_LABEL_STREAM = 102


def shuffle_labels(data: DataSplits, *, seed: int) -> DataSplits:
    """The same images, in the same order, with the labels of train and val permuted among the images of each.

    Classes keep their sizes, and test keeps its labels, so what was learned is seen to be worth nothing. Masks, boxes
    and parts stay with their images.

    Args:
        data: as `open_data` gives it.
        seed: with the split it decides the permutation, the same in every epoch and run.
    """
    return replace(
        data,
        train=_dealt(data.train, seed, _LABEL_STREAM),
        val=_dealt(data.val, seed, _LABEL_STREAM + 1),
        source=f"{data.source}; labels of train and val shuffled",
    )


def _dealt(split: Split, seed: int, stream: int) -> Split:
    assert isinstance(split, TensorSplit | FileSplit | ClipSplit), "every data set comes as one of these"
    order = permutation(len(split), seed=seed, stream=stream)
    return replace(split, labels=split.labels[order.to(split.labels.device)])
