"""JSON and YAML as plain data, bounded: nesting, whole numbers, and what YAML's aliases unfold to.

A kilobyte of YAML can stand for 10^9 values (aliases of aliases), for itself (a list that holds itself, a mapping that
merges itself) or for thousands of levels; code that walks through it then hangs. Here a document has at most 64 levels
and 100,000 values after its aliases are unfolded.
"""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import yaml

from regard.errors import RegardError
from regard.reading.regular import read_text

_LEVELS = 64
_VALUES = 100_000
_YAML_BYTES = 2**20
_DIGITS = 20
_HUGE = 2**64


class DataError(ValueError):
    """Text that is no JSON or YAML, or exceeds a bound; the message names the place in it."""


def parse_json(text: str) -> Any:
    """JSON as plain data, at most 64 levels deep and with whole numbers below 2^64.

    Raises:
        DataError: anything else.

    >>> parse_json('{"a": [1, 2]}')
    {'a': [1, 2]}
    >>> parse_json("[" * 100 + "]" * 100)
    Traceback (most recent call last):
    regard.reading.plain_data.DataError: more than 64 levels of nesting
    """
    try:
        content = json.loads(text, parse_int=_whole)
    except json.JSONDecodeError as error:
        raise DataError(f"line {error.lineno} is not JSON ({error.msg})") from None
    except RecursionError:
        raise DataError(f"more than {_LEVELS} levels of nesting") from None
    _check_depth(content)
    return content


def _whole(digits: str) -> int:
    if len(digits) > _DIGITS + 1 or abs(number := int(digits)) >= _HUGE:
        raise DataError(f"the whole number {digits[:24]}... is too large")
    return number


def _check_depth(content: Any) -> None:
    """Level by level, since a deep structure cannot be walked through by recursion."""
    level = [content]
    for _ in range(_LEVELS):
        level = [
            inner
            for value in level
            if isinstance(value, dict | list)
            for inner in (value.values() if isinstance(value, dict) else value)
            if isinstance(inner, dict | list)
        ]
        if not level:
            return
    raise DataError(f"more than {_LEVELS} levels of nesting")


class _Loader(yaml.SafeLoader):
    """Plain data alone, names as text; numbers as in YAML 1.2 (``1e-3`` is one), dates stay text."""

    def compose_document(self) -> Any:
        root = super().compose_document()
        _count(root, {}, frozenset())
        return root

    def compose_node(self, parent: Any, index: Any) -> Any:
        self.levels = getattr(self, "levels", 0) + 1
        if self.levels > _LEVELS + 1:
            raise DataError(f"more than {_LEVELS} levels of nesting")
        node = super().compose_node(parent, index)
        self.levels -= 1
        return node

    def construct_mapping(self, node: Any, deep: bool = False) -> dict[Any, Any]:
        for key, _ in node.value:
            if key.tag != "tag:yaml.org,2002:merge" and not isinstance(self.construct_object(key, deep=True), str):
                word = key.value if isinstance(key, yaml.ScalarNode) else "a list or mapping"
                raise DataError(f"line {key.start_mark.line + 1}: the name {word} is no text; put it in quotes")
        return super().construct_mapping(node, deep)

    def construct_yaml_int(self, node: Any) -> int:
        if len(node.value) > 4 * _DIGITS or abs(number := super().construct_yaml_int(node)) >= _HUGE:
            raise DataError(f"line {node.start_mark.line + 1}: the whole number {node.value[:24]}... is too large")
        return number


def _count(node: Any, known: dict[Any, int], around: frozenset[Any]) -> int:
    """Values that a node stands for once its aliases are unfolded."""
    if node is None or isinstance(node, yaml.ScalarNode):
        return 1
    if node in around:
        raise DataError(f"line {node.start_mark.line + 1} holds itself")
    if node not in known:
        inside = [part for pair in node.value for part in (pair if isinstance(pair, tuple) else (pair,))]
        known[node] = 1 + sum(_count(part, known, around | {node}) for part in inside)
        if known[node] > _VALUES:
            raise DataError(f"line {node.start_mark.line + 1} unfolds to more than {_VALUES:,} values")
    return known[node]


_Loader.add_constructor("tag:yaml.org,2002:int", _Loader.construct_yaml_int)
_Loader.yaml_implicit_resolvers = {
    letter: [
        (tag, form) for tag, form in forms if tag not in ("tag:yaml.org,2002:timestamp", "tag:yaml.org,2002:float")
    ]
    for letter, forms in yaml.SafeLoader.yaml_implicit_resolvers.items()
}
_Loader.add_implicit_resolver(
    "tag:yaml.org,2002:float",
    re.compile(
        r"^[-+]?(?:(?:[0-9][0-9_]*\.[0-9_]*|\.[0-9_]+)(?:[eE][-+]?[0-9]+)?|[0-9]+[eE][-+]?[0-9]+"
        r"|\.(?:inf|Inf|INF)|\.(?:nan|NaN|NAN))$"
    ),
    list("-+0123456789."),
)


def parse_yaml(text: str) -> Any:
    """The first YAML document as plain data, at most 64 levels deep and 100,000 values large, without dates.

    Raises:
        DataError: anything else.

    >>> parse_yaml("{lr: 1e-3, name: a}")
    {'lr': 0.001, 'name': 'a'}
    >>> parse_yaml("{1: b}")
    Traceback (most recent call last):
    regard.reading.plain_data.DataError: line 1: the name 1 is no text; put it in quotes
    >>> parse_yaml("a: &a [*a]")
    Traceback (most recent call last):
    regard.reading.plain_data.DataError: line 1 holds itself
    """
    if len(text) > _YAML_BYTES:
        raise DataError(f"more than {_YAML_BYTES:,} characters")
    try:
        return yaml.load(text, Loader=_Loader)
    except yaml.YAMLError as error:
        raise DataError(f"not YAML: {' '.join(str(error).split())}") from None
    except DataError:
        raise
    except (ValueError, TypeError, AttributeError, LookupError, RecursionError) as error:  # of PyYAML's constructors
        raise DataError(f"not YAML: {error}") from None


def read_json_file(path: str | Path, remedy: str) -> Any:
    """`parse_json` of a file.

    Raises:
        RegardError: it is missing, unreadable or no such JSON; the message ends with ``remedy``.
    """
    return _read(path, parse_json, remedy)


def read_yaml_file(path: str | Path, remedy: str) -> Any:
    """`parse_yaml` of a file.

    Raises:
        RegardError: it is missing, unreadable or no such YAML; the message ends with ``remedy``.
    """
    return _read(path, parse_yaml, remedy)


def _read(path: str | Path, parse: Any, remedy: str) -> Any:
    try:
        return parse(read_text(path, remedy))
    except DataError as error:
        raise RegardError(f"{path}: {error}; {remedy}") from None
