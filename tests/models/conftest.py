"""Fixtures of the models' tests."""

from collections.abc import Callable, Iterator
from dataclasses import is_dataclass
from inspect import unwrap
from typing import Any

import pytest
import torch

import regard.types


@pytest.fixture
def one_graph(monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[..., Any]]:
    """Compiles to one graph and calls it, without the shape checks of tests, which break graphs."""
    for kind in vars(regard.types).values():
        if isinstance(kind, type) and is_dataclass(kind):
            monkeypatch.setattr(kind, "__init__", unwrap(kind.__init__))

    def call(module: torch.nn.Module, *args: Any, backend: str = "aot_eager", **kwargs: Any) -> Any:
        torch.compiler.reset()
        return torch.compile(module, fullgraph=True, backend=backend)(*args, **kwargs)

    yield call
    torch.compiler.reset()
