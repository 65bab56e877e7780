"""Classification: a label an image."""

from __future__ import annotations

from torch import Tensor

from regard.data import DataSplits
from regard.models import AttentiveClassifier
from regard.objectives import Losses, Weights, information_loss
from regard.training.measure import validate_batch
from regard.training.recipe import Recipe
from regard.training.tasks.kind import Kind
from regard.types import Batch, ModelOutput


def build(recipe: Recipe, data: DataSplits) -> AttentiveClassifier:
    """The recipe's network for the data's classes and image size, with the data's normalisation unless pretrained."""
    m = recipe.model
    own_statistics = (tuple(data.mean.tolist()), tuple(data.std.tolist()))
    model = AttentiveClassifier(
        m.backbone,
        len(data.classes),
        at=m.at if m.attention else None,
        attention=m.attention,
        anchors=m.anchors,
        attention_options=m.attention_options,
        latent=m.latent,
        decoder=m.decoder,
        kl=m.kl,
        prior=m.prior,
        pretrained=m.pretrained,
        input_size=tuple(data.train.batch([0]).images.shape[1:]),
        normalize=None if m.pretrained else own_statistics,
        average=m.average,
        multi_label=data.train.labels.ndim == 2,
        exclude_tokens=m.exclude_tokens,
        backbone_options=m.backbone_options,
    )
    if m.freeze:
        model.freeze(m.freeze)
    return model


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
