"""Options of explanation methods, as the command line gives them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import yaml

from regard.explain import METHODS
from regard.types import RegardError


def parse_options(given: Sequence[str]) -> dict[str, dict[str, Any]]:
    """Options of methods out of ``method.name=value``; values as in YAML.

    >>> parse_options(["rise.samples=200", "rise.score=logit"])
    {'rise': {'samples': 200, 'score': 'logit'}}
    """
    parsed: dict[str, dict[str, Any]] = {}
    for text in given:
        path, equals, value = text.partition("=")
        method, dot, name = path.partition(".")
        if not (equals and dot and name) or method not in METHODS:
            raise RegardError(f"--option {text}: METHOD.NAME=VALUE is needed; methods: {', '.join(METHODS)}")
        parsed.setdefault(method, {})[name] = yaml.safe_load(value)
    return parsed
