"""``explain(model, images, "grad_cam")``: a map of any classifier by any method."""

from __future__ import annotations

import math
import warnings
from collections.abc import Mapping
from dataclasses import replace
from inspect import Parameter, signature
from typing import Any, Literal, get_args, get_origin, get_type_hints

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn

from regard.backbones import Layout, nearest
from regard.explain.context import ExplainContext, preserve_state
from regard.explain.methods import METHODS
from regard.models import ImageInput, OneTrunk, check_range
from regard.types import Map, RegardError


class ZeroMapWarning(UserWarning):
    """Some images have a map that is zero everywhere."""


def explain(
    model: nn.Module,
    images: ImageInput,
    method: str,
    *,
    target: Int[Tensor, " B"] | None = None,
    against: Int[Tensor, " B"] | None = None,
    layer: str | None = None,
    layout: str | Layout = "auto",
    **options: Any,
) -> Map:
    """A map of what a classifier uses, by one of ``list_methods()``.

    >>> import timm
    >>> network = timm.create_model("resnet10t", num_classes=10)
    >>> explain(network, torch.rand(2, 3, 64, 64), "grad_cam", layer="layer3").values.shape
    torch.Size([2, 1, 4, 4])

    The model runs in evaluation mode, with the logits of the mean where it draws samples; its modes, gradients and
    hooks are restored afterwards, also after an exception.

    Args:
        model: any module from images to logits (B,n), or an AttentiveClassifier. Normalisation of images is part of it.
        images: floats (B,C,H,W) in [0,1] or bytes, on the model's device; for a model of regard also pictures, as
            ``AttentiveClassifier.predict`` takes them.
        method: a key of ``METHODS``.
        target: the class to explain for each image; by default the predicted one. Some methods need none.
        against: another class for each image: why the target and not this one? What is explained is the difference of
            the two logits, or, where a method takes probabilities, p_target / (p_target + p_against).
        layer: the layer to read, for methods that read one. By default class activation maps take the last with
            positions and others ``regard.backbones.recommended_layer``; in a network that is not known, layers are
            found by running an image.
        layout: how that layer's output lies in memory, where it cannot be told; as in ``regard.backbones.attach``.
        options: of the method; see its function, ``METHODS[method].run``.

    Returns:
        Map (B,1,h,w) on the method's own grid, in ``relevance`` unless the method has a unit.

    Raises:
        RegardError: unknown method, layer or option (the nearest are named), a target out of range or missing for a
            multi-label model, ``against`` the target itself or for a method without a class, a layer without positions,
            invalid images, a map that is not finite.

    Warns:
        ZeroMapWarning: maps that are zero everywhere. That is a result (the model may ignore its input), but it ranks
            nothing.
    """
    if method not in METHODS:
        raise RegardError(f"no method {method!r}; nearest: {nearest(method, METHODS)}")
    chosen = METHODS[method]
    check_options(method, options)
    images = _prepared(model, images)
    with preserve_state(model):
        images = (images.clone() if images.is_inference() else images).detach()
        context = ExplainContext(model, images, None, layer, layout)
        if chosen.of_class or target is not None:
            context = replace(context, target=_target(context, target))
        if against is not None:
            context = replace(context, against=_against(context, method, against))
        try:
            map = chosen.run(context, **options)
        except RegardError as error:
            message = str(error).removeprefix(f"{method}: ")
            raise RegardError(f"{method}: {message}") from error
    _check_map(method, map)
    return map


def prepare_options(
    model: nn.Module, method: str, options: Mapping[str, Any], *, size: tuple[int, int], layer: str | None = None
) -> Mapping[str, Any]:
    """The options of a method for many calls of `explain`, after what it does once: a method that learns has learned.

    Args:
        model: as in `explain`.
        method: likewise; unknown ones are left to it.
        options: of the method.
        size: (H, W) of the images.
        layer: as in `explain`.

    Raises:
        RegardError: an unknown option, or it cannot learn.
    """
    once = METHODS[method].once if method in METHODS else None
    if once is None:
        return options
    check_options(method, options)
    try:
        return once(model, size, layer, **options)
    except RegardError as error:
        raise RegardError(f"{method}: {error}") from error


def _target(context: ExplainContext, target: Tensor | None) -> Tensor:
    """The given classes, checked, or the predicted ones."""
    if target is not None:
        return _classes(context, "target", target)
    if context.multi_label:
        raise RegardError(
            "target: a multi-label model predicts several classes at once; give the class to explain, one index per "
            "image"
        )
    with torch.no_grad():
        return context.logits(context.images).argmax(1)


