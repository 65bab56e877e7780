"""Salient object segmentation: a mask an image."""

from __future__ import annotations

import torch
from torch import Tensor

from regard.data import DataSplits
from regard.metrics.salient_object import mae, mean_f, s_measure
from regard.models import Segmenter
from regard.objectives import Losses, Weights, segmentation_loss
from regard.training.forward import ask, kept_share, sampled_rates
from regard.training.recipe import Recipe
from regard.training.tasks.kind import Kind
from regard.training.tasks.network import network_arguments
from regard.types import NATS_PER_BIT, Batch, RegardError, SegmenterOutput


def build(recipe: Recipe, data: DataSplits) -> Segmenter:
    """The recipe's fully convolutional network for the data's image size.

    Raises:
        RegardError: the data has no masks.
    """
    first = data.train.batch([0])
    if first.masks is None:
        raise RegardError(f"task segmentation: data set {recipe.data.name!r} has no masks; take ecssd, or clutter")
    return Segmenter(**network_arguments(recipe.model, data, first), decoder=recipe.model.fcn)


def loss(output: SegmenterOutput, batch: Batch, weights: Weights, warmup: float) -> Losses:
    """Cross-entropy of every pixel and what is paid for bits."""
    assert batch.masks is not None
    return segmentation_loss(output, batch.masks, weights, warmup=warmup, shares=batch.weights)


def seen(output: SegmenterOutput, batch: Batch) -> dict[str, Tensor]:
    """Nothing: what is measured of masks takes longer than a training step may."""
    return {}


@torch.no_grad()
def validate(model: Segmenter, batch: Batch) -> dict[str, Tensor]:
    """Per-image S-measure, mean F and MAE of the mean, S-measure of one sample, and one-sample bits."""
    assert batch.masks is not None
    output: SegmenterOutput = ask(model, batch, samples=0)
    mean = output.probabilities
    values = {"s": s_measure(mean, batch.masks), "f": mean_f(mean, batch.masks), "mae": mae(mean, batch.masks)}
    values |= kept_share(output)
    if not model.at:
        return values
    sampled: SegmenterOutput = ask(model, batch, samples=1)
    values["s_one_sample"] = s_measure(sampled.probabilities, batch.masks)
    for name, nats in sampled_rates(model, sampled).items():
        values[name] = nats / NATS_PER_BIT
    return values


SEGMENTATION = Kind(
    model=Segmenter,
    build=build,
    loss=loss,
    seen=seen,
    validate=validate,
    validated=("s", "s_one_sample", "f", "mae", "gate_bits", "code_bits", "kept_share"),
    monitor="s",
)
