"""Labels dealt anew, for the control of Adebayo et al. 2018: a network that learned nothing of what images show."""

from __future__ import annotations

from dataclasses import replace

from regard.data.counter import permutation
from regard.data.files import FileSplit
from regard.data.splits import DataSplits, Split, TensorSplit
from regard.data.video.clips import ClipSplit

_STREAM = 102


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
        train=_dealt(data.train, seed, _STREAM),
        val=_dealt(data.val, seed, _STREAM + 1),
        source=f"{data.source}; labels of train and val shuffled",
    )


def _dealt(split: Split, seed: int, stream: int) -> Split:
    assert isinstance(split, TensorSplit | FileSplit | ClipSplit), "every data set comes as one of these"
    order = permutation(len(split), seed=seed, stream=stream)
    return replace(split, labels=split.labels[order.to(split.labels.device)])
