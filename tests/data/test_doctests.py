"""The examples in the room's docstrings are true."""

import doctest
import importlib

import pytest

import regard.data


@pytest.mark.parametrize("name", ["catalog", "loader", "splits"])
def test_examples_of_a_module_hold(name):
    result = doctest.testmod(importlib.import_module(f"regard.data.{name}"))
    assert result.failed == 0
    assert result.attempted > 0


def test_open_and_list_are_the_faces_names():
    assert regard.data.open is regard.data.open_data
    assert regard.data.list() == [*regard.data.CATALOG]
