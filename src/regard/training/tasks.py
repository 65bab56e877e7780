"""What a recipe can learn: one class per task, with all that differs between tasks, and their registry `TASKS`.

A new task is a subclass of `TaskKind` and one entry of `TASKS`. Not here: the engine's loop (``training.task``) and
what is measured after training (evaluation).
"""

from __future__ import annotations

import difflib
from abc import ABC, abstractmethod
from collections.abc import Callable
from typing import Any, ClassVar

import torch
from torch import Tensor

from regard.data import DataSplits, Split, evenly_spaced
from regard.metrics import accuracy, nll
from regard.metrics.salient_object import mae, mean_f, s_measure
from regard.models import GLANCE, AttentiveClassifier, GlanceClassifier, Segmenter, TwoStream, TwoStreamOutput
from regard.objectives import Losses, Weights, add_prices, information_loss, segmentation_loss, task_loss
from regard.training.forward import forward_batch, kept_share, sampled_rates
from regard.training.recipe import Recipe
from regard.training.recipe_model import ModelRecipe
from regard.types import NATS_PER_BIT, Batch, ModelOutput, RegardError, SegmenterOutput


class TaskKind(ABC):
    """A task.

    Attributes:
        model: class of the network, for `from_pretrained`.
        scores: name -> score per image (B,) of predictions against targets, for `validate`.
        monitor: the one of them by which epochs are compared; higher is better.
    """

    model: ClassVar[type[Any]]
    scores: ClassVar[dict[str, Callable[[Tensor, Tensor], Tensor]]]
    monitor: ClassVar[str]

    @property
    def validated(self) -> tuple[str, ...]:
        """Names that `validate` may give."""
        return (*self.scores, f"{self.monitor}_one_sample", "latent_bits", "gate_bits", "code_bits", "kept_share")

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
    def predictions_and_targets(self, model: Any, output: Any, batch: Batch) -> tuple[Tensor, Tensor]:
        """Predictions and targets, as `scores` take them."""

    @torch.no_grad()
    def validate(self, model: Any, batch: Batch) -> dict[str, Tensor]:
        """Values per image (B,) by name: `scores` of the prediction, `monitor` of one sample, and one-sample bits.

        What the model has not, such as bits of a plain network, is absent.
        """
        output = forward_batch(model, batch)
        pair = self.predictions_and_targets(model, output, batch)
        values = {name: score(*pair) for name, score in self.scores.items()} | kept_share(output)
        if not model.at and model.bottleneck is None:
            return values
        sampled = forward_batch(model, batch, samples=1)
        pair = self.predictions_and_targets(model, sampled, batch)
        values[f"{self.monitor}_one_sample"] = self.scores[self.monitor](*pair)
        return values | {name: nats / NATS_PER_BIT for name, nats in sampled_rates(model, sampled).items()}

    def training_scores(self, output: Any, batch: Batch) -> dict[str, Tensor]:
        """What is logged of a training batch besides its losses, by name; nothing by default."""
        return {}


class Classification(TaskKind):
    """A label, or several, per image."""

    model: ClassVar[type[Any]] = AttentiveClassifier
    scores: ClassVar[dict[str, Callable[[Tensor, Tensor], Tensor]]] = {"accuracy": accuracy, "nll": nll}
    monitor = "accuracy"

    def build(self, recipe: Recipe, data: DataSplits) -> AttentiveClassifier | TwoStream:
        """A classifier of images."""
        m, mixed = recipe.model, recipe.augment.mixup or recipe.augment.cutmix
        if mixed and data.train.labels.ndim == 2:
            raise RegardError(
                f"augment.mixup, augment.cutmix: data set {recipe.data.name!r} has several labels an image, whose "
                "mixture is no share of classes; set both to 0"
            )
        if m.attention == GLANCE:
            return _glance_classifier(recipe, data)
        return AttentiveClassifier(
            **_network_arguments(recipe, data, data.train.batch([0])),
            **_label_arguments(m, data),
            average=m.average,
            exclude_tokens=m.exclude_tokens,
            classes=data.classes,
            preparation={},  # as the training images are read
        )

    def loss(self, output: ModelOutput, batch: Batch, weights: Weights, warmup: float) -> Losses:
        """Cross-entropy and what is paid for bits."""
        how: dict[str, Any] = {"warmup": warmup, "shares": batch.weights, "mixture": batch.mixture}
        return information_loss(output, batch.labels, weights, **how)

    def predictions_and_targets(
        self, model: AttentiveClassifier | TwoStream, output: ModelOutput, batch: Batch
    ) -> tuple[Tensor, Tensor]:
        """Probabilities and labels."""
        return output.probabilities(model.multi_label), batch.labels

    def training_scores(self, output: ModelOutput, batch: Batch) -> dict[str, Tensor]:
        """Accuracy of the images with a label, where there is one label per image; of mixed ones its larger share."""
        if batch.labels.ndim != 1:
            return {}
        labels = batch.labels if batch.mixture is None else batch.mixture.argmax(1)
        hits = (output.logits.detach()[0].argmax(-1) == labels).float()
        weights = batch.weights
        return {"accuracy": hits.mean() if weights is None else (hits * weights).sum() / weights.sum()}


