"""A study in a terminal: the performance of every condition, verdicts with their contrasts; and the table of power."""

from __future__ import annotations

import math
import sys
from collections.abc import Sequence
from typing import Any

from rich.console import Console
from rich.progress import Progress
from rich.table import Table
from rich.text import Text

from regard.experiments.stats import Estimate
from regard.experiments.study.design import CONDITIONS
from regard.experiments.study.panel import ALL_BACKBONES
from regard.experiments.study.power import Power, power, rate
from regard.experiments.study.questions import PerformanceRow
from regard.experiments.study.results import StudyResults
from regard.report import Terminal, interval_text, json_text, number

_ENOUGH = 0.8
"""Share of right verdicts at which a size is large enough, as is usual."""
_VERDICT_STYLE = {"supported": "green", "equivalent": "cyan", "refuted": "red", "undecided": "yellow"}


def print_study(results: StudyResults, console: Console | None = None) -> None:
    """Print performance by condition and backbone for each task, then every verdict with its contrasts."""
    console = console or Terminal()
    rows = results.values.performance.rows
    for task in dict.fromkeys(row.task for row in rows):
        table = _table(task)
        backbones = list(dict.fromkeys(row.backbone for row in rows if row.task == task))
        table.add_column("condition", overflow="fold")
        for backbone in backbones:
            title = "all backbones" if backbone == ALL_BACKBONES else backbone
            table.add_column(title, justify="right", overflow="fold")
        levels = {(row.condition, row.backbone): row.level for row in rows if row.task == task}
        for condition in (name for name in CONDITIONS if any(c == name for c, _ in levels)):
            table.add_row(condition, *(_cell(levels.get((condition, backbone))) for backbone in backbones))
        console.print(table)
    for line in _notes(rows):
        console.print(Text(line, style="dim"))
    for verdict in results.values.verdicts:
        word = (f"{verdict.hypothesis}: {verdict.word}", _VERDICT_STYLE[verdict.word])
        console.print(Text.assemble(word, ("  " + verdict.claim, "dim")))
        for finding in verdict.findings:
            case = f" ({finding.case})" if finding.case else ""
            console.print(Text("    ").append(f"{finding.contrast}{case}: ").append(_cell(finding)))


def _notes(rows: Sequence[PerformanceRow]) -> list[str]:
    """What the tables hold, and what each condition in them is."""
    shown = {row.condition for row in rows}
    first = "Performance: share of right answers, or S-measure of masks; means over images and seeds, 95 % intervals."
    return [first, *(f"{name}: {condition.meaning}" for name, condition in CONDITIONS.items() if name in shown)]


def _table(title: str) -> Table:
    return Table(title=title, title_justify="left", title_style="bold", box=None, pad_edge=False)


def _cell(estimate: Estimate | None) -> Text:
    if estimate is None or math.isnan(estimate.value):
        return Text("–", style="dim")
    text = Text(number(estimate.value), style="bold")
    if not math.isnan(estimate.low):
        text.append(f"  {interval_text(estimate.low, estimate.high)}", style="not bold dim")
    return text


def power_with_progress(hypothesis: str, effect: float, **options: Any) -> tuple[Power, ...]:
    """`power` with a progress bar on stderr."""
    with Progress(console=Console(file=sys.stderr), transient=True) as bar:
        task = bar.add_task("simulated studies", total=None)
        options["on_progress"] = lambda done, of: bar.update(task, completed=done, total=of)
        return power(hypothesis, effect, **options)


def print_power(sizes: Sequence[Power], console: Console | None = None) -> None:
    """One row per size: how often each verdict was given, and the share of right ones with its interval."""
    console = console or Terminal()
    first = sizes[0]
    table = _table(f"{first.tally.hypothesis}, true effect {number(first.effect)}: right is {first.tally.truth!r}")
    for title in ("seeds", "images", "observers", "backbones", *_VERDICT_STYLE, "right", "interval"):
        table.add_column(title, justify="right", no_wrap=True)
    for size in sizes:
        tally, d = size.tally, size.design
        share, low, high = rate(tally.correct, tally.studies)
        table.add_row(
            *map(str, (d.seeds, d.images, d.observers, d.backbones)),
            *(str(tally.counts.get(word, 0)) for word in _VERDICT_STYLE),
            f"{100 * share:.0f} %",
            f"{100 * low:.0f} to {100 * high:.0f}",
            style="bold" if share >= _ENOUGH else "",
        )
    console.print(table)
    enough = [size.design for size in sizes if rate(size.tally.correct, size.tally.studies)[0] >= _ENOUGH]
    if not enough:
        console.print(f"No size is right in {100 * _ENOUGH:.0f} % of studies: add seeds first, then images.")
        return
    d = min(enough, key=lambda d: (d.seeds * d.backbones, d.images, d.observers))
    console.print(f"Enough ({100 * _ENOUGH:.0f} %): {d.seeds} seeds, {d.images} images, {d.observers} observers.")


def print_power_json(sizes: Sequence[Power]) -> None:
    """Print the same as JSON."""
    rows = [
        {
            "design": size.design,
            "effect": size.effect,
            "hypothesis": size.tally.hypothesis,
            "truth": size.tally.truth,
            "counts": size.tally.counts,
            "right": dict(zip(("rate", "low", "high"), rate(size.tally.correct, size.tally.studies), strict=True)),
        }
        for size in sizes
    ]
    print(json_text(rows, indent=2), end="")
