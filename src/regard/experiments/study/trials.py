"""The tidy table of trials, checked once: all that the analyses read."""

from __future__ import annotations

import difflib
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from regard.experiments.study.design import (
    CONDITIONS,
    DOSES,
    KEYS,
    MEASURED_COLUMNS,
    ROBUST_PREFIX,
    TEXT_KEYS,
    UNIT_INTERVAL,
)
from regard.files import write_atomically
from regard.types import RegardError


@dataclass(frozen=True)
class Codes:
    """Numbers of each row's run (backbone and seed) and image, of each run's backbone, and the count of images."""

    run: NDArray[np.int_]
    image: NDArray[np.int_]
    backbone: NDArray[np.int_]
    images: int


@dataclass(frozen=True)
class Trials:
    """A checked table; the columns are those of `regard.experiments.study.design`.

    Attributes:
        frame: one row per trial; `layer` is empty and `alpha` NaN where they do not apply; text columns are sorted
            categories. Not to be changed.
    """

    frame: pd.DataFrame

    def __post_init__(self) -> None:
        object.__setattr__(self, "frame", _checked(self.frame))

    @cached_property
    def codes(self) -> Codes:
        """Runs and images as numbers."""
        backbones = self.frame["backbone"].cat
        seeds, seed = np.unique(self.frame["seed"].to_numpy(), return_inverse=True)
        images = self.frame["image"].cat
        return Codes(
            run=backbones.codes.to_numpy().astype(int) * len(seeds) + seed,
            image=images.codes.to_numpy().astype(int),
            backbone=np.repeat(np.arange(len(backbones.categories)), len(seeds)),
            images=len(images.categories),
        )

    @cached_property
    def arms(self) -> dict[tuple[str, str, str, float | None], NDArray[np.int_]]:
        """Rows of each (task, condition, layer, alpha)."""
        alpha = self.frame["alpha"].round(6).fillna(-1.0)
        words = [self.frame[word] for word in ("task", "condition", "layer")]
        grouped = self.frame.groupby([*words, alpha], observed=True)
        return {(*key, None if a < 0 else float(a)): rows for (*key, a), rows in grouped.indices.items()}

    @property
    def tasks(self) -> tuple[str, ...]:
        """Names in order."""
        return tuple(sorted(self.frame["task"].unique()))

    def backbones(self, task: str) -> tuple[str, ...]:
        """Of a task, in order."""
        return tuple(sorted(self.frame.loc[self.frame["task"] == task, "backbone"].unique()))

    def alphas(self, task: str, condition: str) -> tuple[float, ...]:
        """Doses of an arm, ascending."""
        return tuple(sorted(a for t, c, _, a in self.arms if (t, c) == (task, condition) and a is not None))

    def has(self, column: str) -> bool:
        """Whether the column is there and holds a number."""
        return column in self.frame and bool(self.frame[column].notna().any())

    def measured(self) -> tuple[str, ...]:
        """Columns that hold numbers, disturbances last."""
        return tuple(c for c in (*MEASURED_COLUMNS, *_robust(self.frame)) if self.has(c))

    def to_csv(self, path: Path) -> None:
        """Write the table as CSV: comma, decimal point, empty where undefined; whole or not at all."""
        write_atomically(path, self.frame.to_csv(index=False))


def read_trials(path: Path) -> Trials:
    """Read and check a CSV.

    Raises:
        RegardError: it is missing, not a table, or has an unknown column or condition or a value out of range.
    """
    text: dict[str, Any] = dict.fromkeys(TEXT_KEYS, str)
    try:
        frame = pd.read_csv(path, dtype=text)
    except (OSError, ValueError) as error:
        raise RegardError(f"{path}: cannot be read as a table of trials ({error}); give a CSV") from error
    try:
        return Trials(frame)
    except RegardError as error:
        raise RegardError(f"{path}: {error}") from None


