"""What a recipe can learn: one class per task, with all that differs between tasks, and their registry `TASKS`.

A new task is a subclass of `TaskKind` and one entry of `TASKS`. Not here: the engine's loop (``training.task``) and
what is measured after training (evaluation).
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import Any, ClassVar

import torch
from torch import Tensor

from regard.data import DataSplits, Split, evenly_spaced
from regard.metrics import accuracy, nll
from regard.metrics.salient_object import mae, mean_f, s_measure
from regard.models import AttentiveClassifier, Segmenter, TwoStream, TwoStreamOutput
from regard.objectives import Losses, Weights, add_prices, information_loss, segmentation_loss, task_loss
from regard.training.forward import forward_batch, kept_share, sampled_rates
from regard.training.recipe import ModelRecipe, Recipe
from regard.types import NATS_PER_BIT, Batch, ModelOutput, RegardError, SegmenterOutput

TaskModel = AttentiveClassifier | Segmenter | TwoStream


class TaskKind(ABC):
    """A task.

    Attributes:
        model: class of the network, for `from_pretrained`.
        validated: names that `validate` may give.
        monitor: the one of them by which epochs are compared; higher is better.
    """

    model: ClassVar[type[Any]]
    validated: ClassVar[tuple[str, ...]]
    monitor: ClassVar[str]

    @abstractmethod
    def build(self, recipe: Recipe, data: DataSplits) -> Any:
        """The recipe's network for the data's images and classes, fresh, all of it trainable.

        Raises:
            RegardError: the data lacks what the task needs.
        """

    @abstractmethod
    def loss(self, output: Any, batch: Batch, weights: Weights, warmup: float) -> Losses:
        """The objective on a batch; ``warmup`` is the share, 0 to 1, of what is paid for bits."""

    @abstractmethod
    def validate(self, model: Any, batch: Batch) -> dict[str, Tensor]:
        """Values per image (B,) by name: scores of the mean, scores of one sample, and one-sample bits."""

    def training_scores(self, output: Any, batch: Batch) -> dict[str, Tensor]:
        """What is logged of a training batch besides its losses, by name; nothing by default."""
        return {}


class Classification(TaskKind):
    """A label, or several, per image."""

    model: ClassVar[type[Any]] = AttentiveClassifier
    validated = ("accuracy", "accuracy_one_sample", "nll", "latent_bits", "gate_bits", "code_bits", "kept_share")
    monitor = "accuracy"

    def build(self, recipe: Recipe, data: DataSplits) -> AttentiveClassifier | TwoStream:
        """A classifier of images."""
        m = recipe.model
        return AttentiveClassifier(
            **_network_arguments(m, data, data.train.batch([0])),
            **_label_arguments(m, data),
            average=m.average,
            exclude_tokens=m.exclude_tokens,
        )

    def loss(self, output: ModelOutput, batch: Batch, weights: Weights, warmup: float) -> Losses:
        """Cross-entropy and what is paid for bits."""
        return information_loss(output, batch.labels, weights, warmup=warmup, shares=batch.weights)

    @torch.no_grad()
    def validate(self, model: AttentiveClassifier | TwoStream, batch: Batch) -> dict[str, Tensor]:
        """Accuracy and NLL of the mean, accuracy of one sample, and one-sample bits; absent where undefined."""
        output: ModelOutput = forward_batch(model, batch, samples=0)
        mean = output.probabilities(model.multi_label)
        values = {"accuracy": accuracy(mean, batch.labels), "nll": nll(mean, batch.labels)} | kept_share(output)
        if not model.at and model.bottleneck is None:
            return values
        sampled: ModelOutput = forward_batch(model, batch, samples=1)
        one_sample = accuracy(sampled.probabilities(model.multi_label), batch.labels)
        return values | {"accuracy_one_sample": one_sample} | _bits(model, sampled)

    def training_scores(self, output: ModelOutput, batch: Batch) -> dict[str, Tensor]:
        """Accuracy of the images with a label, where there is one label per image."""
        if batch.labels.ndim != 1:
            return {}
        hits = (output.logits.detach()[0].argmax(-1) == batch.labels).float()
        weights = batch.weights
        return {"accuracy": hits.mean() if weights is None else (hits * weights).sum() / weights.sum()}


class Action(Classification):
    """An action per clip, by a two-stream network."""

    model = TwoStream

    def build(self, recipe: Recipe, data: DataSplits) -> TwoStream:
        """The network in both streams, for the data's frame size and length of flow."""
        m, first = recipe.model, data.train.batch([0])
        if first.flow is None:
            raise RegardError(
                f"task action: data set {recipe.data.name!r} has no clips; take moving_clutter, or ucf_sports"
            )
        return TwoStream(
            **_network_arguments(m, data, first),
            **_label_arguments(m, data),
            length=first.flow.shape[1] // 2,
            attend=m.attend,
            flow_std=flow_std(data.train),
        )

    def loss(self, output: ModelOutput, batch: Batch, weights: Weights, warmup: float) -> Losses:
        """Cross-entropy of each stream's own prediction, added up, and what is paid for bits.

        The streams learn apart, as Simonyan and Zisserman (2014) have it: through the averaged probabilities alone, the
        stream that learns faster would leave the other without an error to learn from.
        """
        assert isinstance(output, TwoStreamOutput)

        def cross_entropies(logits: tuple[Tensor, ...]) -> list[Tensor]:
            return [task_loss(x, batch.labels, smoothing=weights.smoothing, shares=batch.weights) for x in logits]

        streams, auxiliary = cross_entropies(output.streams), cross_entropies(output.auxiliary)
        return add_prices(
            sum(streams[1:], streams[0]),
            output.attention,
            weights,
            latent=output.latent,
            auxiliary=sum(auxiliary[1:], auxiliary[0]) if auxiliary else None,
            warmup=warmup,
        )


