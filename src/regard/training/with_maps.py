"""Splits whose batches come with the map that a run imposes on each image."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from torch import Tensor, nn

from regard.data import Beside, DataSplits, Split
from regard.training.imposed import Imposed, imposed_maps
from regard.training.recipe import Recipe
from regard.types import Batch, RegardError


@dataclass(frozen=True)
class WithMaps(Beside):
    """A split whose batches have ``given``; all else that it knows is found on it.

    Attributes:
        split: of the run's data.
        imposed: the maps.
    """

    split: Split
    imposed: Imposed

    def batch(self, index: Sequence[int] | Tensor) -> Batch:
        """The split's items with their maps."""
        batch = self.split.batch(index)
        return replace(batch, given=self.imposed.of(batch))


def with_maps(recipe: Recipe, data: DataSplits, model: nn.Module) -> DataSplits:
    """The run's data as its model has to be judged on it: ``val`` and ``test`` with the maps that the recipe imposes.

    As it is where the recipe imposes nothing.
    """
    imposed = imposed_maps(recipe, data, model)
    if imposed is None:
        return data
    return replace(data, val=WithMaps(data.val, imposed), test=WithMaps(data.test, imposed))


def refuse_imposed(recipe: Recipe, folder: Path) -> None:
    """For what asks a run about images that have no maps of their own.

    Raises:
        RegardError: the recipe imposes one.
    """
    if recipe.impose.map is not None:
        raise RegardError(
            f"{folder}: this run is given its map (impose.map={recipe.impose.map}) and has none for other images; "
            "`regard evaluate` judges it on its own test split"
        )
