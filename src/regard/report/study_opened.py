"""A study that is at hand: its file, its folder, its cells."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from regard.grid import Cell
from regard.study.running import Chosen, Place, StudyFile, cells_of, choose, places, tuning_cells

CELLS = "cells"
"""The grid's folder in the study's."""


@dataclass(frozen=True)
class Opened:
    """A study that is at hand.

    Attributes:
        study: what its file says.
        folder: of the file.
        name: of its own folder.
        root: its own folder.
    """

    study: StudyFile
    folder: Path
    name: str
    root: Path

    @property
    def grid(self) -> Path:
        """Where its cells lie."""
        return self.root / CELLS

    @cached_property
    def places(self) -> list[Place]:
        """Tasks and backbones with their recipes."""
        return places(self.study, self.folder)

    @cached_property
    def tuning(self) -> list[Cell]:
        """Trials of the weight."""
        return tuning_cells(self.study, self.places, self.name)

    @cached_property
    def chosen(self) -> dict[tuple[str, str], Chosen]:
        """What they found; to be asked when they have run."""
        return choose(self.study, self.tuning, self.grid)

    @cached_property
    def cells(self) -> list[Cell]:
        """All other cells, with the weights that were found."""
        return cells_of(self.study, self.places, self.name, self.chosen)
