"""Networks of one family that differ in width alone, and the one among them that is as large as another network.

What attention and bottleneck add in size or computation can explain their gain. The fair control beside a plain network
of the same width is a wider plain one that has as many parameters, or that computes as much.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Any, Literal

import torch
from torch import nn
from torch.utils.flop_counter import FlopCounterMode

from regard.backbones.compact import WIDTHS
from regard.backbones.create import create_backbone
from regard.backbones.find import looking, probe_images
from regard.types import RegardError

Size = Literal["parameters", "flops"]
Options = dict[str, Any]
TOLERANCE = 0.03
STEPS = 40


def size_of(model: nn.Module, by: Size, shape: tuple[int, int, int]) -> int:
    """Parameters, or floating point operations of one image (C,H,W) in evaluation mode.

    Operations are those that ``torch.utils.flop_counter`` knows: convolutions, matrix products and attention; a
    multiplication and an addition are two. Normalisations and activations are not counted.
    """
    if by == "parameters":
        return sum(p.numel() for p in model.parameters())
    with looking(model), FlopCounterMode(display=False) as counter:
        model(probe_images(model, shape))
    return int(counter.get_total_flops())


def _compact(name: str, options: Options, scale: float) -> tuple[str, Options]:
    widths = options.get("widths", WIDTHS)
    return name, {**options, "widths": [max(1, round(width * scale)) for width in widths]}


def _vgg_cifar(name: str, options: Options, scale: float) -> tuple[str, Options]:
    return name, {**options, "width": round(options.get("width", 1.0) * scale, 6)}


def _wrn(name: str, options: Options, scale: float) -> tuple[str, Options]:
    sized = re.fullmatch(r"wrn(\d+)_(\d+)", name)
    own = {"depth": int(sized[1]), "width": int(sized[2])} if sized else {}
    options = {**own, **options}
    return "wrn", {**options, "width": round(options.get("width", 10) * scale, 6)}


FAMILIES: Mapping[str, Callable[[str, Options, float], tuple[str, Options]]] = {
    "compact": _compact,
    "vgg_cifar": _vgg_cifar,
    "wrn": _wrn,
}
"""family -> (name, options, factor of all widths) -> name and options of the wider or narrower network."""


def match_width(
    name: str, options: Options, num_classes: int, shape: tuple[int, int, int], *, target: int, by: Size
) -> tuple[str, Options]:
    """Name and options, for ``create_backbone``, of the plain network of a family whose size is nearest to ``target``.

    All widths are multiplied by one factor, found by bisection; nothing is random, and only shapes are computed.

    Args:
        name: of a network of the family.
        options: of that network.
        num_classes: n.
        shape: (C,H,W) of the images.
        target: parameters or operations.
        by: which of the two.

    Raises:
        RegardError: a family whose width is not free here, or whose steps of width are too coarse to come within 3 %.
    """
    family = re.sub(r"^wrn\d+_\d+$", "wrn", name)
    if family not in FAMILIES:
        raise RegardError(f"no width of {name!r} can be matched; it can for {', '.join(FAMILIES)}")

    def size(scale: float) -> int:
        other, chosen = FAMILIES[family](name, options, scale)
        with torch.device("meta"):
            return size_of(create_backbone(other, num_classes, in_chans=shape[0], **chosen), by, shape)

    low, high = 0.0, 1.0
    while size(high) < target:
        low, high = high, 2 * high
    for _ in range(STEPS):
        middle = (low + high) / 2
        low, high = (middle, high) if size(middle) < target else (low, middle)
    scale = min((low, high), key=lambda s: abs(size(s) - target) if s else target)
    away = size(scale) / target - 1 if scale else 1.0
    if abs(away) > TOLERANCE:
        raise RegardError(
            f"{name!r} of {target} {by}: the nearest width is {away:+.1%} away, more than {TOLERANCE:.0%}; "
            "begin with a wider network, whose steps are finer"
        )
    return FAMILIES[family](name, options, scale)
