"""Recipes as files and as command lines: any field can be overridden, a mistake is answered with the near ones.

Fields of one part of a recipe, written together: ``--align gaze=osie,loss=kl,weight=1``.
"""

from __future__ import annotations

import argparse
import copy
import difflib
import re
from collections.abc import Mapping, Sequence
from dataclasses import asdict, is_dataclass
from functools import cache
from pathlib import Path
from typing import Any

import yaml
from jsonargparse import ActionConfigFile, ArgumentParser  # type: ignore[attr-defined]

from regard.files import write_atomically
from regard.training.recipe import Recipe
from regard.types import RegardError

_BETWEEN = re.compile(r",(?=\w[\w.]*=)(?![^\[{(]*[\])}])")
"""A comma before ``name=`` that no bracket closes around."""


def apart(arguments: Sequence[str]) -> list[str]:
    """The same arguments with one field each: ``--align gaze=osie,weight=1`` -> ``--align.gaze=osie --align.weight=1``.

    Args:
        arguments: of a command line; those that are no part of a recipe, or hold no ``name=``, stay as they are.
    """
    parts = {name for name, value in vars(Recipe()).items() if is_dataclass(value)}
    found, waiting = [], list(arguments)
    while waiting:
        word = waiting.pop(0)
        part, equals, value = word.removeprefix("--").partition("=")
        if not word.startswith("--") or part not in parts or not (equals or waiting):
            found.append(word)
            continue
        value = value if equals else waiting.pop(0)
        if re.match(r"\w[\w.]*=", value):
            found += [f"--{part}.{field}" for field in _BETWEEN.split(value)]
        else:
            found.append(f"--{part}={value}")
    return found


def recipe_parser(description: str = "") -> ArgumentParser:
    """A parser of ``--recipe FILE`` and of every field of a recipe."""
    parser = ArgumentParser(description=description, exit_on_error=False, default_env=False, allow_abbrev=False)
    parser.add_argument("--recipe", action=ActionConfigFile, help="a recipe file; later arguments override it")
    parser.add_class_arguments(Recipe, None)
    return parser


def parse_recipe(arguments: Sequence[str], parser: ArgumentParser | None = None) -> Recipe:
    """A recipe from ``--recipe FILE --part.field value --part field=value,field=value ...``.

    Raises:
        RegardError: an unknown or ill-typed field, with the near ones.
    """
    parser = parser or recipe_parser()
    try:
        values = parser.parse_args(apart(arguments))
        built = parser.instantiate(values)
    except (argparse.ArgumentError, TypeError, ValueError, OSError) as error:
        raise RegardError(_explain(str(error), fields(parser))) from None
    return Recipe(**{name: getattr(built, name) for name in Recipe.__dataclass_fields__})


def load_recipe(path: Path) -> Recipe:
    """The recipe in a file."""
    if not path.is_file():
        raise RegardError(f"{path}: no such recipe; recipes are YAML files, see recipes/")
    return parse_recipe(["--recipe", str(path)])


def recipe_from(values: Mapping[str, Any]) -> Recipe:
    """A recipe from nested plain data, as `dataclasses.asdict` makes of one; what is absent takes its default.

    Raises:
        RegardError: an unknown or ill-typed field, with the near ones.
    """
    parser = _reader()
    try:
        built = parser.instantiate(parser.parse_object(copy.deepcopy(dict(values))))
    except (argparse.ArgumentError, TypeError, ValueError, OSError) as error:
        raise RegardError(_explain(str(error), fields(parser))) from None
    return Recipe(**{name: getattr(built, name) for name in Recipe.__dataclass_fields__})


def override(recipe: Recipe, changes: Mapping[str, Any]) -> Recipe:
    """The recipe with other values in some fields, ``{"model.latent": 8, "data.options.size": 32}``.

    Raises:
        RegardError: no such field, with the near ones, or a value that does not fit.
    """
    values = asdict(recipe)
    for path, value in changes.items():
        *parts, last = path.split(".")
        inner: Any = values
        for part in parts:
            inner = inner.get(part) if isinstance(inner, dict) else None
        if not isinstance(inner, dict) or (not parts and isinstance(inner.get(last), dict)):
            raise RegardError(_explain(f"unrecognized arguments: --{path}", fields(_reader())))
        inner[last] = copy.deepcopy(value)
    return recipe_from(values)


@cache
def _reader() -> ArgumentParser:
    """One parser for all plain data: it costs more to build than to use."""
    return recipe_parser()


def save_recipe(recipe: Recipe, path: Path) -> None:
    """Every field, so that the run can be repeated whatever the defaults become."""
    write_atomically(path, yaml.safe_dump(asdict(recipe), sort_keys=False))


def fields(parser: ArgumentParser) -> list[str]:
    """All fields of a recipe, ``part.field``."""
    return [key for key in parser.get_defaults().keys() if key != "recipe"]  # noqa: SIM118 (not a dict)


def _explain(message: str, known: list[str]) -> str:
    """The parser's message on one line, with the fields whose names come near to the one it did not know."""
    message = " ".join(message.split())
    group = re.search(r"Group '([\w.]+)'", message)
    unknown = re.search(r"(?:arguments: --|[Oo]ption ')([\w.]+)", message)
    if unknown is None:
        return f"recipe: {message}. `regard train --help` lists every field"
    word = f"{group.group(1)}.{unknown.group(1)}" if group else unknown.group(1)
    leaves = {key.rsplit(".", 1)[-1]: key for key in known}
    near = difflib.get_close_matches(word, known, n=3, cutoff=0.8)
    near = near or [leaves[leaf] for leaf in difflib.get_close_matches(word.rsplit(".", 1)[-1], leaves, n=3)]
    hint = f"Did you mean {' or '.join(near)}?" if near else "`regard train --help` lists every field"
    return f"recipe: {message}. {hint}"
