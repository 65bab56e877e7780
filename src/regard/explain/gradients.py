"""Gradients with respect to pixels: the gradient itself, times the input, and integrated from a baseline.

All through captum. Gradients are those of the target's logit, and maps are on the grid of the image.

    input_gradient        d f_t / d x                                      Simonyan et al. 2014
    input_x_gradient      x d f_t / d x                                    Shrikumar et al. 2016
    integrated_gradients  (x - x0) mean_s d f_t / d x (x0 + s (x - x0))    Sundararajan et al. 2017
"""

from __future__ import annotations

from typing import Literal

from captum.attr import InputXGradient, IntegratedGradients, Saliency
from jaxtyping import Float
from torch import Tensor

from regard.explain.question import Question
from regard.types import Map, RegardError

Channels = Literal["largest", "sum"]


def over_channels(values: Float[Tensor, "B C H W"], channels: Channels) -> Map:
    """One value a pixel: the largest magnitude among its channels, or their sum, with its sign."""
    if channels not in ("largest", "sum"):
        raise RegardError(f"channels={channels!r}: largest (magnitude) or sum (with its sign)")
    one = values.abs().amax(1, keepdim=True) if channels == "largest" else values.sum(1, keepdim=True)
    return Map(one.detach(), "relevance")


def input_gradient(question: Question, *, channels: Channels = "largest") -> Map:
    """How much the logit changes with each pixel; a linear model's weights.

    Args:
        question: what is asked.
        channels: ``largest`` magnitude, as in the paper, or signed ``sum``.
    """
    gradient = Saliency(question.linked_logits).attribute(_images(question), target=question.classes, abs=False)
    return over_channels(gradient, channels)


def input_x_gradient(question: Question, *, channels: Channels = "sum") -> Map:
    """The logit's first-order share of each pixel, against a black image; options as in `input_gradient`."""
    product = InputXGradient(question.linked_logits).attribute(_images(question), target=question.classes)
    return over_channels(product, channels)


def integrated_gradients(
    question: Question,
    *,
    baseline: float | int | Float[Tensor, "#B #C #H #W"] = 0.0,
    steps: int = 50,
    batch: int = 16,
    channels: Channels = "sum",
) -> Map:
    """Shares that sum to the logit's difference from the baseline's, as far as the steps integrate it.

    Args:
        question: what is asked.
        baseline: the image at which nothing is relevant: a value for all pixels (0 is black), or images.
        steps: points of the Gauss-Legendre quadrature along the straight line.
        batch: images in one forward, at least one step of all: bounds the memory.
        channels: as in `input_gradient`.
    """
    images = _images(question)
    whole = baseline.expand_as(images).to(images) if isinstance(baseline, Tensor) else float(baseline)
    integrated = IntegratedGradients(question.linked_logits).attribute(
        images, whole, target=question.classes, n_steps=steps, internal_batch_size=max(batch, len(images))
    )
    return over_channels(integrated, channels)


def _images(question: Question) -> Tensor:
    return question.images.detach().requires_grad_()
