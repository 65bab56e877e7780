"""The page of a study: hypotheses with their verdicts, then what each of the questions found.

A study's pictures: an image, where people looked, and the map of every condition, side by side.
"""

from __future__ import annotations

import io
import json
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw

from regard.experiments.study.collect import Gallery
from regard.experiments.study.design import CONDITIONS
from regard.experiments.study.plan import PLAN, TRIALS, Plan, changes, digest, plan_of
from regard.experiments.study.questions.common import ALL
from regard.experiments.study.questions.dose import dose
from regard.experiments.study.questions.layers import layers
from regard.experiments.study.questions.performance import PerformanceRow, performance
from regard.experiments.study.questions.relation import relation
from regard.experiments.study.questions.robustness import robustness
from regard.experiments.study.questions.similarity import similarity
from regard.experiments.study.questions.transparency import transparency
from regard.experiments.study.rows import (
    dose_charts,
    finding_row,
    metric_name,
    of_cell,
    performance_row,
    scatters,
    similarity_row,
    transparency_row,
)
from regard.experiments.study.trials import Trials, read_trials
from regard.experiments.study.verdicts import Verdict, judge
from regard.report import Picture, colorize, enlarge, listed, plural, render_page, scale_of, uri, write_page
from regard.types import RegardError


@dataclass(frozen=True)
class StudyPicture:
    """A picture for the gallery, as a data URI."""

    uri: str
    title: str
    said: str = ""


@dataclass(frozen=True)
class Notes:
    """What a reader must know of how a study was run.

    Attributes:
        title: of the study's file; its folder's name where it has none.
        cannot: what the data at hand cannot answer, a sentence each.
        failed: path of a cell that failed -> why.
        tuned: what tuning found, a line a task and backbone.
        made: with what cells were trained, a line each.
        scores: place -> condition -> mean of every score of the task, where there are more than the trials hold.
        floors: task -> name -> mean performance that needs no network.
    """

    title: str = ""
    cannot: tuple[str, ...] = ()
    failed: Mapping[str, str] = field(default_factory=dict)
    tuned: tuple[str, ...] = ()
    made: tuple[str, ...] = ()
    scores: Mapping[str, Mapping[str, Mapping[str, float]]] = field(default_factory=dict)
    floors: Mapping[str, Mapping[str, float]] = field(default_factory=dict)


def write_study_page(
    folder: Path,
    *,
    plan: Plan | None = None,
    mixed: bool = False,
    pictures: Sequence[StudyPicture] = (),
    notes: Notes | None = None,
) -> Path:
    """Read trials.csv and plan.json of a study's folder and write ``report.html`` there, whole or not at all.

    Args:
        folder: of the study.
        plan: by which is judged; where it is not the one that was frozen, the page says what was changed.
        mixed: whether to fit the mixed models too: seconds a task.
        pictures: for the gallery, which is left out without any.
        notes: of whoever ran it; none where the table came from elsewhere.

    Raises:
        RegardError: a file is missing or corrupt, or the page cannot be written.
    """
    trials = read_trials(folder / TRIALS)
    plan = plan or frozen_plan(folder)
    told, name = changes(plan, folder), folder.resolve().name
    html = render_study(trials, plan, name, told=told, mixed=mixed, pictures=pictures, notes=notes)
    return write_page(folder, html)


def frozen_plan(folder: Path) -> Plan:
    """The plan that was frozen in a study's folder.

    Raises:
        RegardError: there is none, or it cannot be read.
    """
    file = folder / PLAN
    try:
        return plan_of(json.loads(file.read_text())["plan"], str(file))
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise RegardError(
            f"{file}: cannot be read as a frozen plan ({error}); freeze it before the first cell"
        ) from error


