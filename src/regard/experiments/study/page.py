"""The page of a study: hypotheses with their verdicts, the answers to all questions, and pictures."""

from __future__ import annotations

import io
import math
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw

from regard.experiments.study.collect import Gallery
from regard.experiments.study.design import CONDITIONS
from regard.experiments.study.notes import Notes
from regard.experiments.study.panel import ALL_BACKBONES
from regard.experiments.study.plan import digest
from regard.experiments.study.questions import PerformanceRow
from regard.experiments.study.results import StudyResults
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
from regard.plot import Picture, colorize, enlarge, scale_of
from regard.report import Score, listed, plural, render_page, uri

_TILE, _LINE, _GAP = 112, 14, 4  # pixels
_CAPTION = "Each map from its smallest (dark) to its largest value (light)."


@dataclass(frozen=True)
class StudyPicture:
    """A picture of the gallery, as a data URI."""

    uri: str
    title: str
    caption: str = ""


def render_study(
    results: StudyResults,
    *,
    plan_changes: Sequence[str] = (),
    pictures: Sequence[StudyPicture] = (),
    notes: Notes | None = None,
) -> str:
    """The page's HTML; `plan_changes` are `changes` of its plan, `notes` are None where trials come from elsewhere."""
    values = results.values
    performance, similarity, transparency = values.performance, values.similarity, values.transparency
    metrics = list(dict.fromkeys(row.metric for row in similarity.rows))
    metrics.sort(key=lambda metric: metric != values.layers.similarity)  # the plan's first
    shown = _fullest_backbones(performance.rows)
    where = {task: task if backbone == ALL_BACKBONES else f"{task}, {backbone}" for task, backbone in shown.items()}
    sections: dict[str, Any] = {
        "verdicts": [(v, known_rows([finding_row(f) for f in v.findings])[0]) for v in values.verdicts],
        "performance": [
            (
                task,
                backbone,
                backbone == shown[task],
                [
                    performance_row(row, performance.baseline.get(task, ""), CONDITIONS[row.condition].meaning)
                    for row in of_cell(performance.rows, task, backbone)
                ],
            )
            for task, backbone in dict.fromkeys((row.task, row.backbone) for row in performance.rows)
        ],
        "similarity": [
            (metric_name(metric), where[task], metric == metrics[0], [similarity_row(row) for row in rows])
            for metric in metrics
            for task, backbone in shown.items()
            if (rows := [row for row in of_cell(similarity.rows, task, backbone) if row.metric == metric])
        ],
        "transparency": [
            (task, where[task], [transparency_row(row) for row in maps])
            for task, backbone in shown.items()
            if (maps := of_cell(transparency.rows, task, backbone))
        ],
    }
    return render_page(
        "experiments/study/page.html.j2",
        **sections,
        known_rows=known_rows,
        results=results,
        values=values,
        sha256=digest(results.plan) if results.plan else "",
        plan_changes=tuple(plan_changes),
        lead=_lead(results),
        conditions={name: CONDITIONS[name].meaning for name in CONDITIONS if name in _conditions(results)},
        scatters=scatters(values.relation),
        doses=dose_charts(values.dose),
        pictures=tuple(pictures),
        notes=notes or Notes(),
    )


def known_rows(rows: Sequence[Score]) -> tuple[list[Score], list[str]]:
    """Rows with a value, and the labels of those without one, which stand in a sentence below the table."""
    return [row for row in rows if not math.isnan(row.value)], [row.label for row in rows if math.isnan(row.value)]


def _conditions(results: StudyResults) -> set[str]:
    """Those of networks, and doses."""
    values = results.values
    return {row.condition for row in values.performance.rows} | {curve.arm for curve in values.dose.curves}


def _lead(results: StudyResults) -> str:
    """What was studied and what came out, in two sentences."""
    values = results.values
    rows, conditions = values.performance.rows, _conditions(results)
    seeds = len(results.seeds) or max((row.level.seeds for row in rows), default=0)
    sizes = (
        f"{plural(len({row.task for row in rows}), 'task')}, "
        f"{plural(len({row.backbone for row in rows} - {ALL_BACKBONES}), 'backbone')}, "
        f"{plural(len(conditions), 'condition')}, {plural(seeds, 'seed')}."
    )
    words: dict[str, list[str]] = {}
    for verdict in values.verdicts:
        words.setdefault(verdict.word, []).append(verdict.hypothesis)
    return f"{sizes} {'; '.join(f'{listed(names)} {word}' for word, names in words.items())}."


def _fullest_backbones(rows: Sequence[PerformanceRow]) -> Mapping[str, str]:
    """Task -> the backbone with most conditions; of equals the first, which is the mean over all."""
    counts = Counter((row.task, row.backbone) for row in rows)
    return {task: max((b for t, b in counts if t == task), key=lambda b: counts[task, b]) for task, _ in counts}


def pictures_of(galleries: Sequence[Gallery]) -> list[StudyPicture]:
    """One picture per image: the image, where people looked, and the map of every condition."""
    pictures = []
    for gallery in galleries:
        conditions = [name for name in CONDITIONS if name in gallery.maps]
        for i, image in enumerate(gallery.images):
            resized = Image.fromarray(image).resize((_TILE, _TILE), Image.Resampling.BILINEAR)
            tiles = [("image", np.asarray(resized))]
            if np.isfinite(gallery.human[i]).all():
                tiles.append(("people", _colored(gallery.human[i])))
            tiles += [(name, _colored(gallery.maps[name][i])) for name in conditions]
            names = ", ".join(name for name, _ in tiles)
            title = f"{gallery.task}, {gallery.backbone}: {names}"
            pictures.append(StudyPicture(_sheet(tiles), title, _CAPTION))
    return pictures


def _sheet(tiles: Sequence[tuple[str, Picture]], columns: int = 4) -> str:
    """Tiles with their names above them, in rows, as a data URI."""
    rows = -(-len(tiles) // columns)
    width = min(len(tiles), columns) * (_TILE + _GAP) - _GAP
    sheet = Image.new("RGB", (width, rows * (_TILE + _LINE + _GAP) - _GAP), "white")
    draw = ImageDraw.Draw(sheet)
    for k, (name, tile) in enumerate(tiles):
        x, y = (k % columns) * (_TILE + _GAP), (k // columns) * (_TILE + _LINE + _GAP)
        draw.text((x, y), name, fill="black")
        sheet.paste(Image.fromarray(tile), (x, y + _LINE))
    file = io.BytesIO()
    sheet.save(file, format="JPEG", quality=85)
    return uri(file.getvalue(), "jpeg")


def _colored(values: NDArray[np.float32]) -> Picture:
    finite = values[np.isfinite(values)]
    low = float(finite.min()) if finite.size else 0.0
    return colorize(enlarge(values - low, (_TILE, _TILE)), scale_of([values - low], "bits"))
