"""Splits that stand in front of another and change its batches alone."""

from __future__ import annotations

from typing import Any

from jaxtyping import Num
from torch import Tensor

from regard.data.splits import Split


class InFront:
    """What a split in front of another says of itself is what the other says; ``batch`` is its own.

    Attributes:
        split: the other.
    """

    split: Split

    @property
    def name(self) -> str:
        """Of the split."""
        return self.split.name

    @property
    def classes(self) -> tuple[str, ...]:
        """Of the split."""
        return self.split.classes

    @property
    def labels(self) -> Num[Tensor, "N *n"]:
        """Of the split."""
        return self.split.labels

    def __len__(self) -> int:
        return len(self.split)

    def item_name(self, i: int) -> str:
        """Of the split."""
        return self.split.item_name(i)


class Beside(InFront):
    """A split whose batches say more than those of the other, and that knows all that the other knows."""

    def __getattr__(self, name: str) -> Any:
        if name in vars(type(self)).get("__dataclass_fields__", {}) or name.startswith("__"):
            raise AttributeError(name)
        return getattr(self.split, name)
