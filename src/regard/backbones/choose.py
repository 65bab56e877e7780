"""Layers by default, found by running an image: the last one with positions, and one at a sixteenth of the image.

A layer is usable if it runs once, returns one tensor whose positions are known (`tell_layout`), has more than one
position on a grid of the image's shape, and the prediction depends on most of them: after the last block of a
transformer that reads its class token the patches do not matter any more. Of tokens only whole blocks count, since what
runs inside one is no feature of the image.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, suppress
from typing import Any

import torch
from torch import Tensor, nn

from regard.backbones.attach import tell_layout, wide_outputs
from regard.backbones.attended import Layout
from regard.backbones.inspect import eval_mode, layer_names, locate, probe_images
from regard.types import RegardError

_STRIDE = 16


def usable_layers(model: nn.Module, shape: tuple[int, int, int]) -> Iterator[tuple[str, Layout, tuple[int, int]]]:
    """Name, layout and grid of the usable layers for images (C,H,W), the last to finish first."""
    traced = reversed(_traced(model, shape))
    candidates = [layer for layer in traced if _may_be_usable(model, shape, name=layer[0], out=layer[2])]
    of_grids = [module for _, module, out, _ in candidates if out.ndim == 4]
    wide = wide_outputs(model, of_grids, shape) if of_grids else {}
    for name, _, out, gradient in candidates:
        with suppress(RegardError):
            layout = tell_layout(model, name, out, shape, wide)
            grid = layout.features(out, shape[1:]).shape[2:]
            matters = gradient is None or _share(layout.features(gradient, shape[1:])) > 0.5
            if grid[0] * grid[1] > 1 and matters and _is_shaped_as(grid, shape):
                yield name, layout, (int(grid[0]), int(grid[1]))


def _may_be_usable(model: nn.Module, shape: tuple[int, int, int], *, name: str, out: Tensor) -> bool:
    """Whole blocks of tokens, and four dimensions of which two are shaped as the image: heads by tokens are not."""
    if out.ndim == 4:
        return any(_is_shaped_as(grid, shape) for grid in (out.shape[2:], out.shape[1:3]))
    parent, _, module = locate(model, name)
    return isinstance(parent, nn.Sequential | nn.ModuleList) and any(module.children())


def last_layer(model: nn.Module, shape: tuple[int, int, int]) -> str:
    """The last usable layer.

    Raises:
        RegardError: there is none.
    """
    for name, _, _ in usable_layers(model, shape):
        return name
    raise _none(model)


def middle_layer(model: nn.Module, shape: tuple[int, int, int]) -> str:
    """The last usable layer whose grid is nearest to a sixteenth of the image's side.

    Raises:
        RegardError: there is none.
    """
    layers = list(usable_layers(model, shape))
    if not layers:
        raise _none(model)
    wanted = shape[1] / _STRIDE
    return min(layers, key=lambda layer: abs(layer[2][0] - wanted) / wanted)[0]


def _none(model: nn.Module) -> RegardError:
    return RegardError(
        f"at=: no layer of {type(model).__name__} returns (B,C,h,w) with positions, or tokens whose places in the "
        "image are known; name one, with layout=Layout('tokens', prefix=, grid=)"
    )


def _traced(model: nn.Module, shape: tuple[int, int, int]) -> list[tuple[str, nn.Module, Tensor, Tensor | None]]:
    """Layers that run once and return a tensor of three or four dimensions, in the order in which they finish, with
    the gradient of the largest output; without gradients where the network has none.
    """
    finished: list[tuple[str, nn.Module, Any]] = []
    modules = {name: locate(model, name)[2] for name in layer_names(model)}
    names: dict[nn.Module, str] = {}
    for name, module in modules.items():
        names.setdefault(module, name)

    def keep(module: nn.Module, _args: Any, out: Any) -> None:
        finished.append((names[module], module, out))

    with ExitStack() as hooks, eval_mode(model), torch.inference_mode(False), torch.enable_grad():
        for module in names:
            hooks.enter_context(module.register_forward_hook(keep))
        scores = model(probe_images(model, shape).requires_grad_())
    ran = [name for name, _, _ in finished]
    kept = [
        (name, module, out)
        for name, module, out in finished
        if ran.count(name) == 1 and isinstance(out, Tensor) and out.ndim in (3, 4)
    ]
    gradients: tuple[Tensor | None, ...] = (None,) * len(kept)
    with suppress(RuntimeError, AttributeError, ValueError):  # outputs that are no tensor, or have no gradient
        inside = [out for _, _, out in kept]
        gradients = torch.autograd.grad(scores.amax(), inside, allow_unused=True)
        if any(g is not None and g.any() for g in gradients):  # else the head's weights are 0
            gradients = tuple(torch.zeros_like(o) if g is None else g for g, o in zip(gradients, inside, strict=True))
        else:
            gradients = (None,) * len(kept)
    return [(name, m, out.detach(), g) for (name, m, out), g in zip(kept, gradients, strict=True)]


def _is_shaped_as(grid: tuple[int, ...], shape: tuple[int, int, int]) -> bool:
    """Whether a grid has the image's shape up to one position: heads by tokens, of four dimensions too, have not."""
    (h, w), (_, height, width) = grid, shape
    return abs(h * width - w * height) <= max(height, width)


def _share(gradient: Tensor) -> float:
    """Share of the positions that have a gradient; all of them for a network without values (meta tensors)."""
    if gradient.is_meta:
        return 1.0
    return float((gradient != 0).any(1).float().mean())
