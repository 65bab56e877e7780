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
def compiled(kernel: Callable[..., Any], *, finite: bool = False) -> Any:
    """The loop ``kernel`` (arrays and numbers in, numbers out), compiled; it runs without Python's lock.

    Args:
        kernel: written as for Python.
        finite: it may count on numbers that are finite, so that several are compared at once; others give any result.

    >>> compiled(lambda n: n + 1)(2)
    3
    """
    import numba

    plain = inspect.unwrap(kernel)  # as it is written, without the checks of shapes that tests put around it
    options: dict[str, Any] = {"nogil": True, "error_model": "numpy", "fastmath": {"reassoc", "contract"}}
    options["fastmath"] |= {"nnan", "nsz"} if finite else set()
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
    threads = max(min(torch.get_num_threads(), count), 1)

    def share(first: int) -> None:
        for b in range(first, count, threads):
            work(b)

    with ThreadPoolExecutor(threads) as pool:  # of this call alone: threads do not outlive a fork
        others = [pool.submit(share, first) for first in range(1, threads)]
        share(0)
        for other in others:
            other.result()
