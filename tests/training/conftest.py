"""Runs that several tests read."""

from pathlib import Path

import pytest
from tests.training.tiny import tiny

from regard.training import train


@pytest.fixture(scope="session")
def finished(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A finished run of two epochs; tests read it and write nothing into it."""
    return train(tiny(train={"epochs": 2}), tmp_path_factory.mktemp("runs") / "tiny", quiet=True)
