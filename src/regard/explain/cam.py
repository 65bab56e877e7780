"""Class activation maps: a layer's features, weighted by gradients of the target's logit.

A features (B,C,h,w), g their gradient:

    grad_cam     relu(sum_c mean(g_c) A_c)                                        Selvaraju et al. 2017
    grad_cam_pp  relu(sum_c sum(a_c relu(g_c)) A_c),                              Chattopadhyay et al. 2018
                 a = g^2 / (2 g^2 + sum(A_c) g^3), zero where g is; their exp(logit) scales a map as a whole, so it is
                 left out
    hires_cam    sum_c g_c A_c, signed                                            Draelos and Carin 2020
    layer_cam    relu(sum_c relu(g_c) A_c)                                        Jiang et al. 2021

Means and sums are over positions. Layers may be channels-first, channels-last or tokens, whose prefix is left out;
captum has the first method only, for channels-first features.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor, nn

from regard.explain.context import ExplainContext
from regard.types import Map

_Features = Float[Tensor, "B C h w"]


def grad_cam(context: ExplainContext) -> Map:
    """Features weighted by the mean gradient of their channel; evidence against the class is cut off."""
    return _cam(context, lambda A, g: (g.mean((2, 3), keepdim=True) * A).sum(1, keepdim=True).relu())


def grad_cam_pp(context: ExplainContext) -> Map:
    """Grad-CAM whose means of gradients weigh positions, so that several objects of a class count alike."""
    return _cam(context, _plus_plus)


def hires_cam(context: ExplainContext) -> Map:
    """Features times gradients, position by position.

    Its sum is the logit's linear part: exactly the logit without its bias where average pooling and a linear layer
    follow.
    """
    return _cam(context, lambda A, g: (g * A).sum(1, keepdim=True))


def layer_cam(context: ExplainContext) -> Map:
    """Features times positive gradients, position by position: also for early layers."""
    return _cam(context, lambda A, g: (g.relu() * A).sum(1, keepdim=True).relu())


def _plus_plus(A: _Features, g: _Features) -> Float[Tensor, "B 1 h w"]:
    below = 2 + A.sum((2, 3), keepdim=True) * g  # their fraction, with g^2 cancelled
    share = torch.where((g != 0) & (below != 0), 1 / below, 0)
    weights = (share * g.relu()).sum((2, 3), keepdim=True)
    return (weights * A).sum(1, keepdim=True).relu()


def _cam(context: ExplainContext, weigh: Callable[[_Features, _Features], Float[Tensor, "B 1 h w"]]) -> Map:
    module, layout = context.place(last=True)
    outputs: list[Tensor] = []

    def cut(_module: nn.Module, _args: Any, out: Tensor) -> Tensor:
        outputs.append(out.detach().requires_grad_())
        return outputs[0].clone()  # later layers may work in place

    with module.register_forward_hook(cut):
        logits = context.logits(context.images)
    gradient = torch.zeros_like(outputs[0])
    if logits.requires_grad:
        chosen = logits.gather(1, context.classes[:, None]).sum()
        (gradient,) = torch.autograd.grad(chosen, outputs[0], materialize_grads=True)
    size = (context.images.shape[2], context.images.shape[3])
    features, gradients = layout.features(outputs[0].detach(), size), layout.features(gradient, size)
    return Map(weigh(features.float(), gradients.float()), "relevance")
