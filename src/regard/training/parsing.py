"""Recipes as files and command lines, and the YAML files that stand around them, such as a table's.

Any field can be overridden, alone (``--align.gaze osie``) or several of one part together (``--align
gaze=osie,loss=kl``); an unknown name is an error that lists the near ones. Nothing here imports torch.
"""

from __future__ import annotations

import argparse
import copy
import difflib
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, fields, is_dataclass
from functools import cache
from importlib.resources import files
from pathlib import Path
from types import NoneType, UnionType
from typing import TYPE_CHECKING, Any, TypeVar, Union, get_args, get_origin, get_type_hints

import yaml
from jsonargparse import ActionConfigFile, ArgumentParser, set_loader, set_parsing_settings  # type: ignore[attr-defined]

from regard.errors import RegardError
from regard.files import write_atomically
from regard.reading import DataError, parse_yaml, read_yaml_file, regular_file
from regard.training.recipe import Recipe

if TYPE_CHECKING:
    from _typeshed import DataclassInstance

DataclassT = TypeVar("DataclassT", bound="DataclassInstance")

_MODE = "regard"
"""Name, for jsonargparse, of YAML with bounds: a file of a kilobyte can otherwise unfold without end."""


def _value(text: str) -> Any:
    """An option's value; text such as ``{a}`` or ``a:``, which YAML takes for a mapping to nothing, stays text, and so
    does one such as ``#a``, which it takes for a comment.
    """
    value = parse_yaml(text)
    if value is None and text.strip().startswith("#"):
        return text
    return text if isinstance(value, dict) and value and not any(v is not None for v in value.values()) else value


set_loader(_MODE, _value, (DataError,))

_FIELD_SEPARATOR = re.compile(r",(?=\w[\w.]*=)(?![^\[{(]*[\])}])")
"""A comma before ``name=`` that no bracket closes around."""


RECIPES = Path(str(files("regard"))) / "recipes"
"""Where the recipes of this package are; its tables and studies are in folders of it."""
_RECIPES = f"recipes are YAML files, as those in {RECIPES}"


_LISTS = tuple(
    f"--{part}.{field.name}"
    for part, value in vars(Recipe()).items()
    if is_dataclass(value)
    for field in fields(value)
    if str(field.type).startswith("list[")
)
"""Fields of a recipe that are lists and nothing else."""


def _split_fields(arguments: Sequence[str]) -> list[str]:
    """The same arguments with one field each: ``--align gaze=osie,weight=1`` -> ``--align.gaze=osie --align.weight=1``.

    Arguments that are no part of a recipe, or hold no ``name=``, stay as they are; the name of a recipe of this package
    becomes its path.
    """
    given = list(arguments)
    for k, word in enumerate(arguments):  # the parser would read any file, at any length
        before = arguments[k - 1] if k else ""
        name = word.removeprefix("--recipe=") if word.startswith("--recipe=") else word if before == "--recipe" else ""
        if name:
            path = Path(name) if Path(name).exists() else find_yaml("recipe", name, RECIPES)
            read_yaml_file(path, _RECIPES)
            given[k] = word.removesuffix(name) + str(path)
    parts = {name for name, value in vars(Recipe()).items() if is_dataclass(value)}
    separate, rest = [], given
    while rest:
        word = rest.pop(0)
        part, equals, value = word.removeprefix("--").partition("=")
        if not word.startswith("--") or part not in parts or not (equals or rest):
            separate.append(word)
            continue
        value = value if equals else rest.pop(0)
        if re.match(r"\w[\w.]*=", value):
            separate += [f"--{part}.{field}" for field in _FIELD_SEPARATOR.split(value)]
        else:
            separate.append(f"--{part}={value}")
    return _as_lists(separate)


