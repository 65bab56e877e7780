"""All methods by name."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from regard.explain.attention import attention
from regard.explain.gradients import input_gradient, input_x_gradient, integrated_gradients
from regard.types import Map


@dataclass(frozen=True)
class Method:
    """One way to ask a network where it looks.

    Attributes:
        run: question, options -> Map; its docstring says what the map means.
        summary: the same in one line.
        of_class: the map is of one class; else the target is not asked for.
        at_layer: it looks at a layer, which ``layer`` names; else that is not asked for.
        control: it knows nothing of the network, and is a floor for the others.
    """

    run: Callable[..., Map]
    summary: str
    of_class: bool = True
    at_layer: bool = False
    control: bool = False


METHODS: Mapping[str, Method] = {
    "attention": Method(attention, "attention that the model learned", of_class=False),
    "input_gradient": Method(input_gradient, "gradient of the logit, largest magnitude among channels"),
    "input_x_gradient": Method(input_x_gradient, "input times gradient"),
    "integrated_gradients": Method(integrated_gradients, "gradients integrated from a black image"),
}
"""Name -> method."""
