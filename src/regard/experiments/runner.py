"""What tables, sweeps and studies share: how a grid is run, with which seeds, what is left, and its progress.

A grid while it runs: state, epochs, seconds and validation score of every cell.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.live import Live
from rich.table import Table
from rich.text import Text

from regard.experiments.grid.cell import DONE, RUN, Cell, read_json
from regard.experiments.grid.run import State, estimate, run_grid
from regard.report import duration, plural
from regard.training import build_data, recipe_from
from regard.types import RegardError

_STYLE = {"done": "green", "failed": "red", "running": "bold", "elsewhere": "cyan", "waiting": "dim"}
_Tell = Callable[[Mapping[str, State]], None]


@contextmanager
def grid_progress(cells: Sequence[Cell], root: Path, *, console: Console | None = None) -> Iterator[_Tell]:
    """A table that follows the grid on a terminal; elsewhere one line for every cell that ends."""
    console = console or Console(stderr=True)
    ended: set[str] = set()

    def lines(states: Mapping[str, State]) -> None:
        for cell in cells:
            state = states[cell.path]
            if state.name in ("done", "failed") and cell.path not in ended:
                ended.add(cell.path)
                console.print(" ".join(text.plain for text in _row(cell, state, root)), markup=False, highlight=False)

    if not console.is_terminal:
        yield lines
        return
    with Live(console=console, refresh_per_second=2) as live:

        def draw(states: Mapping[str, State]) -> None:
            live.update(progress_table(cells, states, root, height=max(3, console.height - 4)))

        yield draw


def progress_table(cells: Sequence[Cell], states: Mapping[str, State], root: Path, *, height: int) -> Table:
    """What is at work or ended last, as many rows as fit; the foot counts all."""
    counts = {name: sum(state.name == name for state in states.values()) for name in _STYLE}
    foot = ", ".join(f"{count} {name}" for name, count in counts.items() if count)
    table = Table("cell", "state", "epoch", "seconds", "val score", box=None, header_style="dim", caption=foot)
    order = ("running", "elsewhere", "failed", "done", "waiting")
    shown = sorted(cells, key=lambda cell: order.index(states[cell.path].name))[:height]
    for cell in cells:
        if cell in shown:
            table.add_row(*_row(cell, states[cell.path], root))
    return table


def _row(cell: Cell, state: State, root: Path) -> list[Text]:
    held = read_json(root / cell.path / DONE) if state.name == "done" else None
    if held is not None:
        values = held.get("values", {})
        epoch, seconds, accuracy = values.get("epochs"), held["seconds"], values.get("val_accuracy")
    else:
        epoch, accuracy = _diary(root / cell.path)
        seconds = time.monotonic() - state.since if state.name == "running" else None
    said = state.said.strip().splitlines()[-1] if state.said.strip() else ""
    name = Text(state.name + (f": {said}" if said else ""), style=_STYLE[state.name])
    numbers = (
        "" if epoch is None else str(epoch),
        "" if seconds is None else duration(seconds),
        "" if accuracy is None else f"{accuracy:.3f}",
    )
    return [Text(cell.path), name, *(Text(number) for number in numbers)]


def _diary(folder: Path) -> tuple[int | None, float | None]:
    """Epochs done and the last validation score (accuracy, or S-measure of masks), of a cell that trains a run."""
    try:
        last = json.loads((folder / "run" / "metrics.jsonl").read_text().splitlines()[-1])
        return last["epoch"] + 1, last.get("val/accuracy", last.get("val/s"))
    except (OSError, ValueError, IndexError, KeyError, TypeError):
        return None, None


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


def made_of(cells: Sequence[Cell], root: Path) -> list[dict[str, Any]]:
    """With which commit, versions and hardware how many cells were trained; more than one where a table grew."""
    found: dict[str, dict[str, Any]] = {}
    for cell in cells:
        held = read_json(root / cell.path / RUN / "environment.json")
        if held is None or read_json(root / cell.path / DONE) is None:
            continue
        how = {key: held[key] for key in ("commit", "versions", "hardware")}
        found.setdefault(json.dumps(how, sort_keys=True), how | {"cells": 0})["cells"] += 1
    return list(found.values())