def _as_lists(arguments: Sequence[str]) -> list[str]:
    """``--model.at stage2,stage3`` -> ``--model.at=[stage2,stage3]``: a list needs no brackets."""
    joined, rest = [], list(arguments)
    while rest:
        word = rest.pop(0)
        name, equals, value = word.partition("=")
        if name in _LISTS and (equals or rest):
            value = value if equals else rest.pop(0)
            word = f"{name}={value if value.startswith('[') or value == 'null' else f'[{value}]'}"
        joined.append(word)
    return joined


def recipe_parser(description: str = "") -> ArgumentParser:
    """A parser of ``--recipe FILE`` and of every field of a recipe; with a description, its help explains each."""
    if description:
        set_parsing_settings(docstring_parse_attribute_docstrings=True)
    parser = ArgumentParser(
        description=description, exit_on_error=False, default_env=False, allow_abbrev=False, parser_mode=_MODE
    )
    parser.add_argument(
        "--recipe",
        action=ActionConfigFile,
        help="a recipe: a file, or the name of one that comes along: " + ", ".join(_names(RECIPES)) + ". Later "
        "arguments override it",
    )
    parser.add_class_arguments(Recipe, None)
    return parser


def parse_recipe(arguments: Sequence[str], parser: ArgumentParser | None = None) -> Recipe:
    """A recipe from ``--recipe FILE --part.field value --part field=value,field=value ...``.

    Raises:
        RegardError: an unknown or ill-typed field, with the near ones.
    """
    parser = parser or recipe_parser()
    return _read_recipe(parser, lambda: parser.parse_args(_split_fields(arguments)))


def parse_fields(arguments: Sequence[str]) -> dict[str, Any]:
    """The fields that a command line and its ``--recipe`` file give, nested, without defaults; see `fit_recipe`.

    Raises:
        RegardError: an unknown or ill-typed field, with the near ones.
    """
    parser = recipe_parser()
    try:
        given = parser.parse_args(_split_fields(arguments), defaults=False)
    except (argparse.ArgumentError, TypeError, ValueError, OSError) as error:
        raise RegardError(_explain(str(error), parser)) from None
    parts = {name: value for name, value in given.as_dict().items() if name != "recipe"}
    _refuse_null(Recipe, parts)
    for name, whole in vars(Recipe()).items():
        if is_dataclass(whole) and isinstance(parts.get(name), dict):
            type(whole)(**parts[name])  # the rules of one part, before anything that imports torch
    return parts


def load_recipe(path: Path) -> Recipe:
    """The recipe in a file.

    Raises:
        RegardError: there is no such file, or it holds an unknown or ill-typed field.
    """
    regular_file(path, _RECIPES, what="recipe")
    try:
        values = read_yaml_file(path, _RECIPES)
    except RegardError as error:
        raise RegardError(f"recipe: {error}") from error
    if not isinstance(values, dict):
        raise RegardError(f"recipe: {path}: holds no fields; {_RECIPES}")
    return recipe_from(values)


def recipe_from(values: Mapping[str, Any]) -> Recipe:
    """A recipe from nested plain data, as `dataclasses.asdict` makes of one; what is absent takes its default.

    Raises:
        RegardError: an unknown or ill-typed field, with the near ones.
    """
    parser = _shared_parser()
    return _read_recipe(parser, lambda: parser.parse_object(copy.deepcopy(dict(values))))


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
            raise RegardError(_explain(f"unrecognized arguments: --{path}", _shared_parser()))
        inner[last] = copy.deepcopy(value)
    return recipe_from(values)


@cache
def _shared_parser() -> ArgumentParser:
    """One parser for all plain data: it costs more to build than to use."""
    return recipe_parser()


def dump_recipe(recipe: Recipe) -> str:
    """YAML with every field, so that the run can be repeated whatever the defaults become."""
    return str(yaml.safe_dump(asdict(recipe), sort_keys=False))


def save_recipe(recipe: Recipe, path: Path) -> None:
    """Writes a recipe for `load_recipe`."""
    write_atomically(path, dump_recipe(recipe))


