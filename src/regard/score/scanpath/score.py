"""Scanpaths of models against people's, with what a steady gaze and other images' scanpaths score, and what people do.

A gaze that rests on the centre is nearly as like people's scanpaths as learned policies are (arXiv 2602.14834), so no
score is made without it.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations
from pathlib import Path

import numpy as np

from regard.files import write_atomically
from regard.gaze import SIGMA, Fixations, GazeReading, scanpaths
from regard.metrics.scanpath import SCANPATH_METRICS, Scanpath, fixation_clusters, scanpath_similarity
from regard.owner import owns
from regard.report import write_dataclass
from regard.score.maps import read_fixations
from regard.score.people import CEILING_KEY, PeopleResults, compare_with_people, per_image_table
from regard.score.scanpath.page import write_scanpath_gallery, write_scanpath_page
from regard.score.scanpath.results import FLOORS
from regard.types import RegardError

_Paths = Mapping[str, Scanpath]
_Pair = tuple[Scanpath, Scanpath]


@dataclass(frozen=True)
class ScanpathOptions:
    """How scanpaths are compared.

    Attributes:
        bandwidth: radius in which people's fixations are one cluster (mean shift), image pixels; None: two degrees
            where known, else twice `regard.gaze.SIGMA` of the image's width.
        draws: bootstrap samples over images.
        seed: of the bootstrap.
    """

    bandwidth: float | None = None
    draws: int = 2000
    seed: int = 0


@owns("out")
def score_scanpaths(
    models: Mapping[str, Fixations | str | Path],
    fixations: Fixations | str | Path,
    images: str | Path | None = None,
    *,
    options: ScanpathOptions | None = None,
    reading: GazeReading | None = None,
    out: str | Path | None = None,
    on_progress: Callable[[int, int], None] | None = None,
) -> PeopleResults:
    """Score scanpaths of models: the mean similarity to each observer's on the same image (`SCANPATH_METRICS`).

    Beside it stand two floors, a gaze that rests on the centre (as many fixations as the median viewing has, of the
    median duration) and people's scanpaths on another image, and the ceiling: people's scanpaths against those of the
    other observers. A model that draws scanpaths as a random observer does reaches the ceiling; one that always gives a
    typical scanpath may exceed it, as it is nearer to all people than they are to each other.

    Args:
        models: name -> scanpaths: a table, or a file (CSV needs ``images``). Several subjects on an image are several
            scanpaths of the model, whose similarities are averaged.
        fixations: people's, likewise.
        images: folder of the images.
        options: settings; the defaults if not given.
        reading: how the file of people's fixations is read, see `read_fixations`.
        out: folder for per_image.csv, scanpaths.json and, with ``images``, report.html; without it no file is written.
        on_progress: called with (done, all) after each image.

    Raises:
        RegardError: a file that cannot be read, viewings that are not told apart, or a model without a scanpath on any
            of the images.

    >>> from regard.gaze import make_fixations
    >>> x, y = [1, 7, 4, 2, 7, 4, 4, 4, 1, 5, 4, 1], [1, 1, 5, 1, 2, 5, 1, 5, 5, 1, 5, 4]
    >>> sizes = {"a": (6, 8), "b": (6, 8)}
    >>> gaze = make_fixations(image=["a"] * 6 + ["b"] * 6, subject=[0, 0, 0, 1, 1, 1] * 2, x=x, y=y, sizes=sizes)
    >>> results = score_scanpaths({"the first observer": gaze.select(subjects=["0"])}, gaze)
    >>> round(results.references["observers"]["string_edit"].mean, 3)
    0.333
    """
    options = options or ScanpathOptions()
    people_table = read_fixations(fixations, images, **(reading or {}))
    people = scanpaths(people_table)
    tables = {name: read_fixations(source, images) for name, source in models.items()}
    predicted = {name: scanpaths(_on_images_of(people_table, table, name)) for name, table in tables.items()}
    sizes = {name: (int(h), int(w)) for name, (h, w) in zip(people_table.images, people_table.sizes, strict=True)}
    length = round(float(np.median([len(path) for paths in people.values() for path in paths.values()])))
    durations = people_table.duration[~np.isnan(people_table.duration)]
    lasting = float(np.median(durations)) if len(durations) else math.nan
    names = list(people)
    rows: dict[str, list[dict[str, float]]] = {kind: [] for kind in (*models, *FLOORS, CEILING_KEY)}
    for k, name in enumerate(names):
        size, paths = sizes[name], people[name]
        bandwidth = options.bandwidth or 2 * (people_table.pixels_per_degree or SIGMA * size[1])
        centers = fixation_clusters(np.concatenate(list(paths.values()))[:, :2], bandwidth)
        resting = np.tile([(size[1] - 1) / 2, (size[0] - 1) / 2, lasting], (length, 1))
        another = names[(k + 1) % len(names)]
        ratio = np.array([size[1] / sizes[another][1], size[0] / sizes[another][0], 1])
        pairs: dict[str, list[_Pair]] = {
            "center": [(resting, path) for path in paths.values()],
            "other_image": _between_people({who: p * ratio for who, p in people[another].items()}, paths),
            CEILING_KEY: list(combinations(paths.values(), 2)),
        }
        if another == name:
            pairs["other_image"] = []
        for model in models:
            pairs[model] = [(own, path) for own in predicted[model].get(name, {}).values() for path in paths.values()]
        for kind, found in pairs.items():
            rows[kind].append(_mean_similarity([scanpath_similarity(a, b, size, centers) for a, b in found]))
        if on_progress is not None:
            on_progress(k + 1, len(names))
    notes = []
    if all(math.isnan(row["sequence_score"]) for row in rows[CEILING_KEY]):
        notes.append("No ceiling: no image was seen by two observers.")
    if all(math.isnan(row["scanmatch_time"]) for row in rows["center"]):
        notes.append("No scores of time: durations of people's fixations are unknown.")
    results = compare_with_people(
        rows,
        list(models),
        FLOORS,
        "other observers",
        images=len(names),
        people=sum(len(paths) for paths in people.values()),
        missing={model: tuple(name for name in names if name not in predicted[model]) for model in models},
        notes=notes,
        draws=options.draws,
        seed=options.seed,
    )
    if out is not None:
        folder = Path(out)
        write_atomically(folder / "per_image.csv", per_image_table(names, rows), parents=True)
        if images is not None:
            sequence = np.array([[row["sequence_score"] for row in rows[model]] for model in models])
            results = write_scanpath_gallery(results, sequence, people, predicted, images, folder)
        write_dataclass(folder / "scanpaths.json", results, indent=2)
        if images is not None:
            write_scanpath_page(folder)
    return results


def _on_images_of(people: Fixations, table: Fixations, name: str) -> Fixations:
    """A model's table on the images that people saw, in their pixels."""
    common = [image for image in people.images if image in set(table.images)]
    if not common:
        raise RegardError(f"{name} has no scanpath on any of the {len(people.images)} images that people looked at")
    place = {image: k for k, image in enumerate(people.images)}
    return table.select(images=common).rescale(people.sizes[[place[image] for image in common]])


def _between_people(others: _Paths, paths: _Paths) -> list[_Pair]:
    """Scanpaths of different observers."""
    return [(a, b) for who, a in others.items() for whose, b in paths.items() if who != whose]


def _mean_similarity(found: Sequence[Mapping[str, float]]) -> dict[str, float]:
    """Mean over pairs of each metric, of those that are defined; NaN where none is."""
    means = {}
    for metric in SCANPATH_METRICS:
        values = np.array([row[metric] for row in found])
        means[metric] = float(values[~np.isnan(values)].mean()) if (~np.isnan(values)).any() else math.nan
    return means
