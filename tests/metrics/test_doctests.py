"""The examples in the docstrings of the metrics run."""

import doctest
import importlib
import inspect
import pkgutil

import pytest

import regard.metrics
from regard.metrics import functional

MODULES = sorted(m.name for m in pkgutil.walk_packages(regard.metrics.__path__, "regard.metrics.") if not m.ispkg)
WITHOUT_EXAMPLES = {f"regard.metrics.{name}" for name in ("salient_object.inputs", "fixation.inputs")}


@pytest.mark.parametrize("name", MODULES)
def test_examples_of_a_module_hold(name):
    result = doctest.testmod(importlib.import_module(name))
    assert result.failed == 0
    assert (result.attempted > 0) == (name not in WITHOUT_EXAMPLES)


@pytest.mark.parametrize("name", [name for name, value in vars(functional).items() if inspect.isfunction(value)])
def test_every_functional_metric_has_an_example(name):
    assert ">>>" in getattr(functional, name).__doc__
