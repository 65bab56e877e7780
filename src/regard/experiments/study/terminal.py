"""The power of a study in a terminal.

A study in a terminal: verdicts with what decides them, and the performance of every condition.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import Any

from rich.console import Console
from rich.progress import Progress
from rich.table import Table
from rich.text import Text

from regard.experiments.study.design import CONDITIONS
from regard.experiments.study.questions.common import ALL
from regard.experiments.study.simulation import Power, power, rate
from regard.report import interval_text, number

ENOUGH = 0.8
"""Share of right verdicts from which a size is called enough, as is usual."""
_WORDS = ("supported", "equivalent", "refuted", "undecided")


def power_with_progress(hypothesis: str, effect: float, **options: Any) -> tuple[Power, ...]:
    """`regard.experiments.study.simulation` with a bar on stderr."""
    with Progress(console=Console(file=sys.stderr), transient=True) as bar:
        task = bar.add_task("simulated studies", total=None)
        return power(
            hypothesis, effect, progress=lambda done, of: bar.update(task, completed=done, total=of), **options
        )


def print_power(found: Sequence[Power], console: Console | None = None) -> None:
    """One row a size: how often each verdict was given, and how often the right one, with its interval."""
    console = console or Console()
    first = found[0]
    table = Table(
        title=f"{first.tally.hypothesis}, true effect {number(first.effect)}: right is {first.tally.truth!r}",
        title_justify="left",
        title_style="bold",
        box=None,
        pad_edge=False,
    )
    for head in ("seeds", "images", "observers", "backbones", *_WORDS, "right", "interval"):
        table.add_column(head, justify="right", no_wrap=True)
    for row in found:
        tally, d = row.tally, row.design
        share, low, high = rate(tally.correct, tally.studies)
        table.add_row(
            *map(str, (d.seeds, d.images, d.observers, d.backbones)),
            *(str(tally.counts.get(word, 0)) for word in _WORDS),
            f"{100 * share:.0f} %",
            f"{100 * low:.0f} to {100 * high:.0f}",
            style="bold" if share >= ENOUGH else "",
        )
    console.print(table)
    enough = [row for row in found if rate(row.tally.correct, row.tally.studies)[0] >= ENOUGH]
    if not enough:
        console.print(f"No size is right in {100 * ENOUGH:.0f} % of studies: more seeds first, then more images.")
        return
    least = min(
        enough, key=lambda row: (row.design.seeds * row.design.backbones, row.design.images, row.design.observers)
    )
    d = least.design
    console.print(f"Enough ({100 * ENOUGH:.0f} %): {d.seeds} seeds, {d.images} images, {d.observers} observers.")


def print_power_json(found: Sequence[Power]) -> None:
    """The same as JSON."""
    print(
        json.dumps(
            [
                {
                    "design": asdict(row.design),
                    "effect": row.effect,
                    "hypothesis": row.tally.hypothesis,
                    "truth": row.tally.truth,
                    "counts": dict(row.tally.counts),
                    "right": dict(
                        zip(("rate", "low", "high"), rate(row.tally.correct, row.tally.studies), strict=True)
                    ),
                }
                for row in found
            ],
            indent=2,
        )
    )


_STYLE = {"supported": "green", "refuted": "red", "equivalent": "cyan", "undecided": "yellow"}


def print_study(record: Mapping[str, Any], console: Console | None = None) -> None:
    """The values of a study's record (`results.json`)."""
    console, values = console or Console(), record["values"]
    rows = values["performance"]["rows"]
    for task in dict.fromkeys(row["task"] for row in rows):
        table = Table(title=task, title_justify="left", title_style="bold", box=None, pad_edge=False)
        backbones = list(dict.fromkeys(row["backbone"] for row in rows if row["task"] == task))
        table.add_column("condition", overflow="fold")
        for backbone in backbones:
            table.add_column("all backbones" if backbone == ALL else backbone, justify="right", overflow="fold")
        found = {(r["condition"], r["backbone"]): r["level"] for r in rows if r["task"] == task}
        for condition in [name for name in CONDITIONS if any(of == name for of, _ in found)]:
            table.add_row(condition, *(_cell(found.get((condition, backbone))) for backbone in backbones))
        console.print(table)
    for verdict in values["verdicts"]:
        console.print(
            Text.assemble(
                (f"{verdict['hypothesis']}: {verdict['word']}", _STYLE[verdict["word"]]),
                ("  " + verdict["claim"], "dim"),
            )
        )
        for finding in verdict["findings"]:
            case = f" ({finding['case']})" if finding["case"] else ""
            console.print(Text("    ").append(f"{finding['contrast']}{case}: ").append(_cell(finding)))


def _cell(estimate: Mapping[str, Any] | None) -> Text:
    if estimate is None or estimate["value"] is None:
        return Text("–", style="dim")
    text = Text(number(estimate["value"]), style="bold")
    if estimate["low"] is not None and estimate["high"] is not None:
        text.append(f"  {interval_text(estimate['low'], estimate['high'])}", style="not bold dim")
    return text
