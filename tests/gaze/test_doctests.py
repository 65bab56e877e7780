"""The examples in the room's docstrings are true."""

import doctest
import importlib

import pytest


@pytest.mark.parametrize("name", ["fixations", "density", "tables", "readers"])
def test_examples_of_a_module_hold(name):
    result = doctest.testmod(importlib.import_module(f"regard.gaze.{name}"))
    assert result.failed == 0
    assert result.attempted > 0
