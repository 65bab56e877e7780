"""What performance needs no network: floors of a study's task."""

from __future__ import annotations

import torch

from regard.data import DataSplits
from regard.evaluation.mask_scores import MEAN_MASK, train_masks
from regard.metrics.salient_object import s_measure

BATCH = 64


def floors(task: str, data: DataSplits) -> dict[str, float]:
    """Mean ``performance`` on the test split of answers that are made without looking, by what they are.

    The S-measure of the training images' mean mask; of classes, what the data itself knows to guess, and else the most
    frequent one. Nothing of images with several labels.

    Args:
        task: of the recipe.
        data: with training masks, where masks are wanted.
    """
    test = data.test
    if task == "segmentation":
        mean = train_masks(data.train).float().mean(0, keepdim=True)
        parts = [test.batch(index).masks for index in torch.arange(len(test)).split(BATCH)]
        scores = torch.cat([s_measure(mean.expand(len(m), -1, -1, -1), m) for m in parts if m is not None])
        return {MEAN_MASK: float(scores.mean())}
    if test.labels.ndim > 1:
        return {}
    if data.guesses:
        return {name: float((guess == test.labels).float().mean()) for name, guess in data.guesses.items()}
    return {"most frequent class": float(torch.bincount(test.labels).max() / len(test))}
