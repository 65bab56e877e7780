"""`regard score` on workers: each scores some of the images, beside a centre prior and a ceiling of all of them."""

from __future__ import annotations

import json
from collections.abc import Mapping
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np

from regard.experiments.grid import Cell, Result
from regard.experiments.shards.run import (
    ShardFolder,
    WorkerOptions,
    cut,
    done_or_single,
    refusing,
    shard_cell,
    shard_folder,
)
from regard.gaze import GazeReading
from regard.owner import owns
from regard.reading import parse_json
from regard.report import to_json
from regard.score import ScoreCarry, ScoredRows, ScoreOptions, Scoring, SourceScores, read_fixations, score_sources

_IMAGES = 32
"""Of a shard."""


@owns("out")
def score_on_workers(
    sources: Mapping[str, Path],
    fixations: Path,
    images: Path,
    out: Path,
    *,
    workers: WorkerOptions,
    train: Path | None = None,
    options: ScoreOptions,
    reading: GazeReading | None = None,
) -> SourceScores:
    """`regard.score.score_sources` in worker processes: the same files.

    An image whose process ends without an answer is among ``failed``; the others are scored. What is fitted to all
    images (calibration, the observers' mixture) is fitted in every worker, to the same numbers.

    Args:
        sources: name -> maps.
        fixations: their file.
        images: folder of the images.
        out: folder.
        workers: how many, and where.
        train: fixations of a train split.
        options: settings.
        reading: how files of fixations are read.

    Raises:
        RegardError: see `score_sources`.
    """
    names = read_fixations(fixations, images, **(reading or {})).images
    given: dict[str, Any] = {
        "fixations": str(fixations),
        "images": str(images),
        "train": None if train is None else str(train),
    }
    given |= {"options": to_json(options), "reading": reading or {}}
    with shard_folder(out, workers) as shards:

        def carry(name: str) -> ScoreCarry:
            spec = {**given, "maps": str(sources[name]), "stamps": _stamps(sources[name], fixations, train)}
            return lambda count: _scored(shards, name, names, spec)

        return score_sources(
            sources, fixations, images, out, train=train, options=options, reading=reading, carry=carry
        )


def _scored(shards: ShardFolder, source: str, names: tuple[str, ...], spec: Mapping[str, Any]) -> ScoredRows:
    """Scores of all images of one source."""

    def cell_of(part: range) -> Cell:
        return shard_cell(score_shard, source, part, {**spec, "part": [part.start, part.stop]})

    done, lost = done_or_single(shards, cut(len(names), _IMAGES), cell_of)
    rows: dict[str, Any] = {}
    failed = {names[k]: why.splitlines()[-1] for k, why in lost.items()}
    notes: set[str] = set()
    for _, result in done:
        notes.update(result.values["notes"])
        failed |= result.values["failed"]
        for k, name in enumerate(result.values["scored"]):
            rows[name] = {kind: {} for kind in result.values["kinds"]}
            for column, values in result.arrays.items():
                kind, _, metric = column.partition("/")
                rows[name][kind][metric] = float(values[k])
    order = {name: k for k, name in enumerate(names)}
    return ScoredRows(rows, dict(sorted(failed.items(), key=lambda item: order[item[0]])), tuple(sorted(notes)))


def score_shard(cell: Cell, folder: Path) -> Result:
    """A worker's images; a score that an image lacks is NaN."""

    def work() -> Result:
        spec = cell.spec
        scored = _opened(json.dumps({name: spec[name] for name in spec if name != "part"})).rows(range(*spec["part"]))
        found = {(kind, metric) for row in scored.rows.values() for kind, values in row.items() for metric in values}
        arrays = {
            f"{kind}/{metric}": np.array([row.get(kind, {}).get(metric, np.nan) for row in scored.rows.values()])
            for kind, metric in sorted(found)
        }
        kinds = sorted({kind for kind, _ in found})
        values = {"scored": list(scored.rows), "failed": dict(scored.failed), "notes": scored.notes, "kinds": kinds}
        return Result(values, arrays)

    return refusing(work)


@lru_cache(maxsize=1)
def _opened(asked: str) -> Scoring:
    """Maps and fixations, opened and fitted once in a worker."""
    spec = parse_json(asked)
    reading: Any = {name: tuple(value) if isinstance(value, list) else value for name, value in spec["reading"].items()}
    return Scoring.opened(
        spec["maps"],
        spec["fixations"],
        spec["images"],
        train=spec["train"],
        options=ScoreOptions(**spec["options"]),
        reading=reading,
    )


def _stamps(*paths: Path | None) -> list[list[Any]]:
    """Size and time of files and folders: shards of maps or fixations that were changed since are done again."""
    states = [(path, path.stat()) for path in paths if path is not None and path.exists()]
    return [[str(path), state.st_size, state.st_mtime_ns] for path, state in states]
