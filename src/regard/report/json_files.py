"""Dataclasses from and to JSON: one schema for what is written and what is read.

A number that is undefined (NaN, infinite) is written as ``null``, and ``null`` where a float belongs is read as NaN.
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from dataclasses import MISSING, fields, is_dataclass
from pathlib import Path
from types import NoneType, UnionType
from typing import Any, Literal, NoReturn, TypeVar, Union, get_args, get_origin, get_type_hints

from regard.files import write_json
from regard.reading import read_json_file
from regard.types import RegardError

_T = TypeVar("_T")
NOT_STORED = {"stored": False}
"""``metadata`` of a dataclass's field that is not written; it is read where a file holds it."""


def to_json(value: Any) -> Any:
    """A dataclass as what ``json.dumps`` takes: fields under their names, tuples as lists, undefined numbers as None.

    >>> from regard.report import Difference
    >>> to_json(Difference("minus random, paired", 0.25))
    {'label': 'minus random, paired', 'value': 0.25, 'low': None, 'high': None}
    """
    if is_dataclass(value) and not isinstance(value, type):
        stored = [column.name for column in fields(value) if column.metadata.get("stored", True)]
        return {name: to_json(getattr(value, name)) for name in stored}
    if isinstance(value, Mapping):
        return {str(key): to_json(inner) for key, inner in value.items()}
    if isinstance(value, list | tuple):
        return [to_json(inner) for inner in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value


def json_text(value: Any, *, indent: int | None = 1) -> str:
    """`to_json` as text that ends with a newline; the same value gives the same text."""
    return json.dumps(to_json(value), indent=indent, allow_nan=False) + "\n"


def write_dataclass(file: Path, value: Any, *, indent: int | None = 1) -> Path:
    """Write a dataclass, or a list or mapping of them, as JSON, whole or not at all; missing folders are made."""
    return write_json(file, to_json(value), indent=indent, parents=True)


def read_dataclass(file: Path, kind: type[_T], remedy: str) -> _T:
    """Read a JSON file as a ``kind``, checked.

    Raises:
        RegardError: the file is missing or does not fit; the message names file and place and ends with ``remedy``.
    """
    try:
        value: _T = from_json(kind, read_json_file(file, remedy))
    except MismatchError as error:
        corrupt(file, str(error), remedy)
    return value


def corrupt(file: Path, problem: str, remedy: str) -> NoReturn:
    """Raise RegardError for a file whose content does not fit."""
    raise RegardError(f"{file}: {problem}; {remedy}")


class MismatchError(ValueError):
    """A value that is not what the schema says; the message names its place, the value and what was expected."""


def from_json(kind: Any, value: object, where: str = "") -> Any:
    """``value`` as a ``kind``: a dataclass, tuple, mapping, literal, optional or plain type, checked recursively.

    Unknown keys of a mapping are ignored, absent ones take the dataclass's default. ``null`` for a float means
    undefined and becomes NaN; for anything else it must be allowed by the type.

    Raises:
        MismatchError: the first place where value and type disagree.
    """
    origin, args = get_origin(kind), get_args(kind)
    if origin in (Union, UnionType):
        if value is None and NoneType in args:
            return None
        (inner,) = (a for a in args if a is not NoneType)
        return from_json(inner, value, where)
    if origin is Literal:
        return value if value in args else _mismatch(where, value, "one of " + ", ".join(map(repr, args)))
    if origin is tuple:
        if not isinstance(value, list):
            return _mismatch(where, value, "a list")
        return tuple(from_json(args[0], v, f"{where}[{i}]") for i, v in enumerate(value))
    if origin is not None and issubclass(origin, Mapping):
        return {str(k): from_json(args[1], v, _inside(where, str(k))) for k, v in _mapping(value, where).items()}
    if is_dataclass(kind):
        return _dataclass(kind, value, where)
    return _plain(kind, value, where)


def _dataclass(kind: Any, value: object, where: str) -> Any:
    entries, hints, arguments = _mapping(value, where), get_type_hints(kind), {}
    for column in fields(kind):
        place = _inside(where, column.name)
        if column.name in entries:
            arguments[column.name] = from_json(hints[column.name], entries[column.name], place)
        elif column.default is MISSING and column.default_factory is MISSING:
            raise MismatchError(f"{place} is missing")
    return kind(**arguments)


def _plain(kind: Any, value: object, where: str) -> Any:
    if kind is float and value is None:
        return float("nan")
    whole = isinstance(value, int) and not isinstance(value, bool)
    fits = {float: whole or isinstance(value, float), int: whole}.get(kind, isinstance(value, kind))
    names = {float: "a number", int: "a whole number", bool: "true or false", str: "text"}
    if not fits:
        _mismatch(where, value, names.get(kind, str(kind)))
    return float(value) if kind is float else value  # type: ignore[arg-type]


def _mapping(value: object, where: str) -> Mapping[str, object]:
    mapping: Mapping[str, object] = value if isinstance(value, dict) else _mismatch(where, value, "a mapping")
    return mapping


def _inside(where: str, key: str) -> str:
    return f"{where}.{key}" if where else key


def _mismatch(where: str, value: object, expected: str) -> Any:
    text = repr(value)
    text = text if len(text) <= 60 else text[:57] + "..."
    raise MismatchError(f"{where or 'the whole'} is {text}, expected {expected}")
