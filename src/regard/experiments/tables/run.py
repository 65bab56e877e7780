"""`regard table` and `regard sweep`: a table's cells run, its numbers written as JSON, CSV, LaTeX and page, printed."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from regard.experiments.grid import Cell
from regard.experiments.runner import NO_RESULT, GridOptions, cell_lines, run_cells
from regard.experiments.tables.export import print_table, table_csv, table_latex
from regard.experiments.tables.file import (
    TableFile,
    best_trials,
    check_table,
    read_table,
    sweep_table,
    table_cells,
    trial_cells,
    write_searches,
)
from regard.experiments.tables.page import write_table_page
from regard.experiments.tables.results import TableResults
from regard.experiments.tables.seeds import power_lines
from regard.experiments.tables.table import arm_results, table_of
from regard.files import make_folder, remove_leftovers, write_atomically
from regard.report import write_dataclass
from regard.training import RECIPES, Recipe, find_yaml
from regard.types import RegardError


@dataclass(frozen=True)
class OpenTable:
    """A table that is ready to run.

    Attributes:
        table: what is compared.
        base: the recipe that all arms share.
        name: of its folder.
        swept: the recipe's field whose values the arms are, of a sweep.
    """

    table: TableFile
    base: Recipe
    name: str
    swept: str | None = None


def open_table(name: str, fields: Sequence[str] = (), options: GridOptions | None = None) -> OpenTable:
    """A table by its file, or the name of one of this package; with ``--part.field value ...`` over its base recipe.

    Raises:
        RegardError: no such table, or arms or fields that it does not have.
    """
    options = options or GridOptions()
    path = find_yaml("table", name, RECIPES / "tables")
    table, base = read_table(path, fields)
    options.check_only(table.arms, "arm", path)
    table = replace(table, seeds=options.seeds_of(table.seeds), tuning=None if options.smoke else table.tuning)
    if options.trials is not None and not options.smoke:
        if table.tuning is None:
            raise RegardError(f"trials={options.trials}: {path} has no tuning; give it tuning.field and tuning.values")
        table = replace(table, tuning=replace(table.tuning, trials=options.trials))
        check_table(table)
    return OpenTable(table, options.tried(base), path.stem)


def open_sweep(
    recipe: Recipe, field: str, values: Sequence[Any], seeds: Sequence[int], *, unknown: str | None = None
) -> OpenTable:
    """A sweep of one recipe field over some values; see `sweep_table`. Its folder is called ``NAME-sweep``."""
    return OpenTable(sweep_table(recipe, field, values, seeds, unknown=unknown), recipe, f"{recipe.name}-sweep", field)


def make_table(at: OpenTable, options: GridOptions, *, as_json: bool = False) -> dict[str, str]:
    """Runs what is missing of a table, writes ``table.json``, ``.csv``, ``.tex`` and ``report.html``, prints it.

    Returns:
        Path of each failed cell -> why.
    """
    table, base, name, root = at.table, at.base, at.name, options.runs / at.name
    failed = _run_trials(at, options)
    trials = best_trials(table, trial_cells(table, base, name, root=root), root)
    write_searches(table, trials, root)
    failed |= run_cells(table_cells(table, base, name, trials, options.only), root, options)
    cells = table_cells(table, base, name, trials)
    if base.train.fast_dev_run:
        table = replace(table, title=NO_RESULT.format(table.title))
    results = table_of(table, name, cells, trials, root, failed, swept=at.swept)
    write_table_files(results, root)
    options.keep_files(root)
    if as_json:
        print((root / "table.json").read_text(encoding="utf-8"), end="")
    else:
        print_table(_asked(results, options.only))
        print(f"page: {root / 'report.html'}")
    return failed


def _asked(results: TableResults, only: Sequence[str]) -> TableResults:
    """Of a table's results those of some arms, of all where none is named; files and page have every arm."""
    if not only:
        return results
    claims = (c for c in results.claims if {c.better, c.than} - {""} <= set(only))
    rows = tuple(row for row in results.rows if row.arm in only)
    return replace(results, rows=rows, claims=tuple(claims))


def _run_trials(at: OpenTable, options: GridOptions) -> dict[str, str]:
    """Trials of every arm, then of the values by which grids are extended, until no more are asked for."""
    root = options.runs / at.name
    cells: list[Cell] = []
    failed: dict[str, str] = {}
    while len(more := trial_cells(at.table, at.base, at.name, options.only, root)) > len(cells):
        cells = more
        failed |= run_cells([cell for cell in cells if cell.path not in failed], root, options)
    return failed


def table_plan_lines(at: OpenTable, options: GridOptions) -> list[str]:
    """What `make_table` would run, one line per cell; how long that takes, judging by finished cells; and what the
    primary claims can find with these seeds.
    """
    root = options.runs / at.name
    tuning = trial_cells(at.table, at.base, at.name, options.only, root)
    trials = best_trials(at.table, tuning, root)
    if at.table.tuning is not None:  # arms whose trials have not run: count their cells with the first value
        first = at.table.tuning.values[0]
        trials = {arm: t if t.chosen is not None else replace(t, chosen=first) for arm, t in trials.items()}
    cells = [*tuning, *table_cells(at.table, at.base, at.name, trials, options.only)]
    tuned = best_trials(at.table, trial_cells(at.table, at.base, at.name, root=root), root)
    every = table_cells(at.table, at.base, at.name, tuned)  # of all arms, whichever are run now
    return [*cell_lines(cells, root, options), *power_lines(at.table, arm_results(at.table, every, root))]


def write_table_files(results: TableResults, root: Path) -> None:
    """table.json, table.csv, table.tex and report.html, each whole or not at all."""
    remove_leftovers(make_folder(root))
    write_dataclass(root / "table.json", results)
    write_atomically(root / "table.csv", table_csv(results))
    write_atomically(root / "table.tex", table_latex(results))
    write_table_page(root)
