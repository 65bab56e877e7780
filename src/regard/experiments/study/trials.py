"""The tidy table of trials: checked once, here; all analyses read nothing else."""

from __future__ import annotations

import difflib
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from regard.experiments.study.design import CONDITIONS, DOSES, KEYS, MEASURED, ROBUST, UNIT_INTERVAL, WORDS
from regard.files import atomic_path
from regard.types import RegardError


@dataclass(frozen=True)
class Codes:
    """Runs and images as numbers.

    Attributes:
        run: of each row, the number of its backbone and seed.
        image: of each row, the number of its image.
        backbone: of each run, the number of its backbone.
        images: how many there are.
    """

    run: NDArray[np.int_]
    image: NDArray[np.int_]
    backbone: NDArray[np.int_]
    images: int


@dataclass(frozen=True)
class Trials:
    """A checked table; see `regard.experiments.study.design` for what each column means.

    Attributes:
        frame: one row a trial; `layer` is empty and `alpha` NaN where they say nothing; words are categories in
            order. Not to be changed.
    """

    frame: pd.DataFrame

    def __post_init__(self) -> None:
        object.__setattr__(self, "frame", checked(self.frame))

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
        robust = sorted(c for c in self.frame if c.startswith(ROBUST))
        return tuple(c for c in (*MEASURED, *robust) if self.has(c))

    def to_csv(self, path: Path) -> None:
        """Write the table for any statistics program: comma, point, empty where undefined; whole or not at all."""
        with atomic_path(path) as part:
            self.frame.to_csv(part, index=False)


def read_trials(path: Path) -> Trials:
    """Read and check a CSV.

    Raises:
        RegardError: it is missing, no table, or says what a trial cannot be; with file, value and remedy.
    """
    text: dict[str, Any] = dict.fromkeys(WORDS, str)
    try:
        frame = pd.read_csv(path, dtype=text)
    except (OSError, ValueError) as error:
        raise RegardError(f"{path}: cannot be read as a table of trials ({error}); give a CSV") from error
    try:
        return Trials(frame)
    except RegardError as error:
        raise RegardError(f"{path}: {error}") from None


def checked(frame: pd.DataFrame) -> pd.DataFrame:
    """The table with its columns in order, or the error that names what is wrong with it."""
    layer = frame["layer"].astype(object).fillna("") if "layer" in frame else ""
    frame = frame.assign(layer=layer, alpha=frame.get("alpha", np.nan))
    missing = [c for c in (*KEYS, "performance") if c not in frame]
    if missing:
        raise RegardError(f"trials: columns {missing} are missing; there are {list(frame)}")
    unknown = [c for c in frame if c not in (*KEYS, *MEASURED) and not str(c).startswith(ROBUST)]
    if unknown:
        near = difflib.get_close_matches(str(unknown[0]), (*KEYS, *MEASURED), n=2)
        raise RegardError(
            f"trials: column {unknown[0]!r} is not known{_near(near)}; performance under a disturbance is {ROBUST}NAME"
        )
    if frame.empty:
        raise RegardError("trials: the table has no rows")
    for column in WORDS:
        if frame[column].isna().any():
            raise RegardError(
                f"trials: {column} is empty in row {_first(frame[column].isna())}; every trial names its own"
            )
        frame[column] = _category(frame[column])
    odd = [c for c in frame["condition"].unique() if c not in CONDITIONS]
    if odd:
        near = difflib.get_close_matches(odd[0], CONDITIONS, n=2)
        raise RegardError(f"trials: condition {odd[0]!r} is not known{_near(near)}; known are {', '.join(CONDITIONS)}")
    _numbers(frame)
    dosed = frame["condition"].isin(DOSES)
    if frame.loc[dosed, "alpha"].isna().any() or frame.loc[~dosed, "alpha"].notna().any():
        raise RegardError(f"trials: the conditions {', '.join(DOSES)}, and only they, have an alpha in every row")
    keys = frame[list(KEYS)]
    if keys.duplicated().any():
        row = keys[keys.duplicated()].iloc[0].to_dict()
        raise RegardError(f"trials: more than one row for {row}; a trial is one image of one run")
    order = [*KEYS, *(c for c in MEASURED if c in frame), *sorted(c for c in frame if c.startswith(ROBUST))]
    return frame[order].reset_index(drop=True)


def _numbers(frame: pd.DataFrame) -> None:
    """Make every other column a number, finite or NaN, in its range."""
    for column in (c for c in frame if c not in WORDS):
        try:
            values = pd.to_numeric(frame[column])
        except (ValueError, TypeError) as error:
            raise RegardError(f"trials: {column} holds what is not a number ({error})") from None
        values = values.astype(float)
        if np.isinf(values).any():
            raise RegardError(
                f"trials: {column} is infinite in row {_first(np.isinf(values))}; write undefined as empty"
            )
        if column in (*UNIT_INTERVAL, "alpha") and ((values < 0) | (values > 1)).any():
            bad = values[(values < 0) | (values > 1)].iloc[0]
            raise RegardError(f"trials: {column} is {bad}; it lies between 0 and 1 (percent are not shares)")
        frame[column] = values
    seed = frame["seed"]
    if seed.isna().any() or (seed != seed.round()).any():
        raise RegardError("trials: seed must be a whole number in every row; it pairs the runs of different conditions")
    frame["seed"] = seed.astype(int)


def _category(values: pd.Series) -> pd.Series:
    """Words as sorted categories, none of them unused; the same table whatever the order of its rows."""
    found = values if isinstance(values.dtype, pd.CategoricalDtype) else values.astype(str).astype("category")
    found = found.cat.remove_unused_categories()
    return found.cat.set_categories(sorted(found.cat.categories))


def _first(flags: Sequence[bool] | pd.Series) -> int:
    return int(np.flatnonzero(np.asarray(flags))[0])


def _near(names: list[str]) -> str:
    return f", perhaps {' or '.join(names)}" if names else ""
