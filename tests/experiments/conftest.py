"""One engine for all grids of a test process: its start takes seconds."""

from collections.abc import Iterator

import pytest


@pytest.fixture(scope="session")
def ray_engine() -> Iterator[None]:
    from regard.experiments.grid.engine import engine

    with engine(None, 6):
        yield
