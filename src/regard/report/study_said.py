"""A study in a terminal: verdicts with what decides them, and the performance of every condition."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from rich.console import Console
from rich.table import Table
from rich.text import Text

from regard.report.words import interval, number
from regard.study.conditions import CONDITIONS
from regard.study.questions.common import ALL

STYLE = {"supported": "green", "refuted": "red", "equivalent": "cyan", "undecided": "yellow"}


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
                (f"{verdict['hypothesis']}: {verdict['word']}", STYLE[verdict["word"]]),
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
        text.append(f"  {interval(estimate['low'], estimate['high'])}", style="not bold dim")
    return text
