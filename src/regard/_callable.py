"""A package that is called like the function that it is named after.

``regard.explain`` and ``regard.judge`` are packages, and what a user types as functions. Python keeps one attribute of
a name, and any later import of the package would put the package in the function's place; so the package is callable.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from types import ModuleType
from typing import Any


def make_callable(package: str, function: Callable[..., Any]) -> None:
    """Let a call of the package be a call of the function, with its signature and documentation.

    Args:
        package: name of an imported package, ``__name__`` in its ``__init__``.
        function: what a call of the package runs.
    """

    class CallablePackage(ModuleType):
        __wrapped__ = staticmethod(function)  # inspect.signature and IPython's `?` show the function's

        def __call__(self, *args: Any, **options: Any) -> Any:
            return function(*args, **options)

    sys.modules[package].__class__ = CallablePackage
