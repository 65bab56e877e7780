"""What tables, sweeps and studies share: how a grid is run, with which seeds, what is left, and its progress."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from pathlib import Path

from rich.console import Console

from regard.grid import Cell, estimate, run_grid
from regard.report.grid_progress import grid_progress
from regard.report.words import duration, plural
from regard.training import build_data, recipe_from
from regard.types import RegardError


@dataclass(frozen=True)
class GridOptions:
    """How a table or a study is run.

    Attributes:
        runs: it lies in ``runs/<name>``.
        workers: processes at a time.
        threads: processor threads of each.
        seeds: 0 to this, instead of the file's.
        only: arms (of a study tasks) that are run; what is shown is all that is finished.
    """

    runs: Path = Path("runs")
    workers: int = 1
    threads: int = 1
    seeds: int | None = None
    only: tuple[str, ...] = ()

    def seeds_of(self, own: list[int]) -> list[int]:
        """Those asked for, else the file's own.

        Raises:
            RegardError: none is asked for.
        """
        if self.seeds is None:
            return own
        if self.seeds < 1:
            raise RegardError(f"seeds={self.seeds}: at least one is needed")
        return list(range(self.seeds))

    def check_only(self, known: Collection[str], what: str, path: Path) -> None:
        """Raises RegardError where something is to be run that the file does not have."""
        for name in self.only:
            if name not in known:
                raise RegardError(f"{what} {name!r} is not in {path}; its {what}s are {', '.join(known)}")


def run_cells(cells: Sequence[Cell], root: Path, options: GridOptions) -> dict[str, str]:
    """Runs cells that train a recipe, under a table of progress; why each failed one failed.

    Data sets are opened once before, so that a missing one is an error at once, and a generated one is made once.
    """
    finished, _ = estimate(cells, root, options.workers)
    left = [cell for cell, is_done in zip(cells, finished, strict=True) if not is_done]
    recipes = [recipe_from(cell.spec["recipe"]) for cell in left]
    for recipe in {repr(recipe.data): recipe for recipe in recipes}.values():
        build_data(recipe)
    if not left:
        return {}
    with grid_progress(left, root, console=Console(stderr=True)) as tell:
        return dict(run_grid(left, root, workers=options.workers, threads=options.threads, tell=tell).failed)


def cell_lines(cells: Sequence[Cell], root: Path, workers: int) -> list[str]:
    """A line a cell, and a last one about time."""
    finished, seconds = estimate(cells, root, workers)
    left = len(cells) - sum(finished)
    when = "unknown, as no cell is finished" if seconds is None else f"about {duration(seconds)}"
    lines = [f"{'done' if is_done else 'to run':<8}{cell.path}" for cell, is_done in zip(cells, finished, strict=True)]
    return [*lines, f"{plural(left, 'cell')} to run with {plural(workers, 'worker')}: {when}"]
