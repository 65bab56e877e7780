"""Classification: a label an image."""

from __future__ import annotations

from torch import Tensor

from regard.data import DataSplits
from regard.models import AttentiveClassifier
from regard.objectives import Losses, Weights, information_loss
from regard.training.forward import validate_batch
from regard.training.recipe import Recipe
from regard.training.tasks.kind import Kind
from regard.training.tasks.network import label_arguments, network_arguments
from regard.types import Batch, ModelOutput


def build(recipe: Recipe, data: DataSplits) -> AttentiveClassifier:
    """The recipe's network for the data's classes and image size, with the data's normalisation unless pretrained."""
    m = recipe.model
    return AttentiveClassifier(
        **network_arguments(m, data, data.train.batch([0])),
        **label_arguments(m, data),
        average=m.average,
        exclude_tokens=m.exclude_tokens,
    )


def loss(output: ModelOutput, batch: Batch, weights: Weights, warmup: float) -> Losses:
    """Cross-entropy and what is paid for bits."""
    return information_loss(output, batch.labels, weights, warmup=warmup, shares=batch.weights)


def seen(output: ModelOutput, batch: Batch) -> dict[str, Tensor]:
    """Accuracy of the images with a label, where there is one label an image."""
    if batch.labels.ndim != 1:
        return {}
    hits = (output.logits.detach()[0].argmax(-1) == batch.labels).float()
    return {"accuracy": hits.mean() if batch.weights is None else (hits * batch.weights).sum() / batch.weights.sum()}


CLASSIFICATION = Kind(
    model=AttentiveClassifier,
    build=build,
    loss=loss,
    seen=seen,
    validate=validate_batch,
    validated=("accuracy", "accuracy_one_sample", "nll", "latent_bits", "gate_bits", "code_bits", "kept_share"),
    monitor="accuracy",
)
