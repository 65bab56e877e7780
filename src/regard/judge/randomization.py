"""Copies of a network with parameters initialised again, stage by stage or all at once (Adebayo et al. 2018)."""

from __future__ import annotations

import copy
from collections.abc import Iterable

import torch
from torch import nn

from regard.backbones import nearest
from regard.types import RegardError

_LARGE = 4  # a stage may hold one fourth of all parameters
_STREAM = 0x9E3779B97F4A7C15  # a stream apart from training's, so that the same seed gives other initial values
_FLAT = 0.02  # standard deviation for a bare constant parameter, as of timm's tokens


def stages(model: nn.Module) -> tuple[str, ...]:
    """Names of the stages to randomise, from the image to the output; every parameter lies in exactly one.

    A module with more than a quarter of all parameters is split into its children; its own parameters (tokens, position
    embeddings) are a stage under its own name, "" for the network's.
    """
    total = sum(p.numel() for p in model.parameters())
    names: list[str] = []

    def walk(module: nn.Module, name: str) -> None:
        children = list(module.named_children())
        if next(module.parameters(recurse=False), None) is not None:
            names.append(name)
        for key, child in children:
            inner = f"{name}.{key}".lstrip(".")
            size = sum(p.numel() for p in child.parameters())
            if _LARGE * size > total and next(child.children(), None) is not None:
                walk(child, inner)
            elif size:
                names.append(inner)

    walk(model, "")
    return tuple(names)


def randomized(model: nn.Module, names: Iterable[str], *, seed: int = 0) -> nn.Module:
    """A copy in which the named stages are initialised again; model and global random state stay as they are.

    A module's own ``reset_parameters`` decides (running statistics, anchors and priors included). A bare parameter
    whose module has none is drawn from a normal distribution with the parameter's own mean and standard deviation.

    Args:
        model: any network.
        names: of `stages`, or of any module; "" stands for the network's own parameters.
        seed: of the new values.

    Raises:
        RegardError: no such stage.
    """
    changed = copy.deepcopy(model)
    parts, known = list(names), dict(changed.named_modules())
    opened = set(stages(model))
    devices = sorted({p.device.index or 0 for p in model.parameters() if p.device.type == "cuda"})
    with torch.random.fork_rng(devices=devices), torch.no_grad():
        torch.manual_seed((seed + 1) * _STREAM % 2**63)
        for name in parts:
            if name not in known:
                raise RegardError(f"no stage {name!r} in {type(model).__name__}; nearest: {nearest(name, known)}")
            whole = name and not any(other != name and other.startswith(name + ".") for other in opened)
            for module in known[name].modules() if whole else [known[name]]:
                _reset(module)
    return changed


def _reset(module: nn.Module) -> None:
    reset = getattr(module, "reset_parameters", None) or getattr(module, "_reset_parameters", None)
    if callable(reset):
        reset()
        return
    for parameter in module.parameters(recurse=False):
        values = parameter.float()
        std = values.std().item() if values.numel() > 1 else 0.0
        parameter.copy_(values.mean() + (std or _FLAT) * torch.randn_like(values))
