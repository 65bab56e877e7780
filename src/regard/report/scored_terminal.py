"""The scores of maps and the comparison of models in a terminal."""

from __future__ import annotations

import math
from collections.abc import Sequence

from rich.console import Console
from rich.table import Table
from rich.text import Text

from regard.evaluation.scoring import Comparison
from regard.report.scored import FLOORS, METRICS, Scored
from regard.report.words import interval, number, plural, signed


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
        beside = [scored.scores.get(kind, {}).get(row.key) for kind in (*FLOORS, "observers")]
        share = scored.share_from_center_to_observers.get(row.key, math.nan)
        table.add_row(
            Text(label),
            Text(number(row.value), style="bold"),
            interval(row.low, row.high),
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
            Text(METRICS[row.metric][0] if row.metric in METRICS else row.metric),
            Text(f"{row.first} − {row.second}"),
            signed(d.mean),
            interval(d.low, d.high, sign=True),
            number(row.adjusted),
            Text(row.better if row.adjusted < 0.05 else "not clear"),
        )
    (console or Console()).print(table)
