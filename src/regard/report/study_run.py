"""The command `regard study FILE`: a study's cells run, its trials joined, judged, written and drawn."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from regard.grid import Cell
from regard.grid.cell import DONE
from regard.report.files import write_atomically
from regard.report.grid_run import GridOptions, cell_lines, run_cells
from regard.report.study_gallery import pictures_of
from regard.report.study_notes import notes_of
from regard.report.study_opened import Opened
from regard.report.study_page import Notes, frozen_plan, write_study_page
from regard.report.study_results import results_of
from regard.study import Plan, freeze, read_trials
from regard.study.frozen import TRIALS, plan_of
from regard.study.running import cells_of, failures, find_study, read_study, trials_of
from regard.study.running.gallery import galleries, read_galleries, write_galleries
from regard.tables.table import made_of
from regard.training.environment import environment
from regard.types import RegardError

NOTES, RESULTS = "notes.json", "results.json"


def opened(name: str, options: GridOptions) -> Opened:
    """A study by its file or its name.

    Raises:
        RegardError: no such study, or tasks that it does not have.
    """
    path = find_study(name)
    study = read_study(path)
    options.check_only(study.tasks, "task", path)
    study = replace(study, seeds=options.seeds_of(study.seeds))
    return Opened(study, path.parent, path.stem, options.runs / path.stem)


def make_study(name: str, options: GridOptions) -> tuple[Path, dict[str, str]]:
    """Freezes the plan, runs what is missing, and writes what there is (see `write_study`).

    Returns:
        The study's folder, and path of each failed cell -> why.
    """
    at = opened(name, options)
    plan = at.study.frozen(name)
    at.root.mkdir(parents=True, exist_ok=True)
    freeze(plan, at.root, begun=any(at.grid.rglob(DONE)))
    run_cells(_only(at.tuning, options), at.grid, options)
    run_cells(_only(at.cells, options), at.grid, options)
    return at.root, write_study(at, plan)


def plan_lines(name: str, options: GridOptions) -> list[str]:
    """What `make_study` would run, a line a cell, and how long that takes by cells that are finished."""
    at = opened(name, options)
    first = at.study.tuning.values[0]
    chosen = {key: c if c.weight is not None else replace(c, weight=first) for key, c in at.chosen.items()}
    cells = cells_of(at.study, at.places, at.name, chosen)
    return cell_lines(_only([*at.tuning, *cells], options), at.grid, options.workers)


def write_study(at: Opened, plan: Plan) -> dict[str, str]:
    """trials.csv, results.json, notes.json, gallery.npz and report.html of all finished cells, judged by a plan.

    Returns:
        Path of each failed cell -> why.

    Raises:
        RegardError: no condition has a finished cell.
    """
    cells = [*at.tuning, *at.cells]
    failed = failures(cells, at.grid)
    trials = trials_of(at.cells, at.grid)
    if trials is None:
        why = "; ".join(f"{path}: {said.splitlines()[-1]}" for path, said in failed.items())
        raise RegardError(
            f"{at.root}: no condition has a finished cell, so there is no trial{f' ({why})' if why else ''}"
        )
    trials.to_csv(at.root / TRIALS)
    made = made_of(cells, at.grid)
    notes = notes_of(at, trials, failed, made)
    _write(at.root / NOTES, asdict(notes))
    write_galleries(galleries(at.cells, at.grid), at.root)
    now = environment(at.study.seeds[0])
    record = {
        "name": at.name,
        "command": now["command"],
        "commit": now["commit"],
        "date": datetime.now(UTC).isoformat(timespec="seconds"),
        "versions": now["versions"],
        "hardware": now["hardware"],
        "seeds": at.study.seeds,
        "notes": " ".join([*notes.cannot, *notes.tuned]),
        "made": made,
        "plan": asdict(plan),
        "values": results_of(trials, plan) | {"scores": notes.scores, "floors": notes.floors},
    }
    _write(at.root / RESULTS, record)
    draw_study(at.root)
    return failed


def draw_study(folder: Path, *, mixed: bool = False) -> Path:
    """The page of a study's folder: of its plan and its trials, wherever they come from, and what else lies there."""
    notes, plan = None, None
    if (folder / NOTES).exists() and (folder / RESULTS).exists():
        notes = Notes(**json.loads((folder / NOTES).read_text()))
        plan = plan_of(json.loads((folder / RESULTS).read_text())["plan"], str(folder / RESULTS))
    pictures = pictures_of(read_galleries(folder))
    return write_study_page(folder, plan=plan, mixed=mixed, pictures=pictures, notes=notes)


def report_study(name: str, options: GridOptions, *, mixed: bool = False) -> Path:
    """The page of a study by its file or name, of what is finished now; or of a folder, of the trials that lie there.

    Nothing is trained.
    """
    folder = Path(name)
    if not folder.is_dir():
        at = opened(name, options)
        write_study(at, at.study.frozen(name))
        folder = at.root
    return draw_study(folder, mixed=mixed)


def summary(folder: Path) -> dict[str, Any]:
    """The record of a study's folder, or, where it was not run here, what its trials say."""
    held = folder / RESULTS
    if held.exists():
        found: dict[str, Any] = json.loads(held.read_text())
        return found
    return {"name": folder.resolve().name, "values": results_of(read_trials(folder / TRIALS), frozen_plan(folder))}


def _only(cells: Sequence[Cell], options: GridOptions) -> list[Cell]:
    return [cell for cell in cells if not options.only or cell.spec["task"] in options.only]


def _write(path: Path, content: dict[str, Any]) -> None:
    write_atomically(path, (json.dumps(content, indent=1, allow_nan=False) + "\n").encode())
