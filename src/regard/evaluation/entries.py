"""A score as the run folder holds it: value, interval, and what it is held against.

Scores an image, so that tables over several runs can be made without asking the models again.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Literal

import numpy as np
from torch import Tensor

from regard.files import write_arrays
from regard.metrics import paired_difference, score
from regard.types import RegardError, Scores

Role = Literal["control", "floor", "ceiling"]
_Reasons = Mapping[str, int] | Mapping[str, Tensor] | None


def reference(label: str, role: Role, values: Tensor | float) -> dict[str, Any]:
    """What a score is held against: per-item values, or a number that is known."""
    if isinstance(values, Tensor):
        scores = score(values)
        return {"label": label, "role": role, **interval_of(scores)}
    return {"label": label, "role": role, "value": values}


def entry(
    key: str,
    group: str,
    label: str,
    meaning: str,
    values: Tensor,
    *,
    unit: str = "",
    better: Literal["higher", "lower"] | None = None,
    reasons: _Reasons = None,
    references: Sequence[dict[str, Any]] = (),
    against: tuple[str, Tensor] | None = None,
) -> dict[str, Any]:
    """One row of the table.

    Args:
        key: its name for programs.
        group: the section it stands in.
        label: its name for people.
        meaning: one sentence.
        values: per-item values (N,), NaN where undefined.
        unit: of the values.
        better: which way is better, if one is.
        reasons: why items are undefined.
        references: made by ``reference``.
        against: label and per-item values of the control that a paired difference is taken to.
    """
    scores = score(values, reasons=dict(reasons) if reasons else None)
    row: dict[str, Any] = {"key": key, "group": group, "label": label, "meaning": meaning, "unit": unit}
    row |= {"better": better, **interval_of(scores), "n": len(values), "undefined": dict(scores.undefined)}
    row |= {"references": list(references), "difference": None}
    if against is not None:
        difference = paired_difference(values, against[1])
        row["difference"] = {"label": f"minus {against[0]}, paired", **interval_of(difference)}
    return row


def interval_of(scores: Scores) -> dict[str, float | None]:
    """Mean and interval as JSON has them: null where undefined."""
    numbers = {"value": scores.mean, "low": scores.low, "high": scores.high}
    return {name: number if math.isfinite(number) else None for name, number in numbers.items()}


_FILE = "per_image.npz"


def write_per_image(folder: Path, arrays: Mapping[str, Tensor]) -> Path:
    """Writes ``per_image.npz`` whole or not at all: (N,) a score, NaN where undefined, in the split's order."""
    return write_arrays(folder / _FILE, {name: values.float().cpu().numpy() for name, values in arrays.items()})


def read_per_image(folder: Path) -> dict[str, np.ndarray]:
    """Name -> (N,) float32; nothing stored is executed.

    Raises:
        RegardError: the run was not evaluated, or the file is damaged.
    """
    path = folder / _FILE
    try:
        with np.load(path, allow_pickle=False) as arrays:
            return {name: arrays[name] for name in arrays}
    except (OSError, ValueError) as error:
        raise RegardError(f"{path}: cannot be read ({error}); make it with `regard evaluate {folder}`") from None
