"""Learned attention: the map that an AttentiveClassifier computes in its forward."""

from __future__ import annotations

from regard.backbones import nearest
from regard.explain.context import ExplainContext
from regard.models import AttentiveClassifier
from regard.types import Map, RegardError


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
