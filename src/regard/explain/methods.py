"""Explanation methods by name."""

from __future__ import annotations

import fnmatch
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from regard.explain.attention import attention
from regard.explain.cam import grad_cam, grad_cam_pp, hires_cam, layer_cam
from regard.explain.controls import center_control, random_control, uniform_control
from regard.explain.gradients import input_gradient, input_x_gradient, integrated_gradients, smooth_grad
from regard.explain.iba import iba
from regard.explain.perturbation import occlusion, rise
from regard.explain.transformer import gradient_rollout, rollout
from regard.types import Map


@dataclass(frozen=True)
class Method:
    """An explanation method and what it needs.

    Attributes:
        run: context, options -> Map; its docstring says what the map means.
        summary: the same in one line.
        of_class: the map is of one class; else ``target`` is not needed.
        at_layer: it reads a layer, which ``layer`` names; else ``layer`` is not used.
        control: it does not depend on the network, and is a floor for the others.
    """

    run: Callable[..., Map]
    summary: str
    of_class: bool = True
    at_layer: bool = False
    control: bool = False


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
    "iba": Method(iba, "bits that a layer must let through to tell the class", at_layer=True),
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
