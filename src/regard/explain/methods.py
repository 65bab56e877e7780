"""Explanation methods by name; the map that an AttentiveClassifier computes in its forward; and the controls, maps that
do not depend on the network and are the floor for every method.
"""

from __future__ import annotations

import fnmatch
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import torch
from jaxtyping import Int
from torch import Tensor

from regard.backbones import nearest
from regard.explain.cam import grad_cam, grad_cam_pp, hires_cam, layer_cam
from regard.explain.context import ExplainContext
from regard.explain.gradients import input_gradient, input_x_gradient, integrated_gradients, smooth_grad
from regard.explain.iba import iba
from regard.explain.learn import amortized_iba, learned_once
from regard.explain.legrad import legrad
from regard.explain.lrp import attn_lrp
from regard.explain.perturbation import occlusion, rise
from regard.explain.transformer import gradient_rollout, rollout
from regard.metrics import controls
from regard.models import AttentiveClassifier
from regard.types import Map, RegardError


@dataclass(frozen=True)
class Method:
    """An explanation method and what it needs.

    Attributes:
        run: context, options -> Map; its docstring says what the map means.
        summary: the same in one line.
        of_class: the map is of one class; else ``target`` is not needed.
        at_layer: it reads a layer, which ``layer`` names; else ``layer`` is not used.
        control: it does not depend on the network, and is a floor for the others.
        once: model, (H, W) of its images, layer, options -> the options for all its images, after what is done once.
    """

    run: Callable[..., Map]
    summary: str
    of_class: bool = True
    at_layer: bool = False
    control: bool = False
    once: Callable[..., dict[str, Any]] | None = None


def attention(context: ExplainContext, *, at: str | None = None) -> Map:
    """The map of an AttentiveClassifier, as its ``explain`` returns it: bits where they mean something, else the gate.

    It is not of one class: the map is computed before the class is.

    Args:
        context: the model and its images.
        at: name of an attended layer; by default the last.

    Raises:
        RegardError: the model learned no attention, or none at that layer.
    """
    model = context.model
    if not isinstance(model, AttentiveClassifier) or not model.at:
        raise RegardError(
            f"attention: {type(model).__name__} has learned no attention; take another method, "
            "or train an AttentiveClassifier with attention="
        )
    if at is not None and at not in model.at:
        raise RegardError(f"attention: nothing is attended at {at!r}; nearest: {nearest(at, model.at)}")
    return model.explain(context.images, layer=-1 if at is None else model.at.index(at))


def random_control(
    context: ExplainContext,
    *,
    bandwidth: float | None = None,
    seed: int = 0,
    index: Int[Tensor, " B"] | None = None,
) -> Map:
    """Blurred noise, equally smooth everywhere (see ``regard.metrics.controls.blurred_noise``).

    Args:
        context: only the number and size of its images are used.
        bandwidth: standard deviation of the blur in pixels; by default a sixteenth of the shorter side.
        seed: with the index it determines the map.
        index: of each image in its data set, so that batches do not change its map; by default its place in the batch.
    """
    B, _, H, W = context.images.shape
    sigma = min(H, W) / 16 if bandwidth is None else bandwidth
    index = torch.arange(B) if index is None else index
    return controls.blurred_noise((H, W), sigma, index=index.to(context.images.device), seed=seed)


def center_control(context: ExplainContext, *, spread: float = 0.25) -> Map:
    """A Gaussian at the middle of the image; ``spread`` is its standard deviation as a share of each side."""
    B, _, H, W = context.images.shape
    return controls.center_map(B, (H, W), spread=spread, device=context.images.device)


def uniform_control(context: ExplainContext) -> Map:
    """One everywhere."""
    B, _, H, W = context.images.shape
    return controls.uniform_map(B, (H, W), device=context.images.device)


METHODS: Mapping[str, Method] = {
    "attention": Method(attention, "attention that the model learned", of_class=False),
    "grad_cam": Method(grad_cam, "features weighted by their mean gradient", at_layer=True),
    "grad_cam_pp": Method(grad_cam_pp, "Grad-CAM that weighs positions", at_layer=True),
    "hires_cam": Method(hires_cam, "features times gradients", at_layer=True),
    "layer_cam": Method(layer_cam, "features times positive gradients", at_layer=True),
    "input_gradient": Method(input_gradient, "gradient of the logit, largest magnitude among channels"),
    "input_x_gradient": Method(input_x_gradient, "input times gradient"),
    "integrated_gradients": Method(integrated_gradients, "gradients integrated from a black image"),
    "smooth_grad": Method(smooth_grad, "gradients averaged over noisy copies"),
    "occlusion": Method(occlusion, "what is lost when a window is covered"),
    "rise": Method(rise, "mean score over the random masks that show a pixel"),
    "rollout": Method(rollout, "a transformer's attention, multiplied over its blocks", of_class=False),
    "gradient_rollout": Method(gradient_rollout, "a transformer's attention weighted by its gradient, over its blocks"),
    "legrad": Method(legrad, "how a class's score from every block reacts to attention, in a transformer"),
    "attn_lrp": Method(attn_lrp, "relevance propagated through a transformer's attention to its patches"),
    "iba": Method(iba, "bits that a layer must let through to tell the class", at_layer=True),
    "amortized_iba": Method(
        amortized_iba,
        "bits that keep the network's prediction, by a head that learned once",
        of_class=False,
        at_layer=True,
        once=learned_once,
    ),
    "random": Method(random_control, "blurred noise", of_class=False, control=True),
    "center": Method(center_control, "a Gaussian at the middle", of_class=False, control=True),
    "uniform": Method(uniform_control, "the same everywhere", of_class=False, control=True),
}
"""Name -> method."""


def list_methods(pattern: str = "*") -> list[str]:
    """Names of methods for ``explain`` that match ``pattern``, in the order of ``METHODS``.

    >>> list_methods("*cam*")
    ['grad_cam', 'grad_cam_pp', 'hires_cam', 'layer_cam']
    """
    return fnmatch.filter(METHODS, pattern)
