"""``config.json`` of a shared model, checked: exactly what ``save_pretrained`` writes, with sizes that fit a machine.

Somebody else's configuration reaches constructors of timm and torchvision. So it holds the constructor's own arguments
and plain data alone, nothing that fetches or opens (pretrained weights, addresses, checkpoints), and numbers within
bounds; and while the network is built, `bounded_building` refuses tensors that are out of proportion to the weights
that the file beside it holds.
"""

from __future__ import annotations

import inspect
import math
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from types import NoneType, UnionType
from typing import Any, Literal, Union, get_args, get_origin, get_type_hints

import torch
from torch.utils._python_dispatch import TorchDispatchMode

from regard.reading import read_json_file
from regard.types import RegardError

SCHEMA = 2
_REMEDY = "take a model that `save_pretrained` wrote"
_NUMBER = 2**20
"""Largest whole number in a configuration: classes, channels, dimensions, pixels."""
_SIDE = 4096
_LIST = 2**15
_FETCHING = ("pretrained", "checkpoint", "weights", "url", "hub", "cache_dir", "file", "path", "state_dict", "source")
"""Parts of names of options that load or fetch something."""
_MAX_ELEMENTS = 2**28
_MAX_TENSORS = 200_000


def read_config(path: Path, kinds: Sequence[type[Any]]) -> tuple[type[Any], dict[str, Any]]:
    """The class that wrote a ``config.json``, one of some, and its constructor's arguments.

    Raises:
        RegardError: another file, schema or class, an argument that the constructor does not have or of another type,
            an option that fetches, or a size out of bounds; the argument and its value are named.
    """
    try:
        content = read_json_file(path, _REMEDY)
    except RegardError as error:
        raise RegardError(f"from_pretrained: {path} does not describe a model: {error}") from error
    if not isinstance(content, dict) or content.keys() != {"schema", "class", "arguments"}:
        raise RegardError(f"from_pretrained: {path} does not describe a model; {_REMEDY}")
    kind = next((kind for kind in kinds if kind.__name__ == content["class"]), None)
    if content["schema"] not in (1, SCHEMA) or kind is None:
        raise RegardError(
            f"from_pretrained: {path} is schema {_short(content['schema'])} of {_short(content['class'])}; "
            f"this version reads schema {SCHEMA} of {' or '.join(kind.__name__ for kind in kinds)}"
        )
    arguments, problem = content["arguments"], _problem(content["arguments"], kind)
    if problem:
        raise RegardError(f"from_pretrained: {path}: {problem}; {_REMEDY}")
    if content["schema"] == 1:
        arguments = _upgraded(arguments)
    return kind, {**arguments, "input_size": tuple(arguments["input_size"])}


def _upgraded(arguments: dict[str, Any]) -> dict[str, Any]:
    """Arguments of a model of version 0.1, whose random maps learned their spread and whose networks had one path's
    statistics.
    """
    learned = str(arguments.get("attention", "noise")) in ("noise", "variational+noise")
    options = dict(arguments.get("attention_options") or {})
    if learned and "initial_std" not in options:
        options.setdefault("learned_std", True)
    return arguments | {"statistics": "shared", "attention_options": options or None}


def _problem(arguments: Any, kind: type) -> str:
    if not isinstance(arguments, dict):
        return f"arguments is {_short(arguments)}, expected the constructor's arguments by name"
    parameters = inspect.signature(kind).parameters
    allowed, hints = parameters.keys() - {"self", "pretrained"}, get_type_hints(kind.__init__)
    if unknown := sorted(arguments.keys() - allowed):
        return f"arguments.{_short(unknown[0])} is none that {kind.__name__} writes"
    needed = {name for name in allowed if parameters[name].default is inspect.Parameter.empty} | {"input_size"}
    if missing := sorted(needed - arguments.keys()):
        return f"arguments.{missing[0]} is missing"
    for name, value in arguments.items():
        if not _fits(value, hints[name]):
            return f"arguments.{name} is {_short(value)}, expected {_words(hints[name])}"
        if problem := _unsafe(value, f"arguments.{name}"):
            return problem
    sides = arguments["input_size"]
    if len(sides) not in (2, 3) or not all(isinstance(side, int) and 0 < side <= _SIDE for side in sides):
        return f"arguments.input_size is {_short(sides)}, expected (H, W) or (C, H, W), each 1 to {_SIDE}"
    return ""


