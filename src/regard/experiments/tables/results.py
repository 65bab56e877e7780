"""``table.json`` of `regard table` and `regard sweep`: its schema, and reading it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from regard.experiments.runner import CellProvenance
from regard.report import NAN, read_dataclass


@dataclass(frozen=True)
class TableColumn:
    """A column's title.

    Attributes:
        key: the name that a table's file uses.
        label: its head.
        meaning: one sentence.
        unit: of the values.
        better: which way, if one is.
        percent: shown as one.
    """

    key: str
    label: str
    meaning: str
    unit: str = ""
    better: Literal["higher", "lower"] | None = None
    percent: bool = False


@dataclass(frozen=True)
class TableCell:
    """A mean over seeds and images, with its interval."""

    value: float
    low: float = NAN
    high: float = NAN
    seeds: int = 0
    left_out: Mapping[str, int] = field(default_factory=dict)


@dataclass(frozen=True)
class DifferenceResults(TableCell):
    """Arm minus reference, in accuracy, paired by seed and image; p values are NaN where nothing was tested."""

    p: float = NAN
    p_holm: float = NAN


TUNING_IMAGES = 150
"""An arm is tuned on more validation images than this: with fewer the best of its values is chance (error .04)."""


@dataclass(frozen=True)
class TuningTrials:
    """What tuning found for one arm.

    Attributes:
        field: what was tried.
        accuracy: (value, validation accuracy) in the order of the file, then what the grid was extended by; None where
            the trial failed.
        chosen: the value that is kept; None where a trial of the file's values failed.
        edge: ``lowest`` or ``highest`` where the chosen number is that of all tried: a better one may lie beyond.
        extended: values by which the grid was extended.
        images: validation images on which each trial was scored; 0 where it was not recorded.
    """

    field: str
    accuracy: tuple[tuple[object, ...], ...] = ()
    chosen: object = None
    edge: Literal["", "lowest", "highest"] = ""
    extended: int = 0
    images: int = 0


@dataclass(frozen=True, kw_only=True)
class TableRow:
    """An arm."""

    arm: str
    changes: Mapping[str, object] = field(default_factory=dict)
    seeds: tuple[int, ...]
    missing: tuple[int, ...] = ()
    tuned: TuningTrials | None = None
    cells: Mapping[str, TableCell | None]
    difference: DifferenceResults | None = None


@dataclass(frozen=True, kw_only=True)
class Claim:
    """A sentence that is tested: *this arm is better than that one*, or *than its own floor*."""

    better: str
    """An arm."""
    than: str = ""
    """Another one; or leave it to `over`."""
    by: str = "accuracy_mean"
    """A column with one value per image."""
    over: str = ""
    """A column of the same arm that `by` is compared with, such as what a uniform map scores."""
    primary: bool = False
    """Named before the table was run, at most three: corrected for their number. All others are exploratory."""
    within: float | None = None
    """The largest difference that counts as none, in the column's unit; None for the table's `equal_within`."""


@dataclass(frozen=True, kw_only=True)
class ClaimRow(TableCell, Claim):
    """A claim that was tested, with its difference.

    Attributes:
        p: two-sided p value of "there is no difference", by itself; NaN in files of version 0.1.
        p_holm: corrected for the number of primary claims; NaN for others. In files of version 0.1: for all claims.
        p_equal: p value of "the difference is `within` or more" (two one-sided tests), corrected in the same way.
        visible: the smallest difference that would have been seen with a power of 80 %, at the level of the claim.
        seed_df: degrees of freedom of the variance of seeds, pooled over arms.
        verdict: see `verdict_words`; ``holds``, ``refuted`` and ``open`` are those of version 0.1.
    """

    p: float = NAN
    p_holm: float = NAN
    p_equal: float = NAN
    visible: float = NAN
    seed_df: float = NAN
    verdict: Literal["better", "worse", "equal", "not settled", "holds", "refuted", "open"]


@dataclass(frozen=True)
class FailedCell:
    """A cell without a result."""

    cell: str
    why: str


@dataclass(frozen=True, kw_only=True)
class TableResults:
    """All of ``table.json``; ``swept`` is the recipe's field whose values the arms of a sweep are."""

    schema: Literal[1] = 1
    name: str = ""
    title: str
    reference: str
    swept: str | None = None
    seeds: tuple[int, ...]
    columns: tuple[TableColumn, ...]
    rows: tuple[TableRow, ...]
    claims: tuple[ClaimRow, ...] = ()
    failed: tuple[FailedCell, ...] = ()
    seconds: float = NAN
    made: tuple[CellProvenance, ...] = ()


def read_table_results(folder: Path) -> TableResults:
    """``table.json`` of a folder that `regard table` or `regard sweep` wrote, checked.

    Raises:
        RegardError: the file is missing or corrupt.
    """
    return read_dataclass(folder / "table.json", TableResults, "make it again with `regard table`")
