"""Run a model for an explanation and restore its state afterwards."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import torch
from torch import nn

_HOOKS = (
    "_forward_hooks",
    "_forward_hooks_with_kwargs",
    "_forward_hooks_always_called",
    "_forward_pre_hooks",
    "_forward_pre_hooks_with_kwargs",
    "_backward_hooks",
    "_backward_pre_hooks",
)


@contextmanager
def preserve_state(model: nn.Module) -> Iterator[None]:
    """Evaluation mode, gradients on, parameters without ``requires_grad``; afterwards everything is as it was.

    Restored, also after an exception: every module's mode, every parameter's ``requires_grad`` and ``grad`` (the same
    tensor, not a copy), and every module's hooks. Gradients with respect to images and features do
    not need those of the parameters, which are switched off so that nothing accumulates and no memory is spent on them.
    """
    modes = [(module, module.training) for module in model.modules()]
    parameters = [(p, p.requires_grad, p.grad) for p in model.parameters()]
    hooks = [(getattr(m, name), dict(getattr(m, name))) for m in model.modules() for name in _HOOKS]
    try:
        model.eval()
        for parameter, _, _ in parameters:
            parameter.requires_grad_(False)
        with torch.inference_mode(False), torch.enable_grad():
            yield
    finally:
        for module, mode in modes:
            module.training = mode
        for parameter, learns, grad in parameters:
            parameter.requires_grad_(learns)
            parameter.grad = grad
        for registered, saved in hooks:
            if registered.keys() != saved.keys():
                registered.clear()
                registered.update(saved)
