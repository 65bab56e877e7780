"""Several evaluated runs beside the first of them, score by score, paired by test image."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from regard.evaluation import RunComparison, compare_runs
from regard.report import interval_text, number, signed, verdict
from regard.types import RegardError


@dataclass(frozen=True)
class ComparedRuns:
    """The first run beside each of the others.

    Attributes:
        pairs: one comparison for each of the others that has the same test images, in the order given.
        problems: why the others could not be compared.
    """

    pairs: tuple[RunComparison, ...]
    problems: tuple[str, ...]

    def records(self) -> list[dict[str, str]]:
        """One record per score of the first run: its value, and for each other run its value and the difference.

        The difference is the first run's value minus the other's, paired by test image, with its 95 % interval.
        """
        rows: dict[str, dict[str, str]] = {}
        for pair in self.pairs:
            first, other = pair.names
            for score in pair.scores:
                row = rows.setdefault(score.key, {"score": score.label, first: number(score.value, score.unit)})
                row[other] = number(score.references[0].value, score.unit)
                if (d := score.difference) is not None:
                    words = (interval_text(d.low, d.high, sign=True), verdict(d, score.better))
                    row[f"{first} minus {other}"] = ", ".join([signed(d.value), *(word for word in words if word)])
        columns = ["score", *(self.pairs[0].names[:1] if self.pairs else ())]
        columns += [c for pair in self.pairs for c in (pair.names[1], f"{pair.names[0]} minus {pair.names[1]}")]
        return [{column: row.get(column, "") for column in columns} for row in rows.values()]


def compare_with_first(folders: Sequence[Path]) -> ComparedRuns:
    """Compares the first run with each of the others; one that cannot be compared is a problem, not the end.

    Raises:
        RegardError: fewer than two runs are given.

    Example:
        >>> compare_with_first([Path("runs/one")])
        Traceback (most recent call last):
        regard.errors.RegardError: one run, runs/one: give two or more to compare
    """
    if len(folders) < 2:
        raise RegardError(f"one run, {folders[0]}: give two or more to compare" if folders else "no runs to compare")
    pairs, problems, seen = [], [], {folders[0].resolve()}
    for other in folders[1:]:
        if other.resolve() in seen:
            problems.append(f"{other}: named twice; give each run once")
            continue
        seen.add(other.resolve())
        try:
            pairs.append(compare_runs(folders[0], other))
        except RegardError as error:
            problems.append(str(error))
    return ComparedRuns(tuple(pairs), tuple(problems))
