"""The score table in a terminal: the same numbers as on the page, with their references."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from rich.console import Console, ConsoleOptions, RenderableType
from rich.segment import Segment
from rich.table import Table
from rich.text import Text

from regard.errors import printable
from regard.report.glossary import term_lines
from regard.report.schema import Evaluation, Score
from regard.report.words import interval_text, number, plural, signed, verdict


class Terminal(Console):
    """A console on which control characters of what is printed, such as those in a file's name, are escapes."""

    def render(self, renderable: RenderableType, options: ConsoleOptions | None = None) -> Iterator[Segment]:
        """The parts of what is printed; line ends are rich's own, and its own control codes pass."""
        for text, style, control in super().render(renderable, options):
            shown = text if control or text.isprintable() else "\n".join(map(printable, text.split("\n")))
            yield Segment(shown, style, control)


def print_scores(evaluation: Evaluation, console: Console | None = None) -> None:
    """Print warnings, then one table per group: score, value, bootstrap interval, floors and controls.

    Text of the run (labels, warnings) is printed literally, never as markup.
    """
    console = console or Terminal()
    data = evaluation.data
    console.print(Text(f"{data.name}, {data.split} split, {plural(data.size, 'image')}", style="bold"))
    for warning in evaluation.warnings:
        console.print(Text(f"! {warning}", style="yellow"))
    for group, scores in evaluation.groups().items():
        table = Table(title=group.capitalize(), title_justify="left", title_style="bold", box=None, pad_edge=False)
        table.add_column("score", overflow="fold", ratio=3)
        table.add_column("value", justify="right", no_wrap=True)
        table.add_column("interval", no_wrap=True)
        table.add_column("references", overflow="fold", ratio=4)
        for score in scores:
            arrow = {"higher": " ↑", "lower": " ↓", None: ""}[score.better]
            value = Text(number(score.value, score.unit), style="bold")
            table.add_row(Text(score.label + arrow), value, interval_text(score.low, score.high), _references(score))
        console.print()
        console.print(table)
    console.print()
    for line in term_lines(_texts(evaluation.scores)):
        console.print(Text(line, style="dim"))


def _texts(scores: Sequence[Score]) -> Iterator[str]:
    for score in scores:
        yield score.label
        yield from (f"{reference.role} {reference.label}" for reference in score.references)


def _references(score: Score) -> Text:
    lines = [Text(f"{r.role} {r.label}: {number(r.value)}") for r in score.references]
    if score.difference is not None:
        text = f"{score.difference.label}: {signed(score.difference.value)}"
        between = interval_text(score.difference.low, score.difference.high, sign=True)
        word = verdict(score.difference, score.better)
        lines.append(Text(text + (f" ({between})" if between else "") + (f", {word}" if word else "")))
    lines += [Text(f"not clearly better than its floor {r.label}", style="yellow") for r in score.not_better_than()]
    lines += [Text(f"undefined for {count}: {reason}", style="dim") for reason, count in score.undefined.items()]
    return Text("\n").join(lines)


def print_records(
    records: Sequence[Mapping[str, str]], console: Console | None = None, *, title: str | None = None
) -> None:
    """Print records of the same keys as a table, one column per key, below a title if there is one."""
    table = Table(box=None, header_style="dim", pad_edge=False)
    for name in records[0]:
        table.add_column(Text(name), overflow="fold")
    if title is not None:
        table.title, table.title_justify, table.title_style = Text(title), "left", "bold"
    for record in records:
        table.add_row(*(Text(value) for value in record.values()))
    (console or Terminal()).print(table)
