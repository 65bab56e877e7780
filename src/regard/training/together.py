"""Fields of one part of a recipe, written together: ``--align gaze=osie,loss=kl,weight=1``."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import is_dataclass

from regard.training.recipe import Recipe

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