def _checked(frame: pd.DataFrame) -> pd.DataFrame:
    """The table with its columns in order.

    Raises:
        RegardError: a column is missing or unknown, or a value does not fit; names the column and the value.
    """
    layer = frame["layer"].astype(object).fillna("") if "layer" in frame else ""
    frame = frame.assign(layer=layer, alpha=frame.get("alpha", np.nan))
    missing = [c for c in (*KEYS, "performance") if c not in frame]
    if missing:
        raise RegardError(f"trials: columns {missing} are missing; there are {list(frame)}")
    unknown = [c for c in frame if c not in (*KEYS, *MEASURED_COLUMNS) and not str(c).startswith(ROBUST_PREFIX)]
    if unknown:
        near = _near(str(unknown[0]), (*KEYS, *MEASURED_COLUMNS))
        remedy = f"performance under a disturbance is {ROBUST_PREFIX}NAME"
        raise RegardError(f"trials: column {unknown[0]!r} is not known{near}; {remedy}")
    if frame.empty:
        raise RegardError("trials: the table has no rows")
    for column in TEXT_KEYS:
        if frame[column].isna().any():
            raise RegardError(f"trials: {column} is empty in row {_first(frame[column].isna())}; every trial needs one")
        frame[column] = _category(frame[column])
    unknown = [c for c in frame["condition"].unique() if c not in CONDITIONS]
    if unknown:
        near = _near(unknown[0], CONDITIONS)
        raise RegardError(f"trials: condition {unknown[0]!r} is not known{near}; known are {', '.join(CONDITIONS)}")
    _numbers(frame)
    dosed = frame["condition"].isin(DOSES)
    if frame.loc[dosed, "alpha"].isna().any() or frame.loc[~dosed, "alpha"].notna().any():
        raise RegardError(f"trials: the conditions {', '.join(DOSES)}, and only they, have an alpha in every row")
    keys = frame[list(KEYS)]
    if keys.duplicated().any():
        row = keys[keys.duplicated()].iloc[0].to_dict()
        raise RegardError(f"trials: more than one row for {row}; a trial is one image of one run")
    measured = [c for c in MEASURED_COLUMNS if c in frame]
    return frame[[*KEYS, *measured, *_robust(frame)]].reset_index(drop=True)


def _numbers(frame: pd.DataFrame) -> None:
    """Converts the other columns to numbers, finite or NaN, in their range."""
    for column in (c for c in frame if c not in TEXT_KEYS):
        try:
            values = pd.to_numeric(frame[column])
        except (ValueError, TypeError) as error:
            raise RegardError(f"trials: {column} has a value that is not a number ({error})") from None
        values = values.astype(float)
        if np.isinf(values).any():
            row = _first(np.isinf(values))
            raise RegardError(f"trials: {column} is infinite in row {row}; write undefined as empty")
        outside = values[(values < 0) | (values > 1)]
        if column in (*UNIT_INTERVAL, "alpha") and len(outside):
            bad = outside.iloc[0]
            raise RegardError(f"trials: {column} is {bad}; it lies between 0 and 1 (percent are not shares)")
        frame[column] = values
    seed = frame["seed"]
    if seed.isna().any() or (seed != seed.round()).any():
        raise RegardError("trials: seed must be a whole number in every row; it pairs the runs of different conditions")
    frame["seed"] = seed.astype(int)


def _category(values: pd.Series) -> pd.Series:
    """Text as sorted categories without unused ones, so that the order of rows does not matter."""
    categories = values if isinstance(values.dtype, pd.CategoricalDtype) else values.astype(str).astype("category")
    categories = categories.cat.remove_unused_categories()
    return categories.cat.set_categories(sorted(categories.cat.categories))


def _robust(frame: pd.DataFrame) -> list[str]:
    return sorted(c for c in frame if c.startswith(ROBUST_PREFIX))


def _first(flags: pd.Series) -> int:
    return int(np.flatnonzero(flags)[0])


def _near(word: str, known: Iterable[str]) -> str:
    names = difflib.get_close_matches(word, list(known), n=2)
    return f", perhaps {' or '.join(names)}" if names else ""
