"""Size-matched controls: the plain network of a family whose parameters or operations equal another network's.

The size or computation that attention and bottleneck add can explain their gain. The fair control is therefore a wider
plain network with as many parameters or operations. Networks of other libraries have few widths, and pretrained weights
one; such a network gets a hidden layer before its classifier.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Literal

import torch
from torch import nn
from torch.utils.flop_counter import FlopCounterMode

from regard.backbones.create import Options, create_backbone, own_family
from regard.backbones.inspect import eval_mode, probe_images
from regard.backbones.networks.compact import WIDTHS
from regard.types import RegardError

Size = Literal["parameters", "flops"]
_TOLERANCE = 0.03
_HIDDEN = 256
_STEPS = 40
_WIDTH = {"vgg_cifar": 1.0, "wrn": 10}
"""Default of the option ``width``."""


def size_of(model: nn.Module, by: Size, shape: tuple[int, int, int]) -> int:
    """Parameters, or floating point operations of one image (C,H,W) in evaluation mode.

    Operations are those that ``torch.utils.flop_counter`` knows: convolutions, matrix products and attention; a
    multiplication and an addition are two. Normalisations and activations are not counted.
    """
    if by == "parameters":
        return sum(p.numel() for p in model.parameters())
    with eval_mode(model):
        return count_flops(lambda: model(probe_images(model, shape)))


def count_flops(work: Callable[[], object]) -> int:
    """Floating point operations of what ``work`` computes, counted as in `size_of`."""
    with FlopCounterMode(display=False) as counter:
        work()
    return int(counter.get_total_flops())


def width_is_free(name: str) -> bool:
    """Whether all widths of a network scale; others keep theirs and get a hidden layer."""
    return own_family(name)[0] in ("compact", *_WIDTH)


def _scaled(name: str, options: Options, scale: float) -> tuple[str, Options]:
    """Name and options of the network with all widths, or else the units of a hidden layer, times ``scale``."""
    family, sizes = own_family(name)
    options = {**sizes, **options}
    if family == "compact":
        return family, {**options, "widths": [max(1, round(w * scale)) for w in options.get("widths", WIDTHS)]}
    if family in _WIDTH:
        return family, {**options, "width": round(options.get("width", _WIDTH[family]) * scale, 6)}
    return name, {**options, "hidden": max(1, round(_HIDDEN * scale))}


def match_width(
    name: str, options: Options, num_classes: int, shape: tuple[int, int, int], *, target: int, by: Size
) -> tuple[str, Options]:
    """Name and options, for ``create_backbone``, of the plain network of a family whose size is nearest to ``target``.

    All widths, or, in a network of fixed widths, the units of a hidden layer before the classifier, are multiplied by
    one factor, found by bisection; nothing is random, and only shapes are computed.

    Args:
        name: of a network of the family.
        options: of that network.
        num_classes: n.
        shape: (C,H,W) of the images.
        target: parameters or operations.
        by: which of the two.

    Raises:
        RegardError: steps of width are too coarse to come within 3 %, or so little is to be added that a hidden layer
            would have fewer units than there are classes.
    """

    def size(scale: float) -> int:
        other, chosen = _scaled(name, options, scale)
        with torch.device("meta"):
            return size_of(create_backbone(other, num_classes, in_chans=shape[0], **chosen), by, shape)

    low, high = 0.0, 1.0
    while size(high) < target:
        low, high = high, 2 * high
    for _ in range(_STEPS):
        middle = (low + high) / 2
        low, high = (middle, high) if size(middle) < target else (low, middle)
    scale = min((low, high), key=lambda s: abs(size(s) - target) if s else target)
    away = size(scale) / target - 1 if scale else 1.0
    if abs(away) > _TOLERANCE:
        raise RegardError(
            f"{name!r} of {target} {by}: the nearest width is {away:+.1%} away, more than {_TOLERANCE:.0%}; "
            "start from a wider network, whose steps are finer"
        )
    matched = _scaled(name, options, scale)
    if not width_is_free(name) and matched[1]["hidden"] < num_classes:
        raise RegardError(
            f"{name!r} of {target} {by} would have a hidden layer of {matched[1]['hidden']} units before {num_classes} "
            "classes, a bottleneck and no fair control; compare with the plain network instead"
        )
    return matched
