"""A grid while it runs: state, epochs, seconds and validation score of every cell."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

from rich.console import Console
from rich.live import Live
from rich.table import Table
from rich.text import Text

from regard.grid.cell import DONE, Cell, read_json
from regard.grid.run import State
from regard.report.words import duration

STYLE = {"done": "green", "failed": "red", "running": "bold", "elsewhere": "cyan", "waiting": "dim"}
Tell = Callable[[Mapping[str, State]], None]


@contextmanager
def grid_progress(cells: Sequence[Cell], root: Path, *, console: Console | None = None) -> Iterator[Tell]:
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
    counts = {name: sum(state.name == name for state in states.values()) for name in STYLE}
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
    name = Text(state.name + (f": {said}" if said else ""), style=STYLE[state.name])
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
