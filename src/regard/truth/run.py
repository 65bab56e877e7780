"""`regard truth`: networks trained and graded as a grid of cells, then the table, the page and the figure."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from regard.experiments import GridOptions, grid_progress
from regard.experiments.grid import Cell, cell_path, finished_record, run_grid
from regard.files import make_folder, remove_leftovers
from regard.report import Terminal, write_dataclass
from regard.truth.load import read_worlds
from regard.truth.page import write_truth_page
from regard.truth.results import TRUTH_FILE, TruthResults, truth_results
from regard.truth.world import IMAGES
from regard.truth.worlds import available_kinds, find_kind
from regard.types import RegardError

NAME = "truth"
SEEDS = 14
"""Networks of each kind; two worlds each."""
_KIND = "regard.truth.world:run_network"
_SMOKE = {"images": 2, "train": 256, "test": 120, "epochs": 1, "methods": ["grad_cam"], "least": 0.0}


def truth_cells(options: GridOptions) -> list[Cell]:
    """One cell a network: all kinds whose data are at hand with seed 0, then with seed 1, and so on.

    Raises:
        RegardError: an unknown kind, or one whose data are not at hand.
    """
    kinds = options.only or available_kinds()
    for kind in kinds:
        if find_kind(kind).needs_folder and kind not in available_kinds():
            raise RegardError(f"{kind}: its images are in a folder; set REGARD_DATA to it, see docs/data.md")
    spec = _SMOKE if options.smoke else {"images": IMAGES}
    seeds = range(2) if options.smoke and options.seeds is None else options.seeds_of(list(range(SEEDS)))
    return [Cell(cell_path(kind, seed), kind, seed, _KIND, {"kind": kind, **spec}) for seed in seeds for kind in kinds]


def make_truth(options: GridOptions) -> tuple[TruthResults, Path]:
    """Runs what is missing, and writes ``truth.json``, ``report.html`` and ``truth.png`` of what is finished.

    Returns:
        The results, and their folder.

    Raises:
        RegardError: unknown kinds, no data, or too little is finished.
    """
    root = make_folder(options.runs / NAME)
    remove_leftovers(root)
    cells = truth_cells(options)
    left = [cell for cell in cells if finished_record(cell, root) is None]
    failed: dict[str, str] = {}
    if left:
        with grid_progress(left, root, console=Terminal(stderr=True)) as on_progress:
            how = {"workers": options.workers, "threads": options.threads, "gpus": options.gpus}
            outcome = run_grid(left, root, address=options.address, on_progress=on_progress, **how)  # type: ignore[arg-type]
        failed = dict(outcome.failed)
    return write_truth(cells, root, failed), root


def write_truth(cells: Sequence[Cell], root: Path, failed: dict[str, str]) -> TruthResults:
    """The results of the finished cells, written with their page.

    Raises:
        RegardError: too little is finished.
    """
    worlds = read_worlds(cells, root)
    if not worlds:
        why = "; ".join(f"{path}: {line.splitlines()[-1]}" for path, line in list(failed.items())[:3])
        raise RegardError(f"{root}: no world is finished{f' ({why})' if why else ''}; run the same command again")
    results = truth_results(worlds, len(cells), failed)
    write_dataclass(root / TRUTH_FILE, results)
    write_truth_page(results, root)
    return results


def plan_lines(options: GridOptions) -> list[str]:
    """What `make_truth` would run, one line a cell."""
    root = options.runs / NAME
    return [
        f"{'done' if finished_record(cell, root) is not None else 'to run':<8}{cell.path}"
        for cell in truth_cells(options)
    ]
