"""What a reader must know about how a study was run, from its file and its cells: ``notes.json``."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from regard.experiments.grid import RESULT_FILE
from regard.experiments.runner import CellProvenance
from regard.experiments.study.cells import OpenStudy, TunedWeight
from regard.experiments.study.collect import floors_of, remarks_of, scores_of
from regard.experiments.study.design import SIMILARITY_METRICS
from regard.experiments.study.file import NEEDS_OWN_GAZE
from regard.experiments.study.trials import Trials
from regard.report import listed, number, plural

NOTES_FILE = "notes.json"


@dataclass(frozen=True)
class Notes:
    """How a study was run.

    Attributes:
        title: of the study's file; empty where there is none.
        cannot: questions that the data cannot answer, one sentence each.
        failed: path of a cell that failed -> why.
        tuned: what tuning found, one line per task and backbone.
        made: commit, versions and hardware of the cells, one line each.
        scores: ``task, backbone`` -> condition -> mean of every score of the task, of tasks with more than one score.
        floors: task -> name -> mean performance that needs no network.
    """

    title: str = ""
    cannot: tuple[str, ...] = ()
    failed: Mapping[str, str] = field(default_factory=dict)
    tuned: tuple[str, ...] = ()
    made: tuple[str, ...] = ()
    scores: Mapping[str, Mapping[str, Mapping[str, float]]] = field(default_factory=dict)
    floors: Mapping[str, Mapping[str, float]] = field(default_factory=dict)


def study_notes(at: OpenStudy, trials: Trials, failed: Mapping[str, str], made: Sequence[CellProvenance]) -> Notes:
    """The notes of a study that ran; `failed`: path of a cell -> why."""
    cannot = list(_unanswerable(at, trials))
    absent = sum(not (at.grid / cell.path / RESULT_FILE).exists() for cell in at.cells)
    if absent:
        cannot.append(f"{plural(absent, 'network')} of {len(at.cells)} are not trained: results are of the others.")
    return Notes(
        at.study.title,
        tuple(cannot),
        dict(failed),
        tuple(_tuning_lines(at.weights)),
        tuple(map(provenance_line, made)),
        scores_of(at.cells, at.grid),
        floors_of(at.cells, at.grid),
    )


def provenance_line(how: CellProvenance) -> str:
    """Commit, torch version and hardware of some networks, in one line."""
    hardware = how.hardware
    gpus = "" if hardware["gpus"] == "none" else f", {hardware['gpus']}"
    return (
        f"{plural(how.cells, 'network')}: commit {how.commit}, torch {how.versions['torch']}, "
        f"{hardware['processor']}, {hardware['cores']} cores{gpus}"
    )


def _unanswerable(at: OpenStudy, trials: Trials) -> Iterator[str]:
    for setup in at.setups:
        if setup.layer:
            continue
        gaze, name = setup.base.align.gaze or "own", f"{setup.task}, {setup.backbone}"
        if gaze != "own" and setup.backbone == next(iter(at.study.tasks[setup.task].backbones), setup.backbone):
            yield (
                f"{setup.task}: people looked at the images of {gaze}, not at the task's. Similarity is measured on "
                f"those images and performance on the task's, so the two can be compared over means of runs alone, "
                f"and {listed(NEEDS_OWN_GAZE)}, which need gaze on the task's images, are not possible."
            )
        if setup.base.model.pretrained is False:
            yield f"{name}: learned from scratch, without pretrained weights."
    for task in trials.tasks:
        rows = trials.frame[trials.frame["task"] == task]
        if not any(rows[metric].notna().any() for metric in SIMILARITY_METRICS if metric in rows):
            yield f"{task}: there is no gaze, so similarity is not measured."
    for task, remarks in remarks_of(at.cells, at.grid).items():
        yield from (f"{task}: {remark}" for remark in remarks)


def _tuning_lines(weights: Mapping[tuple[str, str], TunedWeight]) -> Iterator[str]:
    for (task, backbone), tuned in weights.items():
        trials = "; ".join(
            f"{number(weight)}: " + ", ".join(f"{c} {'failed' if s is None else number(s)}" for c, s in scores.items())
            for weight, scores in tuned.scores.items()
        )
        kept = "none, as a trial failed" if tuned.weight is None else number(tuned.weight)
        yield f"{task}, {backbone}: {kept} (validation score of each trial: {trials})"
