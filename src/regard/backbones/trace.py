"""What runs in a network before a layer is done: the outermost modules, in order, without tracing."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor, nn
from torch.utils._pytree import tree_map_only


@dataclass
class Before:
    """One forward up to a layer.

    Attributes:
        done: modules that were done before the layer, with what they returned; a module that is done takes the place
            of those inside it.
        out: what the layer returned; None before it was reached.
    """

    done: list[tuple[nn.Module, Any]] = field(default_factory=list)
    out: Any = None


@contextmanager
def watching(model: nn.Module, layer: nn.Module) -> Iterator[Before]:
    """Fills a `Before` in the first forward of ``model`` inside the block; outputs are copies, as what follows may work
    in place.
    """
    seen = Before()
    starts: list[int] = []

    def begin(_module: nn.Module, _args: Any) -> None:
        starts.append(len(seen.done))

    def end(module: nn.Module, _args: Any, out: Any) -> None:
        start = starts.pop()
        if seen.out is None:
            seen.done[start:] = [(module, tree_map_only(Tensor, torch.clone, out))]
            if module is layer:
                seen.out = seen.done.pop()[1]

    hooks = [module.register_forward_pre_hook(begin) for module in model.modules()]
    hooks += [module.register_forward_hook(end) for module in model.modules()]
    try:
        yield seen
    finally:
        for hook in hooks:
            hook.remove()