def render_study(
    trials: Trials,
    plan: Plan,
    name: str,
    *,
    told: Sequence[str] = (),
    mixed: bool = False,
    pictures: Sequence[StudyPicture] = (),
    notes: Notes | None = None,
) -> str:
    """The page's HTML."""
    verdicts = judge(trials, plan)
    a, b = performance(trials), similarity(trials)
    c, d = relation(trials, similarity=plan.similarity, mixed=mixed), dose(trials)
    f = transparency(trials, similarity=plan.similarity)
    cells = list(dict.fromkeys((row.task, row.backbone) for row in a.rows))
    metrics = list(dict.fromkeys(row.metric for row in b.rows))
    metrics.sort(key=lambda m: m != plan.similarity)  # the plan's first
    said = {row.condition: CONDITIONS[row.condition].said for row in a.rows}
    shown_of = _fullest(a.rows)
    where = {task: task if backbone == ALL else f"{task}, {backbone}" for task, backbone in shown_of.items()}
    shown: dict[str, Any] = {
        "verdicts": [(v, [finding_row(x) for x in v.findings]) for v in verdicts],
        "performance": [
            (
                task,
                backbone,
                backbone == shown_of[task],
                [
                    performance_row(r, a.baseline.get(task, ""), said[r.condition])
                    for r in of_cell(a.rows, task, backbone)
                ],
            )
            for task, backbone in cells
        ],
        "similarity": [
            (metric_name(m), where[task], m == metrics[0], [similarity_row(r) for r in rows])
            for m in metrics
            for task, backbone in shown_of.items()
            if (rows := [r for r in b.rows if (r.metric, r.task, r.backbone) == (m, task, backbone)])
        ],
        "transparency": [
            (task, where[task], [transparency_row(r) for r in cell])
            for task, backbone in shown_of.items()
            if (cell := of_cell(f.rows, task, backbone))
        ],
    }
    return render_page(
        "experiments/study/page.html.j2",
        **shown,
        name=name,
        plan=plan,
        sha256=digest(plan),
        told=tuple(told),
        lead=lead(trials, verdicts),
        scatters=scatters(c),
        relation=c,
        doses=dose_charts(d),
        dose=d,
        layers=layers(trials, similarity=plan.similarity),
        robustness=robustness(trials),
        closer=f.closer,
        limits={"performance": a.limits, "similarity": b.limits, "transparency": f.limits},
        pictures=tuple(pictures),
        notes=notes or Notes(),
    )


def lead(trials: Trials, verdicts: Sequence[Verdict]) -> str:
    """What was studied and what came out, in two sentences."""
    frame = trials.frame
    sizes = (
        f"{plural(len(trials.tasks), 'task')}, {plural(frame['backbone'].nunique(), 'backbone')}, "
        f"{plural(frame['condition'].nunique(), 'condition')}, {plural(frame['seed'].nunique(), 'seed')}, "
        f"{plural(len(frame), 'trial')}."
    )
    words = {
        word: [v.hypothesis.name for v in verdicts if v.word == word]
        for word in dict.fromkeys(v.word for v in verdicts)
    }
    return f"{sizes} {'; '.join(f'{listed(names)} {word}' for word, names in words.items())}."


def _fullest(rows: Sequence[PerformanceRow]) -> dict[str, str]:
    """Task -> the backbone with most conditions; of equals the first, which is the mean over all."""
    counts = Counter((row.task, row.backbone) for row in rows)
    return {task: max((b for t, b in counts if t == task), key=lambda b: counts[task, b]) for task, _ in counts}


TILE, LINE, _GAP = 112, 14, 4  # pixels
SAID = "Each map from its smallest (dark) to its largest value (light)."


def pictures_of(galleries: Sequence[Gallery]) -> list[StudyPicture]:
    """One picture an image, tiles in the order of the conditions."""
    found = []
    for gallery in galleries:
        order = [name for name in CONDITIONS if name in gallery.maps]
        for i, image in enumerate(gallery.images):
            tiles = [("image", _fit(image))]
            if np.isfinite(gallery.human[i]).all():
                tiles.append(("people", _map(gallery.human[i])))
            tiles += [(name, _map(gallery.maps[name][i])) for name in order]
            names = ", ".join(name for name, _ in tiles)
            found.append(StudyPicture(_uri(_sheet(tiles)), f"{gallery.task}, {gallery.backbone}: {names}", SAID))
    return found


def _sheet(tiles: Sequence[tuple[str, Picture]], across: int = 4) -> Picture:
    """Tiles with their names above them, so many in a row."""
    rows = -(-len(tiles) // across)
    width = min(len(tiles), across) * (TILE + _GAP) - _GAP
    sheet = Image.new("RGB", (width, rows * (TILE + LINE + _GAP) - _GAP), "white")
    draw = ImageDraw.Draw(sheet)
    for k, (name, tile) in enumerate(tiles):
        x, y = (k % across) * (TILE + _GAP), (k // across) * (TILE + LINE + _GAP)
        draw.text((x, y), name, fill="black")
        sheet.paste(Image.fromarray(tile), (x, y + LINE))
    return np.asarray(sheet)


def _uri(sheet: Picture) -> str:
    held = io.BytesIO()
    Image.fromarray(sheet).save(held, format="JPEG", quality=85)
    return uri(held.getvalue(), "jpeg")


def _fit(image: Picture) -> Picture:
    return np.asarray(Image.fromarray(image).resize((TILE, TILE), Image.Resampling.BILINEAR))


def _map(values: NDArray[np.float32]) -> Picture:
    finite = values[np.isfinite(values)]
    low = float(finite.min()) if finite.size else 0.0
    return colorize(enlarge(values - low, (TILE, TILE)), scale_of([values - low], "bits"))
