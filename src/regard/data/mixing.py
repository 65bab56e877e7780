"""MixUp and CutMix, by torchvision: images of a batch mixed in pairs, and their labels in the same shares.

    MixUp    x = l x_i + (1 - l) x_j                       l ~ Beta(alpha, alpha)   Zhang et al., ICLR 2018
    CutMix   x_i with a rectangle of x_j, 1 - l of the area                         Yun et al., ICCV 2019

What is drawn is a function of (seed, epoch, step, rank) alone: all images of a batch are mixed in one share.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import torch
from torchvision.transforms import v2

from regard.data.random_counter import hashes
from regard.types import Batch, RegardError

_STREAM = 104
_SEED_BITS = 2**31 - 1


def mix_batch(
    batch: Batch,
    classes: int,
    *,
    mixup: float | int = 0.0,
    cutmix: float | int = 0.0,
    seed: int,
    epoch: int,
    step: int,
    rank: int = 0,
) -> Batch:
    """The batch with its images mixed, and the mixtures of their labels (B,n) in ``mixture``.

    Every image is mixed with the one before it in the batch. Where both ways are wanted, each batch takes one of them,
    each with probability one half. Masks, boxes, parts and fixations, which would lie on two images at once, are left
    out; ``labels`` stay those of the first image of each pair.

    Args:
        batch: with one label per image.
        classes: their number n.
        mixup: alpha of MixUp; 0 for none.
        cutmix: alpha of CutMix; 0 for none.
        seed: of the run.
        epoch: of the run.
        step: number of the batch in the epoch.
        rank: of the process.

    Raises:
        RegardError: several labels an image, flow, or features of a stem in place of images.

    >>> batch = Batch(torch.rand(4, 3, 8, 8), torch.tensor([0, 1, 2, 0]), torch.arange(4))
    >>> mix_batch(batch, 3, mixup=0.2, seed=0, epoch=0, step=0).mixture.sum(1).tolist()
    [1.0, 1.0, 1.0, 1.0]
    """
    if batch.labels.ndim != 1 or batch.flow is not None or not batch.images.numel():
        raise RegardError("augment.mixup and augment.cutmix mix images with one label each; set them to 0")
    ways = [kind(alpha=alpha, num_classes=classes) for kind, alpha in ((v2.MixUp, mixup), (v2.CutMix, cutmix)) if alpha]
    if not ways:
        return batch
    key = hashes(torch.tensor([step]), seed=seed, epoch=epoch, stream=_STREAM + rank)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(int(key) % _SEED_BITS)
        way = ways[int(torch.randint(len(ways), ()))]
        images, mixture = way(batch.images, batch.labels)
    nowhere: dict[str, Any] = dict.fromkeys(("masks", "boxes", "parts", "fixations", "moved"))
    return replace(batch, images=images, mixture=mixture, **nowhere)