def _fits(value: Any, hint: Any) -> bool:
    """Whether JSON's value is one that ``save_pretrained`` writes for an argument of this type."""
    origin, args = get_origin(hint), get_args(hint)
    if origin in (Union, UnionType):
        return any(_fits(value, inner) for inner in args)
    if origin is Literal:
        return value in args
    if hint in (NoneType, None):
        return value is None
    if hint in (bool, str):
        return isinstance(value, hint)
    if hint in (int, float):
        number = isinstance(value, int if hint is int else int | float)
        return number and not isinstance(value, bool)
    if isinstance(origin, type) and issubclass(origin, Mapping):
        return isinstance(value, dict)
    if isinstance(origin, type) and origin is not type and not _is_callable(origin):
        return isinstance(value, list) and all(
            any(_fits(v, inner) for inner in args if inner is not ...) for v in value
        )
    return False  # objects and functions cannot be written


def _is_callable(origin: type) -> bool:
    return origin.__name__ == "Callable"


def _unsafe(value: Any, where: str) -> str:
    """The first part of a value that fetches, or is out of bounds; empty where there is none."""
    if isinstance(value, bool) or value is None:
        return ""
    if isinstance(value, int | float):
        wrong = not math.isfinite(value) or (isinstance(value, int) and abs(value) > _NUMBER)
        return f"{where} is {_short(value)}, expected a number of at most {_NUMBER:,}" if wrong else ""
    if isinstance(value, str):
        return f"{where} is a text of {len(value):,} characters" if len(value) > 1000 else ""
    if len(value) > _LIST:
        return f"{where} has {len(value):,} entries, more than {_LIST:,}"
    if isinstance(value, dict):
        for key in value:
            if any(part in key.lower() for part in _FETCHING):
                return f"{where}.{_short(key)} loads or fetches something, which a shared model may not"
    parts = value.items() if isinstance(value, dict) else enumerate(value)
    return next((problem for key, inner in parts if (problem := _unsafe(inner, f"{where}.{_short(key)}"))), "")


def _words(hint: Any) -> str:
    return str(getattr(hint, "__name__", hint)).replace("typing.", "").replace("collections.abc.", "")


def _short(value: Any) -> str:
    text = value if isinstance(value, str) else repr(value)
    return text if len(text) <= 60 else text[:57] + "..."


class _Bounded(TorchDispatchMode):
    """Refuses to make more, or larger, tensors than a network with these weights needs."""

    def __init__(self, elements: int) -> None:
        super().__init__()
        self.most, self.tensors = max(8 * elements, _MAX_ELEMENTS), 0

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        sizes = args[0] if args and isinstance(args[0], list | tuple) else ()
        if sizes and all(isinstance(side, int) for side in sizes):
            self.tensors += 1
            if math.prod(sizes) > self.most or self.tensors > _MAX_TENSORS:
                raise RegardError(
                    f"the configuration asks for a tensor of {tuple(sizes)}, or for very many, out of proportion to "
                    f"the weights; {_REMEDY}"
                )
        return func(*args, **(kwargs or {}))


@contextmanager
def bounded_building(elements: int) -> Iterator[None]:
    """Inside, tensors are refused before memory is taken for them if they have more than 2^28 values, or eight times
    as many as ``elements``, the number of values in the weights; and so are more than 200,000 tensors.
    """
    with _Bounded(elements):
        yield


def elements_of(state: Mapping[str, torch.Tensor]) -> int:
    """How many values the weights hold."""
    return sum(tensor.numel() for tensor in state.values())
