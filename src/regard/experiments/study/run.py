"""The command `regard study FILE`: a study's cells run, its trials joined, judged, written and drawn.

A study that is at hand: its file, its folder, its cells.

A study's answers as JSON: what a record of results holds.

What a reader must be told of how a study was run, made from its file and its cells.
"""

from __future__ import annotations

import json
import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, fields, is_dataclass, replace
from datetime import UTC, datetime
from functools import cached_property
from pathlib import Path
from typing import Any

from regard.experiments.grid.cell import DONE, Cell
from regard.experiments.runner import GridOptions, cell_lines, made_of, run_cells
from regard.experiments.stats import Estimate
from regard.experiments.study.cells import Chosen, Place, cells_of, choose, places, tuning_cells
from regard.experiments.study.collect import (
    failures,
    floors_of,
    galleries,
    read_galleries,
    remarks_of,
    scores_of,
    trials_of,
    write_galleries,
)
from regard.experiments.study.design import METRICS
from regard.experiments.study.file import ON_OWN_GAZE, StudyFile, find_study, read_study
from regard.experiments.study.page import Notes, frozen_plan, pictures_of, write_study_page
from regard.experiments.study.plan import TRIALS, Plan, freeze, plan_of
from regard.experiments.study.questions import QUESTIONS
from regard.experiments.study.trials import Trials, read_trials
from regard.experiments.study.verdicts import judge
from regard.files import write_json
from regard.report import listed, number, plural
from regard.training import collect_provenance
from regard.types import RegardError

CELLS = "cells"
"""The grid's folder in the study's."""


@dataclass(frozen=True)
class Opened:
    """A study that is at hand.

    Attributes:
        study: what its file says.
        folder: of the file.
        name: of its own folder.
        root: its own folder.
    """

    study: StudyFile
    folder: Path
    name: str
    root: Path

    @property
    def grid(self) -> Path:
        """Where its cells lie."""
        return self.root / CELLS

    @cached_property
    def places(self) -> list[Place]:
        """Tasks and backbones with their recipes."""
        return places(self.study, self.folder)

    @cached_property
    def tuning(self) -> list[Cell]:
        """Trials of the weight."""
        return tuning_cells(self.study, self.places, self.name)

    @cached_property
    def chosen(self) -> dict[tuple[str, str], Chosen]:
        """What they found; to be asked when they have run."""
        return choose(self.study, self.tuning, self.grid)

    @cached_property
    def cells(self) -> list[Cell]:
        """All other cells, with the weights that were found."""
        return cells_of(self.study, self.places, self.name, self.chosen)


def results_of(trials: Trials, plan: Plan) -> dict[str, Any]:
    """Verdicts with every contrast, and the answers to all questions; numbers that are undefined are null.

    >>> plain(Estimate(0.5, seeds=3, runs=6, images=10))["value"]
    0.5
    """
    similarity = {"similarity": plan.similarity}
    given: dict[str, dict[str, Any]] = dict.fromkeys(("relation", "layers", "transparency"), similarity)
    answers = {name: plain(ask(trials, **given.get(name, {}))) for name, ask in QUESTIONS.items()}
    verdicts = [
        {
            "hypothesis": v.hypothesis.name,
            "claim": v.hypothesis.claim,
            "word": v.word,
            "notes": list(v.notes),
            "findings": [
                {"contrast": f.contrast.said, "case": f.case, "sesoi": f.contrast.sesoi}
                | plain(f.estimate)
                | {"detectable": plain(f.detectable)}
                for f in v.findings
            ],
        }
        for v in judge(trials, plan)
    ]
    return {"verdicts": verdicts} | answers


def plain(value: Any) -> Any:
    """Answers in JSON's types: an estimate with its interval and what went into it, all else as it is."""
    if isinstance(value, Estimate):
        numbers = {"value": value.value, "low": value.low, "high": value.high}
        held = {"seeds": value.seeds, "runs": value.runs, "images": value.images, "left_out": dict(value.left_out)}
        return {name: plain(number) for name, number in numbers.items()} | held
    if is_dataclass(value) and not isinstance(value, type):
        return {f.name: plain(getattr(value, f.name)) for f in fields(value)}
    if isinstance(value, Mapping):
        return {str(key): plain(inner) for key, inner in value.items()}
    if isinstance(value, Sequence) and not isinstance(value, str):
        return [plain(inner) for inner in value]
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    return value


def notes_of(at: Opened, trials: Trials, failed: Mapping[str, str], made: Sequence[Mapping[str, Any]]) -> Notes:
    """Of a study that ran.

    Args:
        at: the study.
        trials: of what is finished.
        failed: path of a cell -> why.
        made: of `regard.experiments.tables.table.made_of`.
    """
    absent = sum(not (at.grid / cell.path / DONE).exists() for cell in at.cells)
    cannot = list(_cannot(at, trials))
    if absent:
        of = f"{plural(absent, 'network')} of {len(at.cells)}"
        cannot.append(f"{of} are not trained: what follows is of the others.")
    return Notes(
        at.study.title,
        tuple(cannot),
        dict(failed),
        tuple(_tuned(at.chosen)),
        tuple(map(_made, made)),
        scores_of(at.cells, at.grid),
        floors_of(at.cells, at.grid),
    )


def _cannot(at: Opened, trials: Trials) -> Iterator[str]:
    for place in at.places:
        if place.layer:
            continue
        gaze, name = place.base.align.gaze or "own", f"{place.task}, {place.backbone}"
        if gaze != "own" and place.backbone == next(iter(at.study.tasks[place.task].backbones), place.backbone):
            yield (
                f"{place.task}: people looked at the images of {gaze}, not at the task's. Similarity is of those "
                f"images, performance of the task's, so the two meet in the means of runs alone, and "
                f"{listed(ON_OWN_GAZE)}, which need gaze on the task's images, are not possible."
            )
        if place.base.model.pretrained is False:
            yield f"{name}: learned from scratch, without pretrained weights."
    for task in trials.tasks:
        own = trials.frame[trials.frame["task"] == task]
        if not any(own[metric].notna().any() for metric in METRICS if metric in own):
            yield f"{task}: it is not known where people looked, so nothing is said of similarity."
    for task, remarks in remarks_of(at.cells, at.grid).items():
        yield from (f"{task}: {remark}" for remark in remarks)


def _tuned(chosen: Mapping[tuple[str, str], Chosen]) -> Iterator[str]:
    for (task, backbone), found in chosen.items():
        tried = "; ".join(
            f"{number(weight)}: " + ", ".join(f"{c} {'failed' if s is None else number(s)}" for c, s in scores.items())
            for weight, scores in found.scores.items()
        )
        kept = "none, as a trial failed" if found.weight is None else number(found.weight)
        yield f"{task}, {backbone}: {kept} (validation score of each trial: {tried})"


def _made(how: Mapping[str, Any]) -> str:
    hardware, versions = how["hardware"], how["versions"]
    graphics = "" if hardware["gpus"] == "none" else f", {hardware['gpus']}"
    return (
        f"{plural(how['cells'], 'network')}: commit {how['commit']}, torch {versions['torch']}, "
        f"{hardware['processor']}, {hardware['cores']} cores{graphics}"
    )


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
    write_json(at.root / NOTES, asdict(notes))
    write_galleries(galleries(at.cells, at.grid), at.root)
    now = collect_provenance(at.study.seeds[0])
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
    write_json(at.root / RESULTS, record)
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
