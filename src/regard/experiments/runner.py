"""How a table or a study runs its grid: which cells and seeds, the time left, progress on the terminal, provenance."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from rich.console import Console
from rich.live import Live
from rich.table import Table
from rich.text import Text

from regard.experiments.estimate import estimate_time, time_line
from regard.experiments.grid import RESULT_FILE, RUN, Cell, CellStore, State, read_object, run_grid
from regard.experiments.held_data import hold_data
from regard.reading import parse_json
from regard.report import Terminal, duration
from regard.training import Recipe, build_data, override, recipe_from
from regard.types import RegardError

_STYLE = {"done": "green", "failed": "red", "running": "bold", "elsewhere": "cyan", "waiting": "dim"}
_OnProgress = Callable[[Mapping[str, State]], None]
NO_RESULT = "Only tried out, nothing here is a result: {}"
"""Title of a table or study whose cells are only tried out, from its own."""


@dataclass(frozen=True)
class GridOptions:
    """How a table or a study is run.

    Attributes:
        runs: its folder is ``runs/<name>``.
        workers: cells at a time; None for one here, on a cluster for as many as it has room for.
        threads: processors of each cell.
        gpus: of each cell, a part of one or a whole number; None for one each, shared where there are fewer.
        address: of a Ray cluster, ``HOST:PORT`` or ``auto``; None for this machine.
        seeds: number of seeds, 0 to ``seeds - 1``, instead of those in the file.
        only: arms (tasks of a study) that are run and printed; pages and files show all that is finished.
        smoke: every cell is only tried out: one step, few test images, one seed, no tuning.
        store: address of a folder where finished cells and result files are kept, too (``s3://bucket/runs``, ``file://``,
            whatever fsspec opens), each grid in a folder of its name; None for none.
        trials: of tuning, for every arm of a table, instead of the file's; None for those.
    """

    runs: Path = Path("runs")
    workers: int | None = None
    threads: int = 1
    gpus: float | None = None
    address: str | None = None
    seeds: int | None = None
    only: tuple[str, ...] = ()
    smoke: bool = False
    trials: int | None = None
    store: str | None = None

    @property
    def at_once(self) -> int | None:
        """How many cells run at a time; None where a cluster runs as many as it has room for."""
        return self.workers or (1 if self.address is None else None)

    def tried(self, recipe: Recipe) -> Recipe:
        """The recipe, cut to one step where it is only tried out."""
        return override(recipe, {"train.fast_dev_run": True}) if self.smoke else recipe

    def seeds_of(self, own: list[int]) -> list[int]:
        """The seeds that the options name, else the file's own.

        Raises:
            RegardError: fewer than one.
        """
        if self.seeds is None:
            return own[:1] if self.smoke else own
        if self.seeds < 1:
            raise RegardError(f"seeds={self.seeds}: at least one is needed")
        return list(range(self.seeds))

    def store_of(self, root: Path) -> CellStore | None:
        """Where the cells of a grid are kept, too."""
        if self.store is None:
            return None
        place = root.resolve()
        name = (
            place.relative_to(self.runs.resolve()).as_posix()
            if place.is_relative_to(self.runs.resolve())
            else root.name
        )
        return CellStore(f"{self.store.rstrip('/')}/{name}")

    def keep_files(self, root: Path) -> None:
        """Copies the result files of a grid to the store, if there is one."""
        store = self.store_of(root)
        if store is not None:
            store.keep_files(root)

    def check_only(self, known: Collection[str], what: str, path: Path) -> None:
        """Raises RegardError where `only` names something that the file does not have."""
        for name in self.only:
            if name not in known:
                raise RegardError(f"{what} {name!r} is not in {path}; its {what}s are {', '.join(known)}")


def run_cells(cells: Sequence[Cell], root: Path, options: GridOptions) -> dict[str, str]:
    """Runs the unfinished cells and shows progress.

    Where they train recipes, every data set is opened once before the workers start: a missing one is an error at once,
    and a generated one is made once. All cells have the data of the first (`hold_data`).

    Returns:
        Path of each failed cell -> why.
    """
    store = options.store_of(root)
    if store is not None:
        store.fetch(cells, root)
    finished, _ = estimate_time(cells, root, options.at_once)
    left = [cell for cell, is_done in zip(cells, finished, strict=True) if not is_done]
    if not left:
        return {}
    remarks = hold_data(left, root) if all("recipe" in cell.spec for cell in left) else []
    for line in (*remarks, time_line(cells, root, options.at_once, options.threads)):
        Terminal(stderr=True).print(line, markup=False, highlight=False, soft_wrap=True)
    with grid_progress(left, root, console=Terminal(stderr=True)) as on_progress:
        outcome = run_grid(
            left,
            root,
            workers=options.workers,
            threads=options.threads,
            gpus=options.gpus,
            address=options.address,
            store=store,
            on_progress=on_progress,
        )
    return dict(outcome.failed)


def open_data_of(cells: Sequence[Cell]) -> None:
    """Opens every data set of some cells once.

    Raises:
        RegardError: one is missing.
    """
    recipes = [recipe_from(cell.spec["recipe"]) for cell in cells]
    for recipe in {repr(recipe.data): recipe for recipe in recipes}.values():
        build_data(recipe)


def cell_lines(cells: Sequence[Cell], root: Path, options: GridOptions) -> list[str]:
    """One line per cell, and a last one about time."""
    finished, _ = estimate_time(cells, root, options.at_once)
    lines = [f"{'done' if is_done else 'to run':<8}{cell.path}" for cell, is_done in zip(cells, finished, strict=True)]
    return [*lines, time_line(cells, root, options.at_once, options.threads)]


@dataclass(frozen=True)
class CellProvenance:
    """With which commit, versions and hardware some cells were trained, and how many."""

    commit: str
    versions: Mapping[str, str]
    hardware: Mapping[str, object]
    cells: int


def provenance_of(cells: Sequence[Cell], root: Path) -> tuple[CellProvenance, ...]:
    """Of all finished cells; several where a table grew over time."""
    groups: dict[str, CellProvenance] = {}
    for cell in cells:
        environment = read_object(root / cell.path / RUN / "environment.json")
        if environment is None or read_object(root / cell.path / RESULT_FILE) is None:
            continue
        how = {key: environment[key] for key in ("commit", "versions", "hardware")}
        key = json.dumps(how, sort_keys=True)
        groups[key] = CellProvenance(**how, cells=groups[key].cells + 1 if key in groups else 1)
    return tuple(groups.values())


@contextmanager
def grid_progress(cells: Sequence[Cell], root: Path, *, console: Console | None = None) -> Iterator[_OnProgress]:
    """On a terminal, a table that follows the grid; elsewhere one line for every cell that ends."""
    console = console or Terminal(stderr=True)
    ended: set[str] = set()

    def print_ended(states: Mapping[str, State]) -> None:
        for cell in cells:
            state = states[cell.path]
            if state.name in ("done", "failed") and cell.path not in ended:
                ended.add(cell.path)
                console.print(" ".join(text.plain for text in _row(cell, state, root)), markup=False, highlight=False)

    if not console.is_terminal:
        yield print_ended
        return
    with Live(console=console, refresh_per_second=2) as live:

        def draw(states: Mapping[str, State]) -> None:
            live.update(progress_table(cells, states, root, height=max(3, console.height - 4)))

        yield draw


def progress_table(cells: Sequence[Cell], states: Mapping[str, State], root: Path, *, height: int) -> Table:
    """State, epochs, seconds and validation score of as many cells as fit, running ones first; the foot counts all."""
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
    result = read_object(root / cell.path / RESULT_FILE) if state.name == "done" else None
    if result is not None:
        values = result.get("values", {})
        epoch, seconds, score = values.get("epochs"), result["seconds"], values.get("val_accuracy")
    else:
        epoch, score = _last_epoch(root / cell.path)
        seconds = time.monotonic() - state.since if state.name == "running" else None
    message = state.message.strip().splitlines()[-1] if state.message.strip() else ""
    return [
        Text(cell.path),
        Text(state.name + (f": {message}" if message else ""), style=_STYLE[state.name]),
        Text("" if epoch is None else str(epoch)),
        Text("" if seconds is None else duration(seconds)),
        Text("" if score is None else f"{score:.3f}"),
    ]


def _last_epoch(folder: Path) -> tuple[int | None, float | None]:
    """Epochs done and the last validation score (accuracy, or S-measure of masks) of a cell that trains a run."""
    try:
        last = parse_json((folder / RUN / "metrics.jsonl").read_text().splitlines()[-1])
        return last["epoch"] + 1, last.get("val/accuracy", last.get("val/s"))
    except (OSError, ValueError, IndexError, KeyError, TypeError):
        return None, None
