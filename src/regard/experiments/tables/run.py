"""The command `regard table`: a table's cells run, its numbers written as JSON, CSV, LaTeX and page, and printed."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from regard.experiments.runner import GridOptions, cell_lines, run_cells
from regard.experiments.tables.file import TableFile, cells_of, choose, find_table, read_table, trials_of
from regard.experiments.tables.page import csv_of, latex_of, print_tabled, write_tabled_page
from regard.experiments.tables.results import read_tabled
from regard.experiments.tables.table import table_of
from regard.files import write_atomically, write_json
from regard.training import Recipe


def make_table(name: str, fields: Sequence[str], options: GridOptions, *, as_json: bool = False) -> dict[str, str]:
    """Runs what is missing of a table, writes ``table.json``, ``.csv``, ``.tex`` and ``report.html``, prints it.

    Returns:
        Path of each failed cell -> why.
    """
    table, base, name = opened(name, fields, options)
    return run_table(table, base, name, options, as_json=as_json)


def run_table(
    table: TableFile, base: Recipe, name: str, options: GridOptions, *, as_json: bool = False, swept: str | None = None
) -> dict[str, str]:
    """The same of a table that is at hand; ``swept`` names the field whose values its arms are."""
    root = options.runs / name
    tuning = trials_of(table, base, name, options.only)
    failed = dict(run_cells(tuning, root, options))
    chosen = choose(table, trials_of(table, base, name), root)
    failed |= run_cells(cells_of(table, base, name, chosen, options.only), root, options)
    found = table_of(table, name, cells_of(table, base, name, chosen), chosen, root, failed, swept=swept)
    write_table(found, root)
    tabled = read_tabled(root)
    if as_json:
        print((root / "table.json").read_text(encoding="utf-8"), end="")
    else:
        print_tabled(tabled)
        print(f"page: {root / 'report.html'}")
    return failed


def plan_lines(name: str, fields: Sequence[str], options: GridOptions) -> list[str]:
    """What `make_table` would run, a line a cell, and how long that takes by cells that are finished."""
    return lines_of(*opened(name, fields, options), options)


def lines_of(table: TableFile, base: Recipe, name: str, options: GridOptions) -> list[str]:
    """The same of a table that is at hand."""
    root = options.runs / name
    trials = trials_of(table, base, name, options.only)
    chosen = choose(table, trials, root)
    if table.tuning is not None:  # cells of arms whose trials have not run, with the first value in place of the best
        first = table.tuning.values[0]
        chosen = {arm: t if t.chosen is not None else replace(t, chosen=first) for arm, t in chosen.items()}
    cells = [*trials, *cells_of(table, base, name, chosen, options.only)]
    return cell_lines(cells, root, options.workers)


def opened(name: str, fields: Sequence[str], options: GridOptions) -> tuple[TableFile, Recipe, str]:
    """The table, its base recipe, and what its folder is called."""
    path = find_table(name)
    table, base = read_table(path, fields)
    options.check_only(table.arms, "arm", path)
    return replace(table, seeds=options.seeds_of(table.seeds)), base, path.stem


def write_table(found: dict[str, object], root: Path) -> None:
    """table.json, table.csv, table.tex and report.html, each whole or not at all."""
    root.mkdir(parents=True, exist_ok=True)
    write_json(root / "table.json", found)
    tabled = read_tabled(root)
    write_atomically(root / "table.csv", csv_of(tabled))
    write_atomically(root / "table.tex", latex_of(tabled))
    write_tabled_page(root)
