"""What a reader must be told of how a study was run, made from its file and its cells."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from regard.grid.cell import DONE
from regard.report.study_opened import Opened
from regard.report.study_page import Notes
from regard.report.words import listed, number, plural
from regard.study import Trials
from regard.study.columns import METRICS
from regard.study.running import Chosen, floors_of, remarks_of, scores_of
from regard.study.running.arms import ON_OWN_GAZE


def notes_of(at: Opened, trials: Trials, failed: Mapping[str, str], made: Sequence[Mapping[str, Any]]) -> Notes:
    """Of a study that ran.

    Args:
        at: the study.
        trials: of what is finished.
        failed: path of a cell -> why.
        made: of `regard.tables.table.made_of`.
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
