"""What a network's frozen features are worth on a labelled set, whatever classes the network itself has."""

from __future__ import annotations

import torch
from jaxtyping import Float
from torch import Tensor

from regard.data import DataSplits, Split
from regard.evaluation.transfer import ALL_EXAMPLES, Rows, examples, fit_probe, of_network, represented
from regard.models import AttentiveClassifier
from regard.types import RegardError


def probe_accuracy(
    model: AttentiveClassifier, data: DataSplits, *, shots: int = ALL_EXAMPLES, seed: int = 0
) -> Float[Tensor, " N"]:
    """1 where logistic regression on the network's features names the class of a test image, else 0 (N,).

    Fitted on training images; the penalty is chosen on validation images, or by cross-validation among few examples.

    Args:
        model: the network; its features are those that enter its linear classifier.
        data: labelled images, of any size.
        shots: training images of each class; ``ALL_EXAMPLES`` takes all.
        seed: decides which.

    Raises:
        RegardError: images of several labels, or a network without a linear classifier.
    """
    if data.train.labels.ndim != 1:
        raise RegardError(f"{data.source}: several labels per image; accuracy of a linear probe needs one")
    represent = of_network(model)

    def rows(split: Split, index: Tensor) -> Rows:
        return represented(split, represent, index)

    chosen = torch.from_numpy(examples(data.train.labels.cpu(), shots, seed=seed, draw=0))
    every = {split.name: torch.arange(len(split)) for split in (data.val, data.test)}
    labels = {split.name: split.labels.cpu().numpy() for split in (data.train, data.val, data.test)}
    val = (rows(data.val, every[data.val.name]), labels[data.val.name]) if shots == ALL_EXAMPLES else None
    probe = fit_probe(rows(data.train, chosen), labels[data.train.name][chosen.numpy()], val, seed=seed)
    return torch.from_numpy(probe.hits(rows(data.test, every[data.test.name]), labels[data.test.name]))
