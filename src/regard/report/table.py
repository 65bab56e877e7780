"""The command `regard table`: a table's cells run, its numbers written as JSON, CSV, LaTeX and page, and printed."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from rich.console import Console

from regard.grid import Cell, estimate, run_grid
from regard.report.files import write_atomically
from regard.report.grid_progress import grid_progress
from regard.report.tabled import read_tabled
from regard.report.tabled_files import csv_of, latex_of
from regard.report.tabled_page import write_tabled_page
from regard.report.tabled_terminal import print_tabled
from regard.report.words import duration, plural
from regard.tables import TableFile, cells_of, choose, find_table, read_table, table_of, trials_of
from regard.training import Recipe, build_data, recipe_from
from regard.types import RegardError


@dataclass(frozen=True)
class TableOptions:
    """How a table is run.

    Attributes:
        runs: its cells lie in ``runs/<name>``.
        workers: processes at a time.
        threads: processor threads of each.
        seeds: 0 to this, instead of the file's.
        only: arms that are run; the table shows all that are finished.
    """

    runs: Path = Path("runs")
    workers: int = 1
    threads: int = 1
    seeds: int | None = None
    only: tuple[str, ...] = ()


def make_table(name: str, fields: Sequence[str], options: TableOptions, *, as_json: bool = False) -> dict[str, str]:
    """Runs what is missing of a table, writes ``table.json``, ``.csv``, ``.tex`` and ``report.html``, prints it.

    Returns:
        Path of each failed cell -> why.
    """
    table, base, name = opened(name, fields, options)
    return run_table(table, base, name, options, as_json=as_json)


def run_table(
    table: TableFile, base: Recipe, name: str, options: TableOptions, *, as_json: bool = False, swept: str | None = None
) -> dict[str, str]:
    """The same of a table that is at hand; ``swept`` names the field whose values its arms are."""
    root = options.runs / name
    tuning = trials_of(table, base, name, options.only)
    failed = dict(_run(tuning, root, options))
    chosen = choose(table, trials_of(table, base, name), root)
    failed |= _run(cells_of(table, base, name, chosen, options.only), root, options)
    found = table_of(table, name, cells_of(table, base, name, chosen), chosen, root, failed, swept=swept)
    write_table(found, root)
    tabled = read_tabled(root)
    if as_json:
        print((root / "table.json").read_text(encoding="utf-8"), end="")
    else:
        print_tabled(tabled)
        print(f"page: {root / 'report.html'}")
    return failed


def plan_lines(name: str, fields: Sequence[str], options: TableOptions) -> list[str]:
    """What `make_table` would run, a line a cell, and how long that takes by cells that are finished."""
    return lines_of(*opened(name, fields, options), options)


def lines_of(table: TableFile, base: Recipe, name: str, options: TableOptions) -> list[str]:
    """The same of a table that is at hand."""
    root = options.runs / name
    trials = trials_of(table, base, name, options.only)
    chosen = choose(table, trials, root)
    if table.tuning is not None:  # cells of arms whose trials have not run, with the first value in place of the best
        first = table.tuning.values[0]
        chosen = {arm: t if t.chosen is not None else replace(t, chosen=first) for arm, t in chosen.items()}
    cells = [*trials, *cells_of(table, base, name, chosen, options.only)]
    return cell_lines(cells, root, options.workers)


def cell_lines(cells: Sequence[Cell], root: Path, workers: int) -> list[str]:
    """A line a cell, and a last one about time."""
    finished, seconds = estimate(cells, root, workers)
    left = len(cells) - sum(finished)
    when = "unknown, as no cell is finished" if seconds is None else f"about {duration(seconds)}"
    lines = [f"{'done' if is_done else 'to run':<8}{cell.path}" for cell, is_done in zip(cells, finished, strict=True)]
    return [*lines, f"{plural(left, 'cell')} to run with {plural(workers, 'worker')}: {when}"]


def opened(name: str, fields: Sequence[str], options: TableOptions) -> tuple[TableFile, Recipe, str]:
    """The table, its base recipe, and what its folder is called."""
    path = find_table(name)
    table, base = read_table(path, fields)
    if options.seeds is not None:
        if options.seeds < 1:
            raise RegardError(f"seeds={options.seeds}: at least one is needed")
        table = replace(table, seeds=list(range(options.seeds)))
    for arm in options.only:
        if arm not in table.arms:
            raise RegardError(f"arm {arm!r} is not in {path}; its arms are {', '.join(table.arms)}")
    return table, base, path.stem


def run_cells(cells: Sequence[Cell], root: Path, *, workers: int, threads: int) -> dict[str, str]:
    """Runs classifiers' cells under a table of progress; why each failed one failed.

    Data sets are opened once before, so that a missing one is an error at once, and a generated one is made once.
    """
    finished, _ = estimate(cells, root, workers)
    left = [cell for cell, is_done in zip(cells, finished, strict=True) if not is_done]
    recipes = [recipe_from(cell.spec["recipe"]) for cell in left]
    for recipe in {repr(recipe.data): recipe for recipe in recipes}.values():
        build_data(recipe)
    if not left:
        return {}
    with grid_progress(left, root, console=Console(stderr=True)) as tell:
        return dict(run_grid(left, root, workers=workers, threads=threads, tell=tell).failed)


def write_table(found: dict[str, object], root: Path) -> None:
    """table.json, table.csv, table.tex and report.html, each whole or not at all."""
    root.mkdir(parents=True, exist_ok=True)
    text = json.dumps(found, indent=1, allow_nan=False) + "\n"
    write_atomically(root / "table.json", text.encode())
    tabled = read_tabled(root)
    write_atomically(root / "table.csv", csv_of(tabled).encode())
    write_atomically(root / "table.tex", latex_of(tabled).encode())
    write_tabled_page(root)


def _run(cells: Sequence[Cell], root: Path, options: TableOptions) -> dict[str, str]:
    return run_cells(cells, root, workers=options.workers, threads=options.threads)
