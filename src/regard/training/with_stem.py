"""Test images beside what a frozen stem makes of them, which is then computed once for all runs that share it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from torch import Tensor

from regard.data import DataSplits, Split, SplitExtension
from regard.models import Freezable
from regard.training.recipe import Recipe
from regard.training.stem_cache import StemSplit, kept_stem
from regard.types import Batch


@dataclass(frozen=True)
class WithStem(SplitExtension):
    """A split whose batches have images and ``stem``.

    Attributes:
        split: of the run's data.
        seen: the same as the stem sees it.
    """

    split: Split
    seen: StemSplit

    def batch(self, index: Sequence[int] | Tensor) -> Batch:
        """The split's items with their stem."""
        return replace(self.split.batch(index), stem=self.seen.batch(index).stem)


def with_stem(recipe: Recipe, data: DataSplits, model: Freezable) -> DataSplits:
    """The data with ``test`` as it was, and what the model's frozen stem makes of it, in full precision.

    As it is where the recipe keeps nothing.
    """
    if not recipe.train.cache_stem:
        return data
    full = replace(recipe, train=replace(recipe.train, cache_dtype="float32"))
    return replace(data, test=WithStem(data.test, kept_stem(full, model, data.test, training=False, quiet=True)))
