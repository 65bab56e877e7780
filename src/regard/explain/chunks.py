"""Many copies of a batch, so many at a time that memory is bounded by a setting."""

from __future__ import annotations

from collections.abc import Iterator

from regard.types import RegardError


def sample_major(samples: int, images: int, batch: int) -> Iterator[int]:
    """How many copies of all images go into each forward: as many as fit ``batch`` images, at least one.

    >>> list(sample_major(7, images=4, batch=12))
    [3, 3, 1]
    """
    if batch < 1:
        raise RegardError(f"batch={batch}: at least one image a forward is needed")
    together = max(batch // images, 1)
    for start in range(0, samples, together):
        yield min(together, samples - start)
