"""The page of `regard score`: scores among their floors and ceiling, images with their maps and fixations.

The scores of maps and the comparison of models in a terminal.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table
from rich.text import Text

from regard.report import (
    LARGEST,
    ORDER,
    colorize,
    enlarge,
    image_uri,
    interval_text,
    number,
    plural,
    png,
    render_page,
    scale_of,
    signed,
    uri,
    write_page,
)
from regard.score.results import FLOOR_LABELS, METRIC_LABELS, Scored, Shown, read_arrays, read_scored
from regard.score.score import Comparison


@dataclass(frozen=True)
class FixatedCard:
    """One image: picture, map and overlay as data URIs, fixations as percent of width and height."""

    item: Shown
    image: str
    map: str
    layer: str
    width: int
    height: int
    low: float
    high: float
    points: tuple[tuple[float, float], ...]
    said: str


def write_scored_page(folder: Path, name: str) -> Path:
    """Read what `regard score` wrote into ``folder`` and write ``report.html`` there, whole or not at all.

    Args:
        folder: holds scores.json and gallery.npz.
        name: of the maps, the page's title.

    Raises:
        RegardError: a file is missing or corrupt, or the page cannot be written.
    """
    scored = read_scored(folder)
    arrays = read_arrays(folder, scored)
    galleries = [(rule, [item for item in scored.gallery if item.rule == rule]) for rule in ORDER]
    html = render_page(
        "score/page.html.j2",
        name=name,
        scored=scored,
        rows=scored.rows(),
        summary=summary(scored),
        rules=[(rule, [_card(item, arrays) for item in items]) for rule, items in galleries if items],
    )
    return write_page(folder, html)


def summary(scored: Scored) -> str:
    """What was scored, in a sentence or two."""
    said = f"{plural(scored.images, 'image')} with {plural(scored.fixations, 'fixation')}, "
    said += f"{scored.options.get('convention')} convention."
    share = scored.share_from_center_to_observers.get("nss", float("nan"))
    if share == share:
        said += f" By NSS the maps are {number(100 * share)} % of the way from the centre prior to another observer."
    return said


def _card(item: Shown, arrays: dict[str, Any]) -> FixatedCard:
    image, values = arrays[f"image_{item.row}"], arrays[f"map_{item.row}"]
    height, width = image.shape[:2]
    shrink = min(1.0, LARGEST / max(height, width))
    scale = scale_of([values], "relevance")
    layer = enlarge(values, (max(1, round(height * shrink)), max(1, round(width * shrink))))
    said = [f"{METRIC_LABELS[k][0] if k in METRIC_LABELS else k} {number(v)}" for k, v in item.score.items()]
    return FixatedCard(
        item=item,
        image=image_uri(image),
        map=uri(png(colorize(enlarge(values, layer.shape), scale)), "png"),
        layer=uri(png(colorize(layer, scale)), "png"),
        width=width,
        height=height,
        low=float(values.min()),
        high=float(values.max()),
        points=tuple((round(100 * float(x), 2), round(100 * float(y), 2)) for x, y in arrays[f"points_{item.row}"]),
        said=" · ".join(said),
    )


def print_scored(name: str, scored: Scored, console: Console | None = None) -> None:
    """One row a score: value and interval; floors (centre prior, another image's map, uniform map); what observers
    reach; and the share of the way from the centre prior to them.
    """
    console = console or Console()
    title = f"{name}: {plural(scored.images, 'image')}, {plural(scored.fixations, 'fixation')}"
    table = Table(title=title, title_justify="left", title_style="bold", box=None, padding=(0, 1, 0, 0))
    for head in ("score", "value", "interval", "centre", "other", "uniform", "ceiling", "share"):
        table.add_column(head, justify="left" if head == "score" else "right", no_wrap=True)
    for row in scored.rows():
        label = row.label + (" ↓" if row.better == "lower" else "")
        beside = [scored.scores.get(kind, {}).get(row.key) for kind in (*FLOOR_LABELS, "observers")]
        share = scored.share_from_center_to_observers.get(row.key, math.nan)
        table.add_row(
            Text(label),
            Text(number(row.value), style="bold"),
            interval_text(row.low, row.high),
            *("" if b is None or math.isnan(b.mean) else number(b.mean) for b in beside),
            "" if math.isnan(share) else f"{100 * share:.0f} %",
        )
    console.print(table)
    for note in scored.notes:
        console.print(Text(note, style="dim"))


def print_compared(rows: Sequence[Comparison], console: Console | None = None) -> None:
    """One row a comparison: difference with interval, corrected p, and which is better where that is below .05."""
    table = Table(title="Compared, image by image", title_justify="left", title_style="bold", box=None, pad_edge=False)
    for head in ("score", "models", "difference", "interval", "p, corrected", "better"):
        table.add_column(head, overflow="fold")
    for row in rows:
        d = row.difference
        table.add_row(
            Text(METRIC_LABELS[row.metric][0] if row.metric in METRIC_LABELS else row.metric),
            Text(f"{row.first} − {row.second}"),
            signed(d.mean),
            interval_text(d.low, d.high, sign=True),
            number(row.adjusted),
            Text(row.better if row.adjusted < 0.05 else "not clear"),
        )
    (console or Console()).print(table)
