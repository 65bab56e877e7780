"""The examples in the room's docstrings are true."""

import doctest
import importlib
import pkgutil

import pytest

import regard.metrics

MODULES = sorted(m.name for m in pkgutil.iter_modules(regard.metrics.__path__))
WITHOUT_EXAMPLES = {"imputation", "perturbation"}


@pytest.mark.parametrize("name", [m for m in MODULES if not m.startswith("fixation")])
def test_examples_of_a_module_hold(name):
    module = importlib.import_module(f"regard.metrics.{name}")
    result = doctest.testmod(module)
    assert result.failed == 0
    assert (result.attempted > 0) == (name not in WITHOUT_EXAMPLES)
