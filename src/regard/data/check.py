"""Finding all bad items of a split before a long run stops at the first."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

from regard.data.splits import Split
from regard.types import RegardError


@dataclass(frozen=True)
class Problem:
    """An item that cannot be used.

    Attributes:
        split: name of its split.
        index: its position there.
        item: its name, for a file its path.
        reason: what is wrong and what to do.
    """

    split: str
    index: int
    item: str
    reason: str


def check_split(split: Split, *, threads: int = 4) -> list[Problem]:
    """Read every item once and return the bad ones, in order; an empty list if all are good."""

    def problem(i: int) -> Problem | None:
        try:
            split.batch([i])
        except RegardError as error:
            return Problem(split.name, i, split.item_name(i), str(error))
        return None

    with ThreadPoolExecutor(threads) as pool:
        return [bad for bad in pool.map(problem, range(len(split))) if bad is not None]
