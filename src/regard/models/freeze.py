"""Freezing the first part of a network, by the order in which its layers run."""

from __future__ import annotations

from typing import Any

from torch import nn

from regard.backbones import attended, locate, looking, probe_images


def freeze_upto(trunk: nn.Module, upto: str, shape: tuple[int, int, int]) -> tuple[str, ...]:
    """Takes the gradient from all parameters of layers that have run once ``upto`` has, attention apart.

    Bare parameters of the modules around ``upto``, such as a class token and position embeddings, are frozen too.

    Returns:
        Names of the layers that have run, to be held in evaluation mode.
    """
    target = locate(trunk, upto)[2]
    names = {module: name for name, module in trunk.named_modules()}
    done: list[nn.Module] = []
    reached = False

    def ran(module: nn.Module, _args: Any, _out: Any) -> None:
        nonlocal reached
        if not reached:
            done.append(module)
        reached = reached or module is target

    hooks = [module.register_forward_hook(ran) for module in trunk.modules()]
    try:
        with looking(trunk):
            trunk(probe_images(trunk, shape))
    finally:
        for hook in hooks:
            hook.remove()
    learning = {module for layer in attended(trunk).values() for module in layer.attention.modules()}
    frozen = [module for module in dict.fromkeys(done) if module not in learning]
    inner = names[target] + "."
    around = [module for name, module in trunk.named_modules() if not name or inner.startswith(name + ".")]
    for module in [*frozen, *around]:
        for parameter in module.parameters(recurse=False):
            parameter.requires_grad_(False)
    whole = [module for module in frozen if not learning & set(module.modules())]
    return tuple(names[module] for module in whole)


def hold_frozen(trunk: nn.Module, frozen: tuple[str, ...]) -> None:
    """Puts frozen layers into evaluation mode."""
    for name in frozen:
        trunk.get_submodule(name).training = False
