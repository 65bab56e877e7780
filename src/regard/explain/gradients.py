"""Gradients of the target's logit with respect to pixels; maps are on the grid of the image.

    input_gradient        d f_t / d x                                      Simonyan et al. 2014
    input_x_gradient      x d f_t / d x                                    Shrikumar et al. 2016
    integrated_gradients  (x - x0) mean_s d f_t / d x (x0 + s (x - x0))    Sundararajan et al. 2017
    smooth_grad           mean_k d f_t / d x (x + noise (max x - min x) eps_k),  eps_k ~ N(0,1)
                                                                           Smilkov et al. 2017

The first three run through captum. SmoothGrad does not, because captum's NoiseTunnel draws anew for every image and
chunk: here all images get the same eps_k, so the map of one image depends neither on the others in its batch nor on
``batch``.
"""

from __future__ import annotations

from typing import Literal

import torch
from captum.attr import InputXGradient, IntegratedGradients, Saliency
from jaxtyping import Float
from torch import Tensor

from regard.explain.context import ExplainContext, sample_major
from regard.types import Map, RegardError

_Channels = Literal["largest", "sum"]


def input_gradient(context: ExplainContext, *, channels: _Channels = "largest") -> Map:
    """How much the logit changes with each pixel; a linear model's weights.

    Args:
        context: model, images and target class.
        channels: ``largest`` magnitude, as in the paper, or signed ``sum``.
    """
    gradient = Saliency(context.linked_logits).attribute(_images(context), target=context.classes, abs=False)
    return _over_channels(gradient, channels)


def input_x_gradient(context: ExplainContext, *, channels: _Channels = "sum") -> Map:
    """The logit's first-order share of each pixel, against a black image; options as in `input_gradient`."""
    product = InputXGradient(context.linked_logits).attribute(_images(context), target=context.classes)
    return _over_channels(product, channels)


def integrated_gradients(
    context: ExplainContext,
    *,
    baseline: float | int | Float[Tensor, "#B #C #H #W"] = 0.0,
    steps: int = 50,
    batch: int = 16,
    channels: _Channels = "sum",
) -> Map:
    """Shares that sum to the logit's difference from the baseline's, as far as the steps integrate it.

    Args:
        context: model, images and target class.
        baseline: the image at which nothing is relevant: a value for all pixels (0 is black), or images.
        steps: points of the Gauss-Legendre quadrature along the straight line.
        batch: images per forward, at least one step of all: bounds the memory.
        channels: as in `input_gradient`.
    """
    images = _images(context)
    start = baseline.expand_as(images).to(images) if isinstance(baseline, Tensor) else float(baseline)
    integrated = IntegratedGradients(context.linked_logits).attribute(
        images, start, target=context.classes, n_steps=steps, internal_batch_size=max(batch, len(images))
    )
    return _over_channels(integrated, channels)


def smooth_grad(
    context: ExplainContext,
    *,
    samples: int = 25,
    noise: float = 0.15,
    seed: int = 0,
    batch: int = 16,
    channels: _Channels = "largest",
) -> Map:
    """The averaged gradient of the target's logit.

    Args:
        context: model, images and target class.
        samples: noisy copies per image.
        noise: standard deviation, as a share of the image's range.
        seed: of the noise.
        batch: images per forward, at least one copy of all: bounds the memory.
        channels: as in `input_gradient`, taken of the average.
    """
    if samples < 1 or noise < 0:
        raise RegardError(f"samples={samples}, noise={noise}: at least one sample and no negative noise")
    images, target = context.images, context.classes
    span = images.amax((1, 2, 3), keepdim=True) - images.amin((1, 2, 3), keepdim=True)
    generator = torch.Generator().manual_seed(seed)
    total = torch.zeros_like(images)
    for count in sample_major(samples, len(images), batch):
        # one draw per copy, so that the numbers do not depend on the size of the chunks
        eps = torch.stack([torch.randn(images.shape[1:], generator=generator) for _ in range(count)]).to(images)
        noisy = (images + noise * span * eps[:, None]).flatten(0, 1).requires_grad_()
        logits = context.linked_logits(noisy).gather(1, target.repeat(count)[:, None])
        (gradient,) = torch.autograd.grad(logits.sum(), noisy)
        total += gradient.unflatten(0, (count, -1)).sum(0)
    return _over_channels(total / samples, channels)


def _over_channels(values: Float[Tensor, "B C H W"], channels: _Channels) -> Map:
    """One value per pixel: the largest magnitude among its channels, or their sum, with its sign."""
    if channels not in ("largest", "sum"):
        raise RegardError(f"channels={channels!r}: largest (magnitude) or sum (with its sign)")
    one = values.abs().amax(1, keepdim=True) if channels == "largest" else values.sum(1, keepdim=True)
    return Map(one.detach(), "relevance")


def _images(context: ExplainContext) -> Tensor:
    return context.images.detach().requires_grad_()