_GLANCE_OPTIONS = (
    *("glance", "view", "patch", "detail", "looks", "draws", "straight", "schedule", "places"),
    *("glance_options", "glance_pretrained"),
)
"""Of `GlanceClassifier`, those that are its attention's; a recipe has other fields for the others."""


def _glance_classifier(recipe: Recipe, data: DataSplits) -> GlanceClassifier:
    """Of a recipe with ``model.attention: glance``, whose options are those of the model."""
    model, objective = recipe.model, recipe.objective
    arguments = _network_arguments(recipe, data, data.train.batch([0]))
    names = ("backbone_options", "pretrained", "prediction", "input_size", "normalize")
    assert objective.kept_budget is not None, "one of the recipe's rules"
    options = {"schedule": (objective.open_until, objective.closed_from)} | model.attention_options
    for name in options:
        if name not in _GLANCE_OPTIONS:
            near = difflib.get_close_matches(name, _GLANCE_OPTIONS, n=1)
            asked = f"did you mean {near[0]}?" if near else f"it has {', '.join(_GLANCE_OPTIONS)}"
            if name == "budget":
                asked = "give objective.kept_budget"
            raise RegardError(f"model.attention_options: glance has no option {name}; {asked}")
    return GlanceClassifier(
        model.backbone,
        len(data.classes),
        budget=objective.kept_budget,
        **{name: arguments[name] for name in names},
        **options,
        average=model.average,
        multi_label=data.train.labels.ndim == 2,
        classes=data.classes,
        preparation={},
    )


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
            **_network_arguments(recipe, data, first),
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

        def cross_entropy(logits: tuple[Tensor, ...]) -> Tensor:
            losses = [task_loss(x, batch.labels, smoothing=weights.smoothing, shares=batch.weights) for x in logits]
            return torch.stack(losses).sum()

        auxiliary = cross_entropy(output.auxiliary) if output.auxiliary else None
        task, latent = cross_entropy(output.streams), output.latent
        return add_prices(task, output.attention, weights, latent=latent, auxiliary=auxiliary, warmup=warmup)


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
    scores: ClassVar[dict[str, Callable[[Tensor, Tensor], Tensor]]] = {"s": s_measure, "f": mean_f, "mae": mae}
    monitor = "s"

    def build(self, recipe: Recipe, data: DataSplits) -> Segmenter:
        """A fully convolutional network."""
        first = data.train.batch([0])
        if first.masks is None:
            raise RegardError(f"task segmentation: data set {recipe.data.name!r} has no masks; take ecssd, or clutter")
        return Segmenter(**_network_arguments(recipe, data, first), decoder=recipe.model.fcn)

    def loss(self, output: SegmenterOutput, batch: Batch, weights: Weights, warmup: float) -> Losses:
        """Cross-entropy of every pixel and what is paid for bits."""
        assert batch.masks is not None
        return segmentation_loss(output, batch.masks, weights, warmup=warmup, shares=batch.weights)

    def predictions_and_targets(self, model: Segmenter, output: SegmenterOutput, batch: Batch) -> tuple[Tensor, Tensor]:
        """Probabilities and masks."""
        assert batch.masks is not None
        return output.probabilities, batch.masks


TASKS: dict[str, TaskKind] = {"classification": Classification(), "segmentation": Segmentation(), "action": Action()}
"""``recipe.task`` -> what it means."""


OPEN = 0.98
"""Value of an open map, at which a trained network's outputs hardly differ: where its map starts under a budget."""


def _network_arguments(recipe: Recipe, data: DataSplits, first: Batch) -> dict[str, Any]:
    """What the networks of all tasks take; images are normalised by the data's statistics unless pretrained."""
    model = recipe.model
    names = ("backbone", "backbone_options", "pretrained", "attention", "anchors", "prediction", "statistics")
    own_statistics = (tuple(data.mean.tolist()), tuple(data.std.tolist()))
    attention_options = model.attention_options | recipe.objective.map_budget()
    if model.init is not None and attention_options.get("budget") is not None and "head" not in attention_options:
        attention_options = {"initial": OPEN} | attention_options
    return {name: getattr(model, name) for name in names} | {
        "attention_options": attention_options,
        "at": model.at if model.attention else None,
        "input_size": tuple(first.images.shape[1:]),
        "normalize": None if model.pretrained else own_statistics,
    }


def _label_arguments(model: ModelRecipe, data: DataSplits) -> dict[str, Any]:
    """What networks that predict labels take besides: the labels, and the latent that they are read from."""
    options = {name: getattr(model, name) for name in ("latent", "decoder", "kl", "prior")}
    return options | {"num_classes": len(data.classes), "multi_label": data.train.labels.ndim == 2}
