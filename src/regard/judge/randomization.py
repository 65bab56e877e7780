"""A network that has forgotten: copies whose parameters are initialised again, stage by stage or all at once."""

from __future__ import annotations

import copy
from collections.abc import Iterable, Iterator

import torch
from torch import Tensor, nn

from regard.backbones import nearest
from regard.types import RegardError

LARGE = 4  # a part may hold this share of all parameters, one fourth
_STREAM = 0x9E3779B97F4A7C15  # keeps a seed from giving the network the very values that its training began with
_FLAT = 0.02  # standard deviation for a bare parameter that is the same everywhere, as timm's tokens have


def stages(model: nn.Module) -> tuple[str, ...]:
    """Names of the parts to forget, from the image to the output; every parameter lies in exactly one.

    A module that holds more than a quarter of all parameters is opened; what it owns itself (tokens, position
    embeddings) is a part under its own name, "" for the network's.
    """
    total = sum(p.numel() for p in model.parameters())
    found: list[str] = []

    def walk(module: nn.Module, name: str) -> None:
        children = list(module.named_children())
        if next(module.parameters(recurse=False), None) is not None:
            found.append(name)
        for key, child in children:
            inner = f"{name}.{key}".lstrip(".")
            size = sum(p.numel() for p in child.parameters())
            if LARGE * size > total and next(child.children(), None) is not None:
                walk(child, inner)
            elif size:
                found.append(inner)

    walk(model, "")
    return tuple(found)


def randomized(model: nn.Module, names: Iterable[str], *, seed: int = 0) -> nn.Module:
    """A copy in which the named parts are initialised again; the model and the global random state stay as they are.

    A module's own ``reset_parameters`` decides (running statistics, anchors and priors included). A bare parameter
    whose module has none is drawn from a normal distribution with the parameter's own mean and standard deviation.

    Args:
        model: any network.
        names: of `stages`, or any module's; "" stands for what the network owns itself.
        seed: of the new values.

    Raises:
        RegardError: no such part.
    """
    forgotten = copy.deepcopy(model)
    parts, known = list(names), dict(forgotten.named_modules())
    opened = set(stages(model))
    devices = sorted({p.device.index or 0 for p in model.parameters() if p.device.type == "cuda"})
    with torch.random.fork_rng(devices=devices), torch.no_grad():
        torch.manual_seed((seed + 1) * _STREAM % 2**63)
        for name in parts:
            if name not in known:
                raise RegardError(f"no part {name!r} in {type(model).__name__}; nearest: {nearest(name, known)}")
            whole = name and not any(other != name and other.startswith(name + ".") for other in opened)
            for module in known[name].modules() if whole else [known[name]]:
                _reset(module)
    return forgotten


def cascading(model: nn.Module, *, seed: int = 0) -> Iterator[tuple[str, nn.Module]]:
    """(stage, copy in which it and all stages behind it are forgotten), from the output to the image."""
    names = stages(model)
    for first in reversed(range(len(names))):
        yield names[first], randomized(model, names[first:], seed=seed)


def independent(model: nn.Module, *, seed: int = 0) -> Iterator[tuple[str, nn.Module]]:
    """(stage, copy in which it alone is forgotten), from the output to the image."""
    for name in reversed(stages(model)):
        yield name, randomized(model, [name], seed=seed)


def _reset(module: nn.Module) -> None:
    reset = getattr(module, "reset_parameters", None) or getattr(module, "_reset_parameters", None)
    if callable(reset):
        reset()
        return
    for parameter in module.parameters(recurse=False):
        parameter.copy_(_drawn(parameter))


def _drawn(parameter: Tensor) -> Tensor:
    values = parameter.float()
    std = values.std().item() if values.numel() > 1 else 0.0
    return (values.mean() + (std or _FLAT) * torch.randn_like(values)).to(parameter.dtype)
