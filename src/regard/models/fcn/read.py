"""Which layers of a classifier a segmenter reads, and how to be rid of what comes after them."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

from torch import Tensor, nn

from regard.backbones import Layout, find_layout, layer_names, locate, looking, probe_images
from regard.types import RegardError


@dataclass(frozen=True)
class Reading:
    """A layer that is read.

    Attributes:
        name: of the layer, as before anything was attached.
        layout: of its output.
        channels: of its features.
        reduction: side of the image over side of its grid, a power of two.
    """

    name: str
    layout: Layout
    channels: int
    reduction: int


def readings(trunk: nn.Module, count: int, shape: tuple[int, int, int]) -> tuple[Reading, ...]:
    """The last layer on each of the ``count`` coarsest grids, the finest first.

    Of timm's networks those in ``feature_info``; else found by running an image (C,H,W).

    Raises:
        RegardError: the network has fewer grids.
    """
    info = getattr(trunk, "feature_info", None) or []
    entries = info if isinstance(info, list) else getattr(info, "info", [])
    names = {entry["reduction"]: entry["module"] for entry in entries} or _found(trunk, shape)
    if len(names) < count:
        raise RegardError(
            f"{type(trunk).__name__} has features on {len(names)} grid(s), so {count - 1} skip connection(s) have "
            "nowhere to begin; take decoder='fcn32s'"
        )
    read = []
    for name in [names[reduction] for reduction in sorted(names)][-count:]:
        layout, channels = find_layout(trunk, name, locate(trunk, name)[2], shape)
        read.append(Reading(name, layout, channels, _reduction(trunk, name, layout, shape)))
    return tuple(read)


def cut_off(trunk: nn.Module, name: str, shape: tuple[int, int, int]) -> None:
    """Replaces every module that runs after layer ``name`` by the identity: a segmenter does not need it.

    Where the network does not run without one of them, all are left.
    """
    order: list[nn.Module] = []
    hooks = [m.register_forward_hook(lambda module, _args, _out: order.append(module)) for m in trunk.modules()]
    try:
        with looking(trunk):
            trunk(probe_images(trunk, shape))
    finally:
        for hook in hooks:
            hook.remove()
    last = locate(trunk, name)[2]
    reached = order.index(last) + 1
    after = set(order[reached:]) - set(order[:reached])
    taken: list[tuple[nn.Module, str, nn.Module]] = []
    parent, parts = trunk, name.split(".")
    for part in parts:
        taken += [(parent, key, child) for key, child in parent.named_children() if key != part and child in after]
        parent = dict(parent.named_children())[part]
    for owner, key, _ in taken:
        setattr(owner, key, nn.Identity())
    try:
        with looking(trunk):
            trunk(probe_images(trunk, shape))
    except Exception:  # whatever a network says that misses a part of it
        for owner, key, child in taken:
            setattr(owner, key, child)


def _found(trunk: nn.Module, shape: tuple[int, int, int]) -> dict[int, str]:
    """Side of the image over side of the grid -> the last layer (B,C,h,w) on that grid.

    A layer inside a block that returns another grid is in the middle of a step, and passed over.
    """
    sizes: dict[str, int] = {}

    def watch(name: str) -> Any:
        def keep(_module: nn.Module, _args: Any, out: Any) -> None:
            if isinstance(out, Tensor) and out.ndim == 4 and out.shape[2] * out.shape[3] > 1:
                sizes.pop(name, None)
                sizes[name] = _power(shape[1] / out.shape[2])

        return keep

    modules = {name: locate(trunk, name)[2] for name in layer_names(trunk)}
    # a pooling to a fixed grid belongs to a classifier, and its grid says nothing of places
    modules = {name: module for name, module in modules.items() if not isinstance(module, nn.AdaptiveAvgPool2d)}
    hooks = [module.register_forward_hook(watch(name)) for name, module in modules.items()]
    try:
        with looking(trunk):
            trunk(probe_images(trunk, shape))
    finally:
        for hook in hooks:
            hook.remove()
    found: dict[int, str] = {}
    for name, reduction in sizes.items():
        parts = name.split(".")
        around = (".".join(parts[:n]) for n in range(1, len(parts)))
        blocks = (block for block in around if not isinstance(modules[block], nn.Sequential))
        if all(sizes.get(block, reduction) == reduction for block in blocks):
            found[reduction] = name
    return found


def _reduction(trunk: nn.Module, name: str, layout: Layout, shape: tuple[int, int, int]) -> int:
    seen: list[Tensor] = []
    hook = locate(trunk, name)[2].register_forward_hook(lambda _m, _a, out: seen.append(out))
    try:
        with looking(trunk):
            trunk(probe_images(trunk, shape))
    finally:
        hook.remove()
    return _power(shape[1] / layout.features(seen[0], shape[1:]).shape[2])


def _power(ratio: float) -> int:
    return int(2 ** round(math.log2(max(ratio, 1.0))))
