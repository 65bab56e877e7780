"""Layers by name, evaluation mode for a block, and probe images."""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Iterator
from contextlib import contextmanager

import torch
from jaxtyping import Float
from torch import Tensor, nn

from regard.backbones.attended import Attended
from regard.types import RegardError


def nearest(name: str, known: Iterable[str], count: int = 5) -> str:
    """The known names closest to ``name``, for an error message."""
    known = list(known)
    matches = difflib.get_close_matches(name, known, n=count, cutoff=0.4)
    inside = [other for other in known if name and name in other and other not in matches]
    return ", ".join([*matches, *inside][:count] or known[:count])


def layer_names(model: nn.Module) -> list[str]:
    """Names of a network's layers as they were before anything was attached."""
    names: list[str] = []

    def walk(module: nn.Module, prefix: str) -> None:
        module = module.module if isinstance(module, Attended) else module
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
        parent = module.module if isinstance(module, Attended) else module
        children = dict(parent.named_children())
        if part not in children:
            raise RegardError(
                f"no layer {name!r} in {type(model).__name__}; nearest: {nearest(name, layer_names(model))}"
            )
        key, module = part, children[part]
    return parent, key, module


@contextmanager
def eval_mode(model: nn.Module) -> Iterator[None]:
    """Evaluation mode without gradients; every module's own mode is restored, also after an exception."""
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
