"""Plain data (from JSON or YAML) into frozen dataclasses, with the place of whatever does not fit."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import MISSING, fields, is_dataclass
from types import NoneType, UnionType
from typing import Any, Literal, Union, get_args, get_origin, get_type_hints


class MismatchError(ValueError):
    """A value that is not what the schema says; the message names its place, the value and what was expected."""


def checked(kind: Any, value: object, where: str = "") -> Any:
    """``value`` as a ``kind``: a dataclass, tuple, mapping, literal, optional or plain type, checked all the way down.

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
        return checked(inner, value, where)
    if origin is Literal:
        return value if value in args else _mismatch(where, value, "one of " + ", ".join(map(repr, args)))
    if origin is tuple:
        if not isinstance(value, list):
            return _mismatch(where, value, "a list")
        return tuple(checked(args[0], v, f"{where}[{i}]") for i, v in enumerate(value))
    if origin is not None and issubclass(origin, Mapping):
        return {str(k): checked(args[1], v, _inside(where, str(k))) for k, v in _mapping(value, where).items()}
    if is_dataclass(kind):
        return _dataclass(kind, value, where)
    return _plain(kind, value, where)


def _dataclass(kind: Any, value: object, where: str) -> Any:
    given, hints, found = _mapping(value, where), get_type_hints(kind), {}
    for field in fields(kind):
        place = _inside(where, field.name)
        if field.name in given:
            found[field.name] = checked(hints[field.name], given[field.name], place)
        elif field.default is MISSING and field.default_factory is MISSING:
            raise MismatchError(f"{place} is missing")
    return kind(**found)


def _plain(kind: Any, value: object, where: str) -> Any:
    number = isinstance(value, int | float) and not isinstance(value, bool)
    if kind is object:
        return value
    if kind is float:
        if value is None:
            return float("nan")
        return float(value) if number else _mismatch(where, value, "a number")  # type: ignore[arg-type]
    if kind is int:
        return value if number and isinstance(value, int) else _mismatch(where, value, "a whole number")
    if kind is bool:
        return value if isinstance(value, bool) else _mismatch(where, value, "true or false")
    return value if isinstance(value, kind) else _mismatch(where, value, "text" if kind is str else str(kind))


def _mapping(value: object, where: str) -> Mapping[str, object]:
    mapping: Mapping[str, object] = value if isinstance(value, dict) else _mismatch(where, value, "a mapping")
    return mapping


def _inside(where: str, key: str) -> str:
    return f"{where}.{key}" if where else key


def _mismatch(where: str, value: object, expected: str) -> Any:
    shown = repr(value)
    shown = shown if len(shown) <= 60 else shown[:57] + "..."
    raise MismatchError(f"{where or 'the whole'} is {shown}, expected {expected}")
