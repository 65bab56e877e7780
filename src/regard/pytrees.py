"""Output types as pytrees: what torch walks through when it exports, counts, copies or maps over an output.

A field that holds a tensor, or a tuple of such, is a branch; one that is None or plain data (a unit) belongs to the
structure, so that ``tree_map(torch.Tensor.cpu, output)`` gives the same output on another device.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import fields
from typing import Any, TypeVar

from torch.utils import _pytree as pytree

_T = TypeVar("_T")
_PLAIN = (str, int, float, bool, type(None))
_Context = tuple[tuple[str, ...], tuple[tuple[str, Any], ...]]


def register_output(kind: type[_T]) -> type[_T]:
    """Makes a frozen dataclass a pytree; a decorator, put above ``@dataclass``.

    >>> import torch
    >>> from regard.types import Map
    >>> leaves, structure = torch.utils._pytree.tree_flatten(Map(torch.zeros(1, 1, 2, 2), "bits"))
    >>> len(leaves), torch.utils._pytree.tree_unflatten([torch.ones(1, 1, 2, 2)], structure).unit
    (1, 'bits')
    """

    def split(output: Any) -> tuple[list[Any], _Context]:
        values = [(field.name, getattr(output, field.name)) for field in fields(kind)]  # type: ignore[arg-type]
        branches = [(name, value) for name, value in values if not isinstance(value, _PLAIN)]
        plain = tuple((name, value) for name, value in values if isinstance(value, _PLAIN))
        return [value for _, value in branches], (tuple(name for name, _ in branches), plain)

    def join(branches: Iterable[Any], context: _Context) -> Any:
        names, plain = context
        output = object.__new__(kind)  # leaves may be of any type, so nothing is checked or set by a constructor
        for name, value in (*zip(names, branches, strict=True), *plain):
            object.__setattr__(output, name, value)
        return output

    def split_by_name(output: Any) -> tuple[list[Any], _Context]:
        branches, context = split(output)
        return [(pytree.GetAttrKey(name), value) for name, value in zip(context[0], branches, strict=True)], context

    def read_context(text: str) -> _Context:
        names, plain = json.loads(text)
        return tuple(names), tuple((name, value) for name, value in plain)

    pytree.register_pytree_node(
        kind,
        split,
        join,
        serialized_type_name=f"{kind.__module__}.{kind.__qualname__}",
        to_dumpable_context=json.dumps,
        from_dumpable_context=read_context,
        flatten_with_keys_fn=split_by_name,
    )
    return kind
