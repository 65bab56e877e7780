"""Accuracy of every class, and which class is taken for which, from the counts of `Evaluation.confusion`."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from regard.report.schema import Confusion, Data

MATRIX_CLASSES = 20
"""With more classes the page lists the most frequent mistakes instead of a matrix, which nobody could read."""
_TAKEN_FOR = 3
_MISTAKES = 20


@dataclass(frozen=True)
class ClassAccuracy:
    """A class: its number of images, the share that was recognised with Wilson's interval, and what the others were
    taken for, most frequent first.
    """

    name: str
    images: int
    accuracy: float
    low: float
    high: float
    taken_for: tuple[str, ...]


@dataclass(frozen=True)
class MatrixCell:
    """Images of a row's class that were taken for a column's: their number, and their share of the row."""

    count: str
    share: float


@dataclass(frozen=True)
class ClassTable:
    """Classes with images, the worst first; the matrix (rows: truth) with its names, or the most frequent mistakes."""

    classes: tuple[ClassAccuracy, ...]
    mean: float
    names: tuple[str, ...]
    matrix: tuple[tuple[MatrixCell, ...], ...]
    mistakes: tuple[tuple[str, str, str], ...]


def class_table(data: Data, confusion: Sequence[Confusion]) -> ClassTable | None:
    """What the page shows of classes; None where nothing was counted.

    Args:
        data: with the names of the classes, in the order of their numbers.
        confusion: the counts.
    """
    if not confusion:
        return None
    count = max(len(data.classes), 1 + max(max(c.truth, c.predicted) for c in confusion))
    names = tuple(data.classes[k] if k < len(data.classes) else str(k) for k in range(count))
    rows: dict[int, dict[int, float]] = {}
    for c in confusion:
        row = rows.setdefault(c.truth, {})
        row[c.predicted] = row.get(c.predicted, 0.0) + c.count
    classes = [_accuracy(names, truth, row) for truth, row in sorted(rows.items())]
    wrong = [(c.count, names[c.truth], names[c.predicted]) for c in confusion if c.truth != c.predicted]
    wrong.sort(key=lambda mistake: -mistake[0])
    matrix = [_matrix_row(rows.get(truth, {}), count) for truth in range(count)] if count <= MATRIX_CLASSES else []
    return ClassTable(
        classes=tuple(sorted(classes, key=lambda c: c.accuracy)),
        mean=math.fsum(c.accuracy for c in classes) / len(classes),
        names=names,
        matrix=tuple(matrix),
        mistakes=tuple((truth, predicted, _text(n)) for n, truth, predicted in wrong[:_MISTAKES]),
    )


def _accuracy(names: Sequence[str], truth: int, row: dict[int, float]) -> ClassAccuracy:
    from statsmodels.stats.proportion import proportion_confint

    images = math.fsum(row.values())
    hits = min(row.get(truth, 0.0), images)
    low, high = proportion_confint(hits, images, method="wilson")
    others = sorted(((n, k) for k, n in row.items() if k != truth), key=lambda other: (-other[0], other[1]))
    taken_for = [f"{names[k]} ({_text(n)})" for n, k in others[:_TAKEN_FOR]]
    if len(others) > _TAKEN_FOR:
        taken_for.append(f"{len(others) - _TAKEN_FOR} more")
    return ClassAccuracy(names[truth], round(images), hits / images, float(low), float(high), tuple(taken_for))


def _matrix_row(row: dict[int, float], count: int) -> tuple[MatrixCell, ...]:
    images = math.fsum(row.values())
    return tuple(MatrixCell(_text(row.get(k, 0.0)), row.get(k, 0.0) / images if images else 0.0) for k in range(count))


def _text(count: float) -> str:
    """A count: whole, unless an image counts in parts for classes that were equally likely."""
    return f"{round(count):,}" if math.isclose(count, round(count), abs_tol=1e-6) else f"{count:.2f}"
