"""Layers by name and by default, evaluation mode for a block, probe images, and what runs in a forward."""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from itertools import accumulate
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.utils._pytree import tree_map_only

from regard.backbones.attended import Wrapper
from regard.backbones.exclusive import exclusive
from regard.errors import listed_names
from regard.types import RegardError

_REDUCTION = 16
_TORCHVISION = {
    "AlexNet": "features.11",
    "ConvNeXt": "features.5",
    "DenseNet": "features.denseblock3",
    "ResNet": "layer3",
    "SwinTransformer": "features.5",
}


def nearest(name: str, known: Iterable[str], count: int = 5) -> str:
    """The known names closest to ``name``, for an error message."""
    known = list(known)
    matches = difflib.get_close_matches(name, known, n=count, cutoff=0.4)
    inside = [other for other in known if name and name in other and other not in matches]
    return listed_names([*matches, *inside][:count] or known[:count])


def layer_names(model: nn.Module) -> list[str]:
    """Names of a network's layers as they were before anything was attached."""
    names: list[str] = []

    def walk(module: nn.Module, prefix: str) -> None:
        module = module.module if isinstance(module, Wrapper) else module
        for key, child in module.named_children():
            names.append(prefix + key)
            walk(child, prefix + key + ".")

    walk(model, "")
    return names


def locate(model: nn.Module, name: str) -> tuple[nn.Module, str, nn.Module]:
    """The parent, the key and the module behind a layer's name; names are those before anything was attached.

    Raises:
        RegardError: no such layer; the nearest names are listed.
    """
    parent, key, module = model, "", model
    for part in name.split("."):
        parent = module.module if isinstance(module, Wrapper) else module
        children = dict(parent.named_children())
        if part not in children:
            raise RegardError(
                f"no layer {name!r} in {type(model).__name__}; nearest: {nearest(name, layer_names(model))}"
            )
        key, module = part, children[part]
    return parent, key, module


def enclosing(name: str) -> list[str]:
    """Names of the modules around a layer, the outermost first.

    >>> enclosing("layer3.0.conv1")
    ['layer3', 'layer3.0']
    """
    return list(accumulate(name.split(".")[:-1], "{}.{}".format))


@contextmanager
def eval_mode(model: nn.Module) -> Iterator[None]:
    """Evaluation mode without gradients; every module's own mode is restored, also after an exception.

    Other threads that want it of the same modules wait (`exclusive`).
    """
    with exclusive(model):
        modes = [(module, module.training) for module in model.modules()]
        model.eval()
        try:
            with torch.no_grad():
                yield
        finally:
            for module, mode in modes:
                module.training = mode


def image_shape(input_size: tuple[int, ...]) -> tuple[int, int, int]:
    """(C,H,W) out of (H,W), for three channels, or (C,H,W)."""
    if len(input_size) not in (2, 3) or min(input_size) < 1:
        raise RegardError(f"input_size={tuple(input_size)}: (H, W) or (C, H, W) in pixels is needed")
    return (3, *input_size) if len(input_size) == 2 else tuple(input_size)  # type: ignore[return-value]


def probe_images(model: nn.Module, shape: tuple[int, int, int], seed: int = 0) -> Float[Tensor, "1 C H W"]:
    """One random image on the network's device and of its dtype; the global random state is unchanged."""
    weight = next((p for p in model.parameters() if p.is_floating_point()), torch.zeros(()))
    generator = torch.Generator().manual_seed(seed)
    return torch.rand(1, *shape, generator=generator).to(weight.device, weight.dtype)


def run_order(
    model: nn.Module, shape: tuple[int, int, int], *, within: nn.Module | None = None
) -> list[tuple[nn.Module, Any]]:
    """The modules that run on one image (C,H,W) in evaluation mode, in the order in which they finish, and what each
    returns, as meta tensors: shapes without values. With ``within`` that module and those inside it alone.
    """
    finished: list[tuple[nn.Module, Any]] = []

    def keep(module: nn.Module, _args: Any, out: Any) -> None:
        finished.append((module, tree_map_only(Tensor, lambda x: x.to("meta"), out)))

    with ExitStack() as hooks, eval_mode(model):
        for module in (within or model).modules():
            hooks.enter_context(module.register_forward_hook(keep))
        model(probe_images(model, shape))
    return finished


def grid_layers(model: nn.Module, shape: tuple[int, int, int]) -> list[tuple[str, int]]:
    """Name and height of the grid of the layers that return features (B,C,h,w) with more than one position, for an
    image (C,H,W), in the order in which they finish.
    """
    layers = [(name, locate(model, name)[2]) for name in layer_names(model)]
    return [
        (name, out.shape[2])
        for module, out in run_order(model, shape)
        if isinstance(out, Tensor) and out.ndim == 4 and out.shape[2] * out.shape[3] > 1
        for name, layer in layers
        if layer is module
    ]


class _Reached(Exception):  # noqa: N818
    """Ends a forward at a layer."""


def output_at(model: nn.Module, layer: nn.Module, images: Tensor) -> Tensor:
    """What a layer of the model returns for images, in evaluation mode, without gradients; nothing after it runs."""
    outputs: list[Tensor] = []

    def stop(_module: nn.Module, _args: Any, out: Tensor) -> None:
        outputs.append(out)
        raise _Reached

    with eval_mode(model), suppress(_Reached), layer.register_forward_hook(stop):
        model(images)
    return outputs[0]


def feature_info(model: nn.Module) -> list[dict[str, Any]]:
    """What timm's networks list of their stages (``module``, ``reduction``, ``num_chs``); empty for others."""
    info = getattr(model, "feature_info", None) or []
    return info if isinstance(info, list) else getattr(info, "info", [])


def recommended_layer(model: nn.Module) -> str:
    """A layer with a grid of about a sixteenth of the image's side, as deep as there is one.

    Regard's networks declare it (``attend_at``); of timm's ``feature_info`` it is the deepest entry at that
    reduction, or, in a plain vision transformer, whose blocks are all at one, the one at two thirds of the depth.

    Raises:
        RegardError: an unknown network; some of its layers are listed.
    """
    own = getattr(model, "attend_at", None)
    if isinstance(own, str):
        return own
    entries = feature_info(model)
    if entries and len({entry["reduction"] for entry in entries}) == 1:
        return str(entries[(2 * len(entries)) // 3]["module"])
    deep = [entry["module"] for entry in entries if entry["reduction"] <= _REDUCTION]
    if deep:
        return str(deep[-1])
    if type(model).__module__.startswith("torchvision.") and type(model).__name__ in _TORCHVISION:
        return _TORCHVISION[type(model).__name__]
    names = [name for name in layer_names(model) if name.count(".") < 2]
    raise RegardError(f"at=: name a layer of {type(model).__name__} to attend at, such as {', '.join(names[:12])}")