def _against(context: ExplainContext, method: str, against: Tensor) -> Tensor:
    """The classes in whose place the target is explained, checked."""
    if not METHODS[method].of_class or context.target is None:
        raise RegardError(f"{method}: its map is not of one class, so it cannot explain a class against another")
    classes = _classes(context, "against", against)
    if same := (classes == context.target).nonzero().flatten().tolist():
        raise RegardError(
            f"against: class {int(classes[same[0]])} is what is explained of image {same[0]}; give another class, or "
            "leave it out"
        )
    return classes


def _classes(context: ExplainContext, name: str, given: Tensor) -> Tensor:
    """One class index per image, checked against the model's number of classes."""
    B, images = len(context.images), context.images
    if given.shape != (B,) or given.dtype.is_floating_point or given.dtype == torch.bool:
        raise RegardError(f"{name}: {given.dtype} {tuple(given.shape)}; one class index per image is needed, ({B},)")
    with torch.no_grad():
        n = context.logits(images[:1]).shape[1]
    if B and not 0 <= int(given.min()) <= int(given.max()) < n:
        wrong = given[(given < 0) | (given >= n)]
        raise RegardError(f"{name}: class {int(wrong[0])} of a model with {n} classes; give 0 to {n - 1}")
    return given.to(images.device, torch.long)


def check_options(name: str, options: Mapping[str, Any]) -> None:
    """Raises RegardError for an option that the method does not have, or whose value is not of its kind."""
    method = METHODS[name]
    allowed = [p.name for p in signature(method.run).parameters.values() if p.kind is Parameter.KEYWORD_ONLY]
    for option in options:
        if option not in allowed:
            raise RegardError(f"{name}: no option {option!r}; nearest: {nearest(option, allowed) or 'it has none'}")
    hints = get_type_hints(method.run)
    for option, value in options.items():
        kinds = [hints[option], *get_args(hints[option])]
        choices = [choice for kind in kinds if get_origin(kind) is Literal for choice in get_args(kind)]
        plain = tuple(kind for kind in kinds if kind in (int, float, str, bool))
        objects = tuple(kind for kind in kinds if isinstance(kind, type) and kind not in plain)
        number = float in plain and isinstance(value, int) and not isinstance(value, bool)
        truth = isinstance(value, bool) and bool not in plain
        wanted = ", ".join([*map(repr, choices), *(kind.__name__ for kind in plain)])
        if isinstance(value, objects):
            continue
        if (plain or choices) and value is not None and value not in choices and not number:
            if truth or not isinstance(value, plain):
                given = f"a tensor {tuple(value.shape)}" if isinstance(value, Tensor) else repr(value)
                raise RegardError(f"{name}: {option} is {given}; expected {wanted}")
            if isinstance(value, float) and not math.isfinite(value):
                raise RegardError(f"{name}: {option} is {value!r}; a finite number is needed")


def _prepared(model: nn.Module, images: ImageInput) -> Float[Tensor, "B C H W"]:
    if isinstance(model, OneTrunk):
        images = model.prepare(images)
    elif isinstance(images, Tensor):
        images = check_range(images)
    else:
        raise RegardError(
            f"images: {type(images).__name__}; only models of regard know the size of their pictures: give a tensor "
            "(B,C,H,W), or wrap the network: regard.AttentiveClassifier(network, n, attention=None, input_size=...)"
        )
    if not len(images):
        raise RegardError(f"images: {images.dtype} {tuple(images.shape)}; B at least 1 is needed")
    weight = next(model.parameters(), None)
    if weight is not None and weight.device != images.device:
        raise RegardError(f"images are on {images.device}, the model is on {weight.device}; move one of them")
    return images


def _check_map(name: str, map: Map) -> None:
    flat = map.values.flatten(1)
    bad = (~flat.isfinite().all(1)).nonzero().flatten().tolist()
    if bad:
        raise RegardError(f"{name}: the map of image {bad[0]} is not finite ({len(bad)} of {len(flat)} maps)")
    zero = (flat == 0).all(1).nonzero().flatten().tolist()
    if zero:
        which = ", ".join(str(i) for i in zero[:5]) + (", ..." if len(zero) > 5 else "")
        warnings.warn(
            f"{name}: {len(zero)} of {len(flat)} maps are zero everywhere (image {which}), so they rank nothing; "
            "try another layer or method",
            ZeroMapWarning,
            stacklevel=3,
        )
