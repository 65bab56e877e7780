"""Trace of a forward up to a layer: the outermost modules that finish before it, in order, and their outputs."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor, nn
from torch.utils._pytree import tree_map_only


@dataclass
class Trace:
    """One forward up to a layer.

    Attributes:
        done: modules that finished before the layer, with their outputs; a finished module replaces those inside it.
        out: output of the layer; None until it is reached.
    """

    done: list[tuple[nn.Module, Any]] = field(default_factory=list)
    out: Any = None


@contextmanager
def trace_until(model: nn.Module, layer: nn.Module) -> Iterator[Trace]:
    """Fills a `Trace` in the first forward of ``model`` inside the block; outputs are copies, since later layers may
    work in place.
    """
    trace = Trace()
    starts: list[int] = []

    def begin(_module: nn.Module, _args: Any) -> None:
        starts.append(len(trace.done))

    def end(module: nn.Module, _args: Any, out: Any) -> None:
        start = starts.pop()
        if trace.out is None:
            trace.done[start:] = [(module, tree_map_only(Tensor, torch.clone, out))]
            if module is layer:
                trace.out = trace.done.pop()[1]

    hooks = [module.register_forward_pre_hook(begin) for module in model.modules()]
    hooks += [module.register_forward_hook(end) for module in model.modules()]
    try:
        yield trace
    finally:
        for hook in hooks:
            hook.remove()
