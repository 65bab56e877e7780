"""What `regard score` shows: scores with floors and ceiling, in a terminal and as a page, there with a gallery.

The gallery holds the best, typical and worst images by NSS, with their maps and fixations.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from rich.console import Console
from rich.table import Table
from rich.text import Text

from regard.data import read_image
from regard.files import write_arrays
from regard.gaze import Fixations
from regard.listing import find_path
from regard.metrics import best_typical_worst
from regard.plot import scale_of
from regard.reading import ArrayFile
from regard.report import (
    GALLERY_ORDER,
    Panels,
    Terminal,
    interval_text,
    number,
    panels,
    plural,
    render_page,
    signed,
    write_page,
)
from regard.score.maps import MapFiles
from regard.score.results import (
    FLOOR_LABELS,
    METRIC_LABELS,
    REMEDY,
    MapScores,
    ModelComparison,
    ScoredItem,
    ScoreResults,
    read_comparison,
    read_score_results,
)
from regard.types import RegardError

_EACH, _LARGEST = 4, 384  # images per rule; pixels of the longer side
_WHY = {"best": "highest NSS", "typical": "NSS nearest to the median", "worst": "lowest NSS"}


@dataclass(frozen=True)
class FixatedCard(Panels):
    """One image of the gallery with its fixations as percent of width and height, and its scores as text."""

    item: ScoredItem
    points: tuple[tuple[float, float], ...]
    scores: str


def write_score_gallery(
    scores: MapScores, files: MapFiles, fixations: Fixations, images: str | Path, folder: str | Path
) -> tuple[ScoredItem, ...]:
    """Writes ``gallery.npz`` (image_k, map_k, points_k: fixations as shares of width and height) and lists its rows.

    Raises:
        RegardError: an image that cannot be read.
    """
    by_metric = scores.values["maps"]
    arrays: dict[str, Any] = {}
    items: list[ScoredItem] = []
    chosen = best_typical_worst(by_metric["nss"], _EACH) if "nss" in by_metric else {}
    for rule, indices in chosen.items():
        for k in indices.tolist():
            name, row = scores.images[k], len(items)
            picture = read_image(find_path(Path(images) / name))
            size = picture.size
            picture.thumbnail((_LARGEST, _LARGEST))
            points = fixations.select(images=[name]).points()[0].numpy() / size
            arrays |= {f"image_{row}": np.asarray(picture), f"points_{row}": points.astype(np.float32)}
            arrays[f"map_{row}"] = files.read(name)[0, 0].numpy().astype(np.float32)
            values = {metric: float(v[k]) for metric, v in by_metric.items() if not v[k].isnan()}
            items.append(ScoredItem(row, name, rule, _WHY[rule], values))
    if items:
        write_arrays(Path(folder) / "gallery.npz", arrays, parents=True)
    return tuple(items)


def read_gallery(folder: Path, gallery: tuple[ScoredItem, ...]) -> dict[str, Any]:
    """gallery.npz: image_k uint8 (H,W,3), map_k (h,w), points_k (n,2), for each row k of the gallery.

    Raises:
        RegardError: the file is missing, corrupt, or lacks a row.
    """
    if not gallery:
        return {}
    file = folder / "gallery.npz"
    names = [f"{part}_{item.row}" for item in gallery for part in ("image", "map", "points")]
    with ArrayFile(file, REMEDY) as arrays:
        if missing := [name for name in names if name not in arrays]:
            raise RegardError(f"{file}: has no array {missing[0]}; {REMEDY}")
        return {name: arrays[name] for name in names}


def write_score_pages(folder: Path) -> tuple[Path, ...]:
    """Read what `regard score` wrote into ``folder`` and write ``report.html`` there, or of each model compared below.

    Raises:
        RegardError: a file is missing or corrupt, or a page cannot be written.
    """
    if (folder / "scores.json").is_file():
        return (write_score_page(folder),)
    names = dict.fromkeys(name for row in read_comparison(folder) for name in (row.first, row.second))
    return tuple(write_score_page(folder / name) for name in names)


def write_score_page(folder: Path) -> Path:
    """Read the scores of one model's maps in ``folder`` and write ``report.html`` there, whole or not at all.

    Args:
        folder: holds scores.json and gallery.npz.

    Raises:
        RegardError: a file is missing or corrupt, or the page cannot be written.
    """
    results = read_score_results(folder)
    arrays = read_gallery(folder, results.gallery)
    galleries = [(rule, [item for item in results.gallery if item.rule == rule]) for rule in GALLERY_ORDER]
    html = render_page(
        "score/page.html.j2",
        name=results.name or folder.resolve().name,
        results=results,
        rows=results.rows(),
        summary=_summary(results),
        rules=[(rule, [_card(item, arrays) for item in items]) for rule, items in galleries if items],
    )
    return write_page(folder, html)


def _summary(results: ScoreResults) -> str:
    """What was scored, in one or two sentences."""
    text = f"{plural(results.images, 'image')} with {plural(results.fixations, 'fixation')}, "
    text += f"{results.options.get('convention')} convention."
    share = results.share_from_center_to_observers.get("nss", float("nan"))
    if not math.isnan(share):
        text += f" By NSS the maps are {number(100 * share)} % of the way from the centre prior to another observer."
    return text


def _card(item: ScoredItem, arrays: dict[str, Any]) -> FixatedCard:
    values = arrays[f"map_{item.row}"]
    shared = panels(arrays[f"image_{item.row}"], values, scale_of([values], "relevance"))
    return FixatedCard(
        **(vars(shared) | {"map": shared.layer}),  # the map is drawn on the grid of its image
        item=item,
        points=tuple((round(100 * float(x), 2), round(100 * float(y), 2)) for x, y in arrays[f"points_{item.row}"]),
        scores=" · ".join(f"{_label(metric)} {number(value)}" for metric, value in item.score.items()),
    )


def _label(metric: str) -> str:
    return METRIC_LABELS[metric][0] if metric in METRIC_LABELS else metric


def print_map_scores(name: str, results: ScoreResults, console: Console | None = None) -> None:
    """One row per score: value, interval, the three floors, the observers' score, and the share of the way from the
    centre prior to the observers.
    """
    console = console or Terminal()
    title = f"{name}: {plural(results.images, 'image')}, {plural(results.fixations, 'fixation')}"
    table = Table(title=title, title_justify="left", title_style="bold", box=None, padding=(0, 1, 0, 0))
    for head in ("score", "value", "interval", "centre", "other", "uniform", "ceiling", "share"):
        table.add_column(head, justify="left" if head == "score" else "right", no_wrap=True)
    for row in results.rows():
        label = row.label + (" ↓" if row.better == "lower" else "")
        references = [results.scores.get(kind, {}).get(row.key) for kind in (*FLOOR_LABELS, "observers")]
        share = results.share_from_center_to_observers.get(row.key, math.nan)
        table.add_row(
            Text(label),
            Text(number(row.value), style="bold"),
            interval_text(row.low, row.high),
            *("" if b is None or math.isnan(b.mean) else number(b.mean) for b in references),
            "" if math.isnan(share) else f"{100 * share:.0f} %",
        )
    console.print(table)
    for note in results.notes:
        console.print(Text(note, style="dim"))


def print_comparison(rows: Sequence[ModelComparison], console: Console | None = None) -> None:
    """One row per comparison: difference with interval, corrected p, and the better model where p is below .05."""
    table = Table(title="Compared, image by image", title_justify="left", title_style="bold", box=None, pad_edge=False)
    for head in ("score", "models", "difference", "interval", "p, corrected", "better"):
        table.add_column(head, overflow="fold")
    for row in rows:
        table.add_row(
            Text(_label(row.metric)),
            Text(f"{row.first} − {row.second}"),
            signed(row.difference_mean),
            interval_text(row.difference_low, row.difference_high, sign=True),
            number(row.adjusted),
            Text(row.better if row.adjusted < 0.05 else "not clear"),
        )
    (console or Terminal()).print(table)
