"""`regard study`: a study's cells run, its trials collected, judged, written and drawn."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

from regard.experiments.grid import RESULT_FILE, Cell
from regard.experiments.runner import GridOptions, cell_lines, open_data_of, provenance_of, run_cells
from regard.experiments.study.cells import OpenStudy, open_study
from regard.experiments.study.collect import collect_trials, failures, galleries, read_galleries, write_galleries
from regard.experiments.study.notes import NOTES_FILE, Notes, provenance_line, study_notes
from regard.experiments.study.page import pictures_of, render_study
from regard.experiments.study.plan import PLAN_FILE, TRIALS_FILE, Plan, changes, freeze, plan_of
from regard.experiments.study.results import RESULTS_FILE, StudyResults, read_study_results, study_results
from regard.files import make_folder, remove_leftovers, write_atomically
from regard.report import read_dataclass, write_dataclass, write_page
from regard.training import collect_provenance
from regard.types import RegardError


def make_study(name: str, options: GridOptions) -> tuple[Path, dict[str, str]]:
    """Freezes the plan, runs what is missing, and writes what there is (see `write_study`).

    Args:
        name: a study's file, or the name of one of this package.
        options: workers, seeds, tasks.

    Returns:
        The study's folder, and path of each failed cell -> why.
    """
    at = open_study(name, options)
    plan = at.study.checked_plan(name)
    if not at.root.exists():
        open_data_of(_only([*at.tuning, *at.cells], options))
    remove_leftovers(make_folder(at.root))
    freeze(plan, at.root, begun=any(at.grid.rglob(RESULT_FILE)))
    run_cells(_only(at.tuning, options), at.grid, options)
    run_cells(_only(at.cells, options), at.grid, options)
    failed = write_study(at, plan)
    options.keep_files(at.root)
    return at.root, failed


def study_plan_lines(name: str, options: GridOptions) -> list[str]:
    """What `make_study` would run, one line per cell, and how long that takes."""
    at = open_study(name, options)
    first = at.study.tuning.values[0]
    weights = {key: first if tuned.weight is None else tuned.weight for key, tuned in at.weights.items()}
    return cell_lines(_only([*at.tuning, *at.cells_with(weights)], options), at.grid, options)


def write_study(at: OpenStudy, plan: Plan) -> dict[str, str]:
    """trials.csv, results.json, notes.json, gallery.npz and report.html of all finished cells, judged by a plan.

    Returns:
        Path of each failed cell -> why.

    Raises:
        RegardError: no condition has a finished cell.
    """
    cells = [*at.tuning, *at.cells]
    failed = failures(cells, at.grid)
    trials = collect_trials(at.cells, at.grid)
    if trials is None:
        why = "; ".join(f"{path}: {error.splitlines()[-1]}" for path, error in failed.items())
        why = f" ({why})" if why else ""
        raise RegardError(f"{at.root}: no condition has a finished cell, so there is no trial{why}")
    trials.to_csv(at.root / TRIALS_FILE)
    made = provenance_of(cells, at.grid)
    notes = study_notes(at, trials, failed, made)
    write_dataclass(at.root / NOTES_FILE, notes)
    write_galleries(galleries(at.cells, at.grid), at.root)
    results = study_results(trials, plan, at.name)
    now = collect_provenance(at.study.seeds[0])
    record = replace(
        results,
        command=now["command"],
        commit=now["commit"],
        date=datetime.now(UTC).isoformat(timespec="seconds"),
        versions=now["versions"],
        hardware=now["hardware"],
        seeds=tuple(at.study.seeds),
        notes=" ".join([*notes.cannot, *notes.tuned]),
        made=made,
        values=replace(results.values, scores=notes.scores, floors=notes.floors),
    )
    write_dataclass(at.root / RESULTS_FILE, record)
    draw_study(at.root)
    return failed


def draw_study(path: Path, *, mixed: bool = False) -> Path:
    """The page of a study's folder (``report.html``), or of its results as JSON (``NAME.html`` beside the file).

    Args:
        path: the folder, with trials.csv and plan.json or results.json; or a JSON file, whose page has no pictures.
        mixed: whether to fit the mixed models too: seconds per task.

    Raises:
        RegardError: a file is missing or corrupt, or the page cannot be written.
    """
    if not path.is_dir():
        results = read_study_results(path)
        lines = tuple(map(provenance_line, results.made))
        notes = Notes(made=lines, scores=results.values.scores, floors=results.values.floors)
        return write_atomically(path.with_suffix(".html"), render_study(results, notes=notes))
    judged_by = None
    if (path / RESULTS_FILE).exists():
        stored = read_study_results(path)
        judged_by = plan_of(stored.plan, str(path / RESULTS_FILE))
    results = read_study_results(path, plan=judged_by, mixed=mixed)
    notes = read_dataclass(path / NOTES_FILE, Notes, "run `regard study`") if (path / NOTES_FILE).exists() else Notes()
    plan = plan_of(results.plan, str(path / PLAN_FILE))
    pictures = pictures_of(read_galleries(path))
    return write_page(path, render_study(results, plan_changes=changes(plan, path), pictures=pictures, notes=notes))


def report_study(name: str, options: GridOptions, *, mixed: bool = False) -> tuple[StudyResults, Path]:
    """Results and page of a study by its file or name, of what is finished now; nothing is trained.

    Or of a folder with its trials, or of a JSON file with its results (see `draw_study`).
    """
    path = Path(name)
    if not path.is_dir() and path.suffix != ".json":
        at = open_study(name, options)
        write_study(at, at.study.checked_plan(name))
        path = at.root
    page = draw_study(path, mixed=mixed)
    return read_study_results(path), page


def _only(cells: Sequence[Cell], options: GridOptions) -> list[Cell]:
    return [cell for cell in cells if not options.only or cell.spec["task"] in options.only]
