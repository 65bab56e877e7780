"""Files that stand around recipes, such as a table's: a dataclass as YAML, found by its path or its name in a folder.

Not here: recipes themselves (``parsing``), whose fields are also arguments of the command line.
"""

from __future__ import annotations

import argparse
from dataclasses import fields
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

import yaml
from jsonargparse import ArgumentParser

from regard.types import RegardError

if TYPE_CHECKING:
    from _typeshed import DataclassInstance


Held = TypeVar("Held", bound="DataclassInstance")


def find_yaml(what: str, name: str, folder: Path) -> Path:
    """A file: a path, or a name in the folder.

    Args:
        what: it is, for errors.
        name: path or name.
        folder: where such files stand.

    Raises:
        RegardError: there is none; those that are there are listed.
    """
    for path in (Path(name), folder / f"{name}.yaml"):
        if path.is_file():
            return path
    known = ", ".join(sorted(p.stem for p in folder.glob("*.yaml"))) or "none here"
    raise RegardError(f"{what} {name!r}: no such file, and none of that name in {folder} (there: {known})")


def read_yaml(kind: type[Held], path: Path, *, help: str) -> Held:
    """What a file holds.

    Args:
        kind: of dataclass.
        path: of the file.
        help: where it is said what such a file holds, for errors.

    Raises:
        RegardError: an unknown field, or what the dataclass or one in it refuses; named with the file.
    """
    parser = ArgumentParser(exit_on_error=False, default_env=False)
    parser.add_class_arguments(kind, None)
    try:
        built = parser.instantiate(parser.parse_object(yaml.safe_load(path.read_text(encoding="utf-8"))))
        return kind(**{field.name: getattr(built, field.name) for field in fields(kind)})
    except RegardError as error:
        raise RegardError(f"{path}: {error}") from None
    except (argparse.ArgumentError, yaml.YAMLError, TypeError, ValueError, OSError, AttributeError) as error:
        raise RegardError(f"{path}: {' '.join(str(error).split())}; {help}") from None
