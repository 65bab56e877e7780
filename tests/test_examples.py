"""The examples in docstrings run and print what they say."""

import doctest
import importlib
import inspect
from pathlib import Path
from types import ModuleType

import pytest

import regard

PACKAGE = Path(regard.__file__).parent
MODULES = [
    ".".join(("regard", *file.relative_to(PACKAGE).with_suffix("").parts))
    for file in sorted(PACKAGE.rglob("*.py"))
    if ">>> " in file.read_text(encoding="utf-8")
]


@pytest.mark.parametrize("name", MODULES)
def test_examples_run(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("REGARD_CACHE", str(tmp_path / "cache"))
    results = doctest.testmod(importlib.import_module(name))
    assert results.attempted > 0
    assert results.failed == 0


@pytest.mark.parametrize("name", regard.__all__)
def test_what_a_user_types_has_an_example(name: str) -> None:
    thing = getattr(regard, name)
    if isinstance(thing, ModuleType) and hasattr(thing, "__wrapped__"):
        thing = thing.__wrapped__
    if callable(thing):
        assert ">>> " in (inspect.getdoc(thing) or "")
