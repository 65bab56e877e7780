"""The examples in the room's docstrings are true."""

import doctest
import importlib
import pkgutil

import pytest

import regard.metrics

MODULES = sorted(m.name for m in pkgutil.walk_packages(regard.metrics.__path__, "regard.metrics.") if not m.ispkg)
WITHOUT_EXAMPLES = {"regard.metrics.imputation", "regard.metrics.perturbation"} | {
    f"regard.metrics.salient_object.{name}" for name in ("classes", "counts", "inputs", "nearest", "together")
}


@pytest.mark.parametrize("name", [m for m in MODULES if not m.startswith("regard.metrics.fixation")])
def test_examples_of_a_module_hold(name):
    result = doctest.testmod(importlib.import_module(name))
    assert result.failed == 0
    assert (result.attempted > 0) == (name not in WITHOUT_EXAMPLES)
