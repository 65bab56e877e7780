"""Activation checkpointing (Chen et al., *Training deep nets with sublinear memory cost*, 2016) that changes no number.

A block keeps its input alone, and runs once more in the backward pass for what lies between. Run again, a block would
update statistics (batch normalisation's) a second time and not know for which path of a random map it runs; both are as
they were when it ran first, and so are random numbers.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import nullcontext
from typing import Any

import torch
from torch import nn
from torch.utils.checkpoint import checkpoint

from regard.backbones.attended import Attended
from regard.backbones.recorder import Moment


def checkpoint_blocks(model: nn.Module) -> tuple[str, ...]:
    """Lets the blocks of a network keep their input alone in training, in place; returns their names.

    A block is a part with several modules that holds no series of other blocks: a residual block, a block of a
    transformer, a convolution with its normalisation. Those around an attended layer keep everything, as its maps are
    used outside of them.

    >>> from regard.backbones import create_backbone
    >>> checkpoint_blocks(create_backbone("compact", 3, widths=(4, 4, 8, 8)))
    ('stem', 'stage1', 'stage2.0', 'stage2.1', 'stage3.0', 'stage3.1')
    """
    names = tuple(_blocks(model, ""))
    for name in names:
        block = model.get_submodule(name)
        block.forward = _Checkpointed(block, block.forward)
    return names


def _blocks(module: nn.Module, prefix: str) -> Iterator[str]:
    for name, child in module.named_children():
        if next(child.parameters(), None) is None or next(child.children(), None) is None:
            continue
        if _holds_attention(child) or _holds_series(child):
            yield from _blocks(child, f"{prefix}{name}.")
        elif not isinstance(module, Attended) or name == "module":
            yield f"{prefix}{name}"


def _holds_attention(module: nn.Module) -> bool:
    return any(isinstance(part, Attended) for part in module.modules())


def _holds_series(module: nn.Module) -> bool:
    """Whether there is a series of modules in it of which some have modules themselves."""
    series = (part for part in module.modules() if isinstance(part, nn.Sequential | nn.ModuleList))
    return any(next(item.children(), None) is not None for part in series for item in part)


class _Checkpointed:
    """The forward of a block that runs again in the backward pass; a copy of the block gets one of its own."""

    def __init__(self, block: nn.Module, forward: Callable[..., Any]) -> None:
        self.block, self.forward = block, forward

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        if not (self.block.training and torch.is_grad_enabled()):
            return self.forward(*args, **kwargs)
        again = _Again(self.block)
        return checkpoint(self.forward, *args, use_reentrant=False, context_fn=lambda: (nullcontext(), again), **kwargs)


class _Again:
    """Around the second run of a block: the recorder is that of the first, and buffers stay as they are."""

    def __init__(self, block: nn.Module) -> None:
        self.block, self.moment = block, Moment()

    def __enter__(self) -> None:
        self._kept = [(buffer, buffer.clone()) for buffer in self.block.buffers()]
        self.moment.__enter__()

    def __exit__(self, *error: object) -> None:
        self.moment.__exit__(*error)
        with torch.no_grad():
            for buffer, value in self._kept:
                buffer.copy_(value)
