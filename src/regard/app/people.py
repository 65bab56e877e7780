"""Maps of uploaded pictures against where people looked: scores of every image, with their floor and ceiling."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from PIL import Image
from torch import Tensor

from regard.app.look import QUICK
from regard.app.work import Job
from regard.data import read_image, to_bytes
from regard.explain import explain
from regard.gaze import Fixations
from regard.judge import Subject
from regard.report import number
from regard.score import METRIC_LABELS, MapKind, MapScores, ScoreOptions, read_fixations, score_maps
from regard.types import Map, RegardError

SCORED_KINDS: Mapping[MapKind, str] = {"maps": "the map", "center": "the centre prior", "observers": "other people"}
"""What is shown of every image: its map, the floor and the ceiling; kind -> in words."""
_SHOWN = ("nss", "auc", "cc")
"""Those that are shown of every image; the summary has all."""


@dataclass(frozen=True)
class Scored:
    """Maps against gaze.

    Attributes:
        fixations: that were read.
        maps: image's name -> its map (h,w), negative values set to 0.
        scores: of them.
        method: by which they were made.
        clipped: whether a map had negative values.
    """

    fixations: Fixations
    maps: Mapping[str, Tensor]
    scores: MapScores
    method: str
    clipped: bool

    def columns(self) -> list[str]:
        """The headings of `rows`: of every metric the map, its floor (the centre prior), its ceiling (observers)."""
        shown = [metric for metric in _SHOWN if metric in self.scores.values["maps"]]
        return [
            "image",
            "points",
            *(f"{METRIC_LABELS[m][0]}{part}" for m in shown for part in ("", " floor", " ceiling")),
        ]

    def rows(self) -> list[list[str]]:
        """A row per image."""
        scores, rows = self.scores, []
        for k, name in enumerate(scores.images):
            cells = [name, str(scores.fixations[k])]
            for metric in _SHOWN:
                if metric not in scores.values["maps"]:
                    continue
                for kind in SCORED_KINDS:
                    values = scores.values.get(kind, {}).get(metric)
                    cells.append("" if values is None or math.isnan(values[k]) else number(float(values[k])))
            rows.append(cells)
        return rows

    def notes(self) -> tuple[str, ...]:
        """What must be known of the numbers."""
        clipped = (f"{self.method} gives signed maps; what speaks against the class counts as 0.",)
        failed = (f"{name}: {why}" for name, why in self.scores.failed.items())
        return (*(clipped if self.clipped else ()), *self.scores.notes, *failed)


def score_people(
    subject: Subject, method: str, gaze: Path, images: Path, work: Job | None = None, *, draws: int = 500
) -> Scored:
    """Explains every image that has fixations, as a whole, and scores its map against them.

    Args:
        subject: the model.
        method: of ``regard.explain.METHODS``; the predicted class is explained.
        gaze: CSV, Parquet or HDF5 file of fixations (`regard.score.read_fixations`).
        images: folder of the images, named as in that file.
        work: is told where the job is, and may stop it.
        draws: bootstrap samples of the intervals over images.

    Raises:
        RegardError: a file of fixations that cannot be read, no image of those that it names, or a method that does
            not suit the model.
        StoppedError: the job was asked to stop.
    """
    work = work or Job()
    work.at(0.0, "reading fixations")
    table = read_fixations(gaze, images)
    maps, clipped = {}, False
    for k, name in enumerate(table.images):
        share = 0.6 * k / len(table.images)
        with work.watching(subject.model, f"map {k + 1} of {len(table.images)}", share):
            values = _whole_map(subject, images / name, method).values[0, 0].cpu()
        clipped = clipped or bool((values < 0).any())
        maps[name] = values.clamp_min(0)
    step = _scoring(work)
    scores = score_maps(maps, table, images, options=ScoreOptions(draws=draws), on_progress=step, name=method)
    if not scores.images:
        raise RegardError("; ".join(f"{name}: {why}" for name, why in scores.failed.items()))
    return Scored(table, maps, scores, method, clipped)


def fixated_points(scored: Scored, name: str) -> list[tuple[float, float]]:
    """Where people looked on an image, in percent of its width and height."""
    at = scored.fixations.images.index(name)
    height, width = scored.fixations.sizes[at]
    rows = scored.fixations.rows(scored.fixations.image == at)
    return [(100 * x / width, 100 * y / height) for x, y in zip(rows.x.tolist(), rows.y.tolist(), strict=True)]


def gather(files: Sequence[Path], folder: Path) -> Path:
    """A folder that holds links to uploaded files, by the name of each.

    Raises:
        RegardError: two files have one name.
    """
    for file in files:
        link = folder / file.name
        if link.exists():
            raise RegardError(f"{file.name}: two pictures have this name; the fixations do not tell them apart")
        link.symlink_to(file.resolve())
    return folder


def _whole_map(subject: Subject, file: Path, method: str) -> Map:
    """The map of an image as a whole, resized without keeping the ratio of its sides, so that it covers the image."""
    height, width = subject.size
    picture = read_image(file).resize((width, height), Image.Resampling.BILINEAR)
    channels = subject.model.shape[0]
    picture = picture.convert("L").convert("RGB") if channels == 1 else picture
    image = to_bytes(picture)[None, :channels].float() / 255
    device = next(subject.model.parameters()).device
    return explain(subject.model, image.to(device), method, **QUICK.get(method, {}))


def _scoring(work: Job) -> Callable[[int, int], None]:
    return lambda done, every: work.at(0.6 + 0.4 * done / every, f"scored {done} of {every}")
