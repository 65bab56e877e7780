"""The command `regard score`: maps of one or more models against fixations, as files, table and page."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path

from rich.progress import Progress

from regard.files import write_json
from regard.gaze import Fixations
from regard.score.gallery import write_gallery
from regard.score.maps import MapFiles, open_source, read_fixations
from regard.score.options import MapScores, ScoreOptions
from regard.score.page import print_compared, print_scored, write_scored_page
from regard.score.results import read_scored
from regard.score.score import compare, score_maps, summary_of, write_scores
from regard.types import RegardError


def score_sources(
    sources: Mapping[str, Path],
    fixations: Path,
    images: Path,
    out: Path,
    *,
    train: Path | None = None,
    options: ScoreOptions,
    as_json: bool = False,
) -> list[str]:
    """Scores every source into ``out`` (each into its own subfolder where there are several), and compares them.

    A folder gets per_image.csv, scores.json, gallery.npz and report.html; two sources or more also get
    comparison.json. What is printed is the table, or with ``as_json`` one JSON object and nothing else.

    Returns:
        What was wrong, an item each; empty if nothing was.

    Raises:
        RegardError: fixations, images or a source that cannot be read at all.
    """
    table = read_fixations(fixations, images)
    learned = None if train is None else read_fixations(train, images)
    opened = {name: open_source(path, images) for name, path in sources.items()}
    results, problems = {}, []
    for name, files in opened.items():
        folder = out if len(opened) == 1 else out / name
        scores = _score(name, files, table, learned, options)
        problems += [f"{name}: {image}: {why}" for image, why in scores.failed.items()]
        if not scores.images:
            raise RegardError(f"{name}: no image could be scored; the first problem: {problems[0]}")
        write_scores(scores, folder, gallery=write_gallery(scores, files, table, images, folder))
        page = write_scored_page(folder, name)
        if not as_json:
            print_scored(name, read_scored(folder))
            print(f"page: {page}")
        results[name] = scores
    said: dict[str, object] = {name: summary_of(scores) for name, scores in results.items()}
    if len(results) > 1:
        rows = compare(results)
        said["comparison"] = [_plain(asdict(row)) for row in rows]
        write_json(out / "comparison.json", said["comparison"], indent=2)
        if not as_json:
            print_compared(rows)
    if as_json:
        print(json.dumps(said, indent=2, allow_nan=False))
    return problems


def named_sources(given: list[str]) -> dict[str, Path]:
    """NAME=PATH, or PATH, which is then called by its last part without ending.

    Raises:
        RegardError: two sources of one name.
    """
    found: dict[str, Path] = {}
    for text in given:
        name, equals, path = text.partition("=")
        if not equals or Path(text).exists():
            name, path = Path(text).resolve().stem, text
        if name in found:
            raise RegardError(f"two sources of maps are called {name!r}: name them, as in --maps first={path}")
        if not name or "/" in name:
            raise RegardError(f"{text}: {name!r} is no name for a folder")
        found[name] = Path(path)
    return found


def _score(name: str, files: MapFiles, table: Fixations, train: Fixations | None, options: ScoreOptions) -> MapScores:
    with Progress(transient=True, disable=len(table.images) < 5) as bar:
        task = bar.add_task(f"scoring {name}", total=len(table.images))
        return score_maps(
            files, table, train=train, options=options, progress=lambda done, _: bar.update(task, completed=done)
        )


def _plain(row: dict[str, object]) -> dict[str, object]:
    """A comparison without its per-image values; NaN as null."""
    difference = row.pop("difference")
    assert isinstance(difference, dict)
    numbers = {f"difference_{k}": difference[k] for k in ("mean", "low", "high")}
    return {k: None if isinstance(v, float) and v != v else v for k, v in (row | numbers).items()}
