"""What a glance would buy, and what would be answered, under other budgets than the one it has learned with."""

from __future__ import annotations

import math

import torch
from jaxtyping import Float
from torch import Tensor

from regard.evaluation.context import EvaluationContext
from regard.evaluation.observe import batches
from regard.metrics import accuracy, score
from regard.models import GlanceClassifier
from regard.report import Answer, BootstrapMean, BudgetStep
from regard.types import NATS_PER_BIT, Batch

_SHARES = (1 / 64, 1 / 32, 1 / 16, 1 / 8, 3 / 16, 1 / 4, 3 / 8, 1 / 2, 3 / 4, 1)


def budget_shares(model: GlanceClassifier) -> tuple[float, ...]:
    """Shares of the patches, from one patch to all, the trained one among them; each buys another number."""
    attention = model.attention
    h, w = attention.grid
    shares = sorted({1 / (h * w), *_SHARES, attention.budget})
    counts = dict[int, float]()
    for share in sorted(shares, key=lambda share: share != attention.budget):  # the trained one first
        counts.setdefault(model.attention.count_of(share), share)
    return tuple(counts[count] for count in sorted(counts))


def budget_steps(context: EvaluationContext) -> tuple[BudgetStep, ...]:
    """Accuracy over all test images at each budget; nothing without a glance."""
    if (model := _glance(context)) is None:
        return ()
    shares = budget_shares(model)
    right: list[Tensor] = []
    for rows, batch in batches(model, context.split):
        answers, _ = answers_at(model, batch, shares)
        right.append(torch.stack([accuracy(each, context.labels[rows]) for each in answers], 1))
    means = [score(values, seed=context.seed) for values in torch.cat(right).unbind(1)]
    trained = model.attention.count
    return tuple(
        BudgetStep(
            model.attention.count_of(share),
            model.attention.count_of(share) * math.prod(model.shape[1:]) // math.prod(model.attention.grid),
            model.attention.code_of(share) / NATS_PER_BIT,
            BootstrapMean(mean.mean, mean.low, mean.high),
            model.attention.count_of(share) == trained,
        )
        for share, mean in zip(shares, means, strict=True)
    )


def answers_at(
    model: GlanceClassifier, batch: Batch, shares: tuple[float, ...]
) -> tuple[Float[Tensor, "K B n"], Float[Tensor, "K B 1 h w"]]:
    """Probabilities and what was bought at each budget, on the processor."""
    maps = model.choices(batch.images, shares)
    answers = [model.predict(batch.images, map_override=map_).float().cpu() for map_ in maps]
    return torch.stack(answers), maps.cpu()


def gallery_answers(context: EvaluationContext, batch: Batch) -> tuple[list[tuple[Answer, ...]], Tensor | None]:
    """Of each image of a batch the answers at each budget, and what was bought (B,K,h,w); nothing without a glance."""
    if (model := _glance(context)) is None:
        return [()] * len(batch.images), None
    answers, maps = answers_at(model, batch.to(context.device), budget_shares(model))
    probability, label = answers.max(2)
    classes = context.split.classes
    rows = [
        tuple(Answer(classes[int(k)], float(p)) for k, p in zip(label[:, b], probability[:, b], strict=True))
        for b in range(len(batch.images))
    ]
    return rows, maps[:, :, 0].transpose(0, 1) > 0


def _glance(context: EvaluationContext) -> GlanceClassifier | None:
    """A model whose choices are a function of the image and the budget, with one label an image."""
    model = context.model
    fits = isinstance(model, GlanceClassifier) and model.attention.places != "random" and context.labels.ndim == 1
    return model if fits else None