def flow_std(split: Split, *, limit: int = 500) -> float:
    """Root mean square of the flow of at most ``limit`` evenly spaced items; 1 where nothing moves."""
    total, number = 0.0, 0
    for part in evenly_spaced(len(split), limit).split(64):
        flow = split.batch(part).flow
        assert flow is not None
        total, number = total + float(flow.double().square().sum()), number + flow.numel()
    return (total / number) ** 0.5 or 1.0


class Segmentation(TaskKind):
    """A mask of the salient object per image."""

    model = Segmenter
    validated = ("s", "s_one_sample", "f", "mae", "gate_bits", "code_bits", "kept_share")
    monitor = "s"

    def build(self, recipe: Recipe, data: DataSplits) -> Segmenter:
        """A fully convolutional network."""
        first = data.train.batch([0])
        if first.masks is None:
            raise RegardError(f"task segmentation: data set {recipe.data.name!r} has no masks; take ecssd, or clutter")
        return Segmenter(**_network_arguments(recipe.model, data, first), decoder=recipe.model.fcn)

    def loss(self, output: SegmenterOutput, batch: Batch, weights: Weights, warmup: float) -> Losses:
        """Cross-entropy of every pixel and what is paid for bits."""
        assert batch.masks is not None
        return segmentation_loss(output, batch.masks, weights, warmup=warmup, shares=batch.weights)

    @torch.no_grad()
    def validate(self, model: Segmenter, batch: Batch) -> dict[str, Tensor]:
        """S-measure, mean F and MAE of the mean, S-measure of one sample, and one-sample bits."""
        assert batch.masks is not None
        output: SegmenterOutput = forward_batch(model, batch, samples=0)
        mean = output.probabilities
        values = {"s": s_measure(mean, batch.masks), "f": mean_f(mean, batch.masks), "mae": mae(mean, batch.masks)}
        values |= kept_share(output)
        if not model.at:
            return values
        sampled: SegmenterOutput = forward_batch(model, batch, samples=1)
        return values | {"s_one_sample": s_measure(sampled.probabilities, batch.masks)} | _bits(model, sampled)


TASKS: dict[str, TaskKind] = {
    "classification": Classification(),
    "segmentation": Segmentation(),
    "action": Action(),
}
"""``recipe.task`` -> what it means."""


def _bits(model: TaskModel, sampled: ModelOutput | SegmenterOutput) -> dict[str, Tensor]:
    return {name: nats / NATS_PER_BIT for name, nats in sampled_rates(model, sampled).items()}


def _network_arguments(model: ModelRecipe, data: DataSplits, first: Batch) -> dict[str, Any]:
    """What the networks of all tasks take; images are normalised by the data's statistics unless pretrained."""
    own_statistics = (tuple(data.mean.tolist()), tuple(data.std.tolist()))
    return {
        "backbone": model.backbone,
        "backbone_options": model.backbone_options,
        "pretrained": model.pretrained,
        "at": model.at if model.attention else None,
        "attention": model.attention,
        "anchors": model.anchors,
        "attention_options": model.attention_options,
        "input_size": tuple(first.images.shape[1:]),
        "normalize": None if model.pretrained else own_statistics,
    }


def _label_arguments(model: ModelRecipe, data: DataSplits) -> dict[str, Any]:
    """What networks that predict labels take besides: the labels, and the latent that they are read from."""
    return {
        "num_classes": len(data.classes),
        "multi_label": data.train.labels.ndim == 2,
        "latent": model.latent,
        "decoder": model.decoder,
        "kl": model.kl,
        "prior": model.prior,
    }
