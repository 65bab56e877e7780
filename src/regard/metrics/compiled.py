"""Loops that numba compiles when they are first used, so that importing stays fast; and one such loop for many images.

Compiling takes some seconds, once a machine: the result is kept beside the loop's file, or in the user's cache.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import cache
from typing import Any

import torch


@cache
def compiled(kernel: Callable[..., Any]) -> Any:
    """The loop ``kernel`` (arrays and numbers in, numbers out), compiled; it runs without Python's lock.

    >>> compiled(lambda n: n + 1)(2)
    3
    """
    import numba

    plain = inspect.unwrap(kernel)  # as it is written, without the checks of shapes that tests put around it
    options: dict[str, Any] = {"nogil": True, "error_model": "numpy", "fastmath": {"reassoc", "contract"}}
    try:
        return numba.njit(cache=True, **options)(plain)
    except RuntimeError:  # nowhere to keep it
        return numba.njit(**options)(plain)


def each_image(work: Callable[[int], object], count: int) -> None:
    """Calls ``work`` with 0 to count - 1, on as many threads as torch has.

    >>> found = []
    >>> each_image(found.append, 3)
    >>> sorted(found)
    [0, 1, 2]
    """
    threads = min(torch.get_num_threads(), count)
    if threads < 2:
        for b in range(count):
            work(b)
        return
    with ThreadPoolExecutor(threads) as pool:  # of this call alone: threads do not outlive a fork
        list(pool.map(work, range(count)))
