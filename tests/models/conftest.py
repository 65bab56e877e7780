"""Fixtures of the models' tests."""

import sys
from collections.abc import Callable, Iterator
from dataclasses import is_dataclass
from inspect import unwrap
from typing import Any

import pytest
import torch

import regard.types
from regard.backbones import Cut


@pytest.fixture
def one_graph(monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[..., Any]]:
    """Compiles to one graph and calls it, without the checks of shapes, which only tests have and no graph can hold."""
    for kind in vars(regard.types).values():
        if isinstance(kind, type) and is_dataclass(kind):
            monkeypatch.setattr(kind, "__init__", unwrap(kind.__init__))

    def call(module: torch.nn.Module, *args: Any, backend: str = "aot_eager", **kwargs: Any) -> Any:
        torch.compiler.reset()
        return torch.compile(module, fullgraph=True, backend=backend)(*args, **kwargs)

    yield call
    torch.compiler.reset()


@pytest.fixture
def shapes_only(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Networks without numbers; what has to be computed, whether the attention is a cut, is left out."""
    monkeypatch.setattr(sys.modules["regard.backbones.attach"], "find_cut", lambda *_: Cut(is_cut=True))
    with torch.device("meta"):
        yield
