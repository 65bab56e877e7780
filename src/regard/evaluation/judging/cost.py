"""What an explanation costs: seconds, and images that went through the network."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import torch
from torch import Tensor, nn


@dataclass
class Cost:
    """Of what ran inside `counting`.

    Attributes:
        seconds: wall time.
        forwards: images that entered the network's first layer; a rerun of later layers alone does not count.
    """

    seconds: float = 0.0
    forwards: int = 0


@contextmanager
def counting(network: nn.Module) -> Iterator[Cost]:
    """Counts and times what happens inside the block; leaves the network as it was."""
    cost, first = Cost(), first_layer(network)
    device = next((p.device for p in network.parameters()), torch.device("cpu"))

    def enter(_: nn.Module, given: tuple[Tensor, ...]) -> None:
        cost.forwards += len(given[0])

    hook = first.register_forward_pre_hook(enter)
    begin = time.perf_counter()
    try:
        yield cost
    finally:
        if device.type == "cuda":
            torch.cuda.synchronize(device)
        cost.seconds = time.perf_counter() - begin
        hook.remove()


def first_layer(network: nn.Module) -> nn.Module:
    """The first module with parameters of its own and none inside, in the order of definition."""
    leaves = (m for m in network.modules() if next(m.children(), None) is None)
    return next((m for m in leaves if next(m.parameters(recurse=False), None) is not None), network)