def find_yaml(what: str, name: str, folder: Path) -> Path:
    """The path ``name``, or the file of that name in the folder; ``what`` is the kind of file, for errors.

    A path that begins with ``recipes/`` is also one inside of this package, as in the commands of version 0.1.

    Raises:
        RegardError: there is none; those that are there are listed.
    """
    packaged = RECIPES.parent / name if name.startswith("recipes/") and ".." not in Path(name).parts else folder
    for path in (Path(name), folder / f"{name}.yaml", packaged):
        if path.is_file():
            return path
    known = ", ".join(_names(folder)) or "none here"
    raise RegardError(f"{what} {name!r}: no such file, and none of that name in {folder} (there: {known})")


def _names(folder: Path) -> list[str]:
    return sorted(path.stem for path in folder.glob("*.yaml"))


def read_yaml(kind: type[DataclassT], path: Path, *, help: str) -> DataclassT:
    """The dataclass in a file; ``help`` says where the format is described, for errors.

    Raises:
        RegardError: an unknown field, or what the dataclass or one in it refuses; named with the file.
    """
    parser = ArgumentParser(exit_on_error=False, default_env=False, parser_mode=_MODE)
    parser.add_class_arguments(kind, None)
    values = read_yaml_file(path, help)
    try:
        return _instantiate(kind, parser, parser.parse_object(values))
    except RegardError as error:
        raise RegardError(f"{path}: {error}") from None
    except (argparse.ArgumentError, TypeError, ValueError, OSError, AttributeError) as error:
        raise RegardError(f"{path}: {' '.join(str(error).split())}; {help}") from None


def _read_recipe(parser: ArgumentParser, parse: Callable[[], Any]) -> Recipe:
    try:
        return _instantiate(Recipe, parser, parse())
    except (argparse.ArgumentError, TypeError, ValueError, OSError) as error:
        raise RegardError(_explain(str(error), parser)) from None


def _refuse_null(kind: type, values: Mapping[str, Any], place: str = "") -> None:
    """Raises RegardError where a field is null that needs a value, which the parser does not mind."""
    for name, hint in get_type_hints(kind).items():
        value = values.get(name)
        kinds = get_args(hint) if get_origin(hint) in (Union, UnionType) else (hint,)
        if name in values and value is None and not {Any, NoneType} & set(kinds):
            raise RegardError(f"{place}{name}: null, but a value is needed; leave the field out for its default")
        for inner in kinds:
            if isinstance(inner, type) and is_dataclass(inner) and isinstance(value, Mapping):
                _refuse_null(inner, value, f"{place}{name}.")


def _instantiate(kind: type[DataclassT], parser: ArgumentParser, values: Any) -> DataclassT:
    _refuse_null(kind, values.as_dict())
    parts = parser.instantiate(values)
    return kind(**{field.name: getattr(parts, field.name) for field in fields(kind)})


def _explain(message: str, parser: ArgumentParser) -> str:
    """The parser's message on one line, with the fields whose names come near to the one it did not know."""
    known = [key for key in parser.get_defaults().keys() if key != "recipe"]  # noqa: SIM118 (not a dict)
    message = " ".join(message.split())
    group = re.search(r"Group '([\w.]+)'", message)
    unknown = re.search(r"(?:arguments: --|[Oo]ption ')([\w.]+)", message)
    if unknown is None:
        return f"recipe: {message}. `regard train --help-all` lists every field"
    word = f"{group.group(1)}.{unknown.group(1)}" if group else unknown.group(1)
    leaves = {key.rsplit(".", 1)[-1]: key for key in known}
    near = difflib.get_close_matches(word, known, n=3, cutoff=0.8)
    near = near or [leaves[leaf] for leaf in difflib.get_close_matches(word.rsplit(".", 1)[-1], leaves, n=3)]
    hint = f"Did you mean {' or '.join(near)}?" if near else "`regard train --help-all` lists every field"
    return f"recipe: {message}. {hint}"
