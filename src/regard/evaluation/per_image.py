"""Scores an image, so that tables over several runs can be made without asking the models again."""

from __future__ import annotations

import io
from collections.abc import Mapping
from pathlib import Path

import numpy as np
from torch import Tensor

from regard.types import RegardError

FILE = "per_image.npz"


def write_per_image(folder: Path, arrays: Mapping[str, Tensor]) -> Path:
    """Writes ``per_image.npz`` whole or not at all: (N,) a score, NaN where undefined, in the split's order."""
    held = io.BytesIO()
    np.savez_compressed(held, **{name: values.float().cpu().numpy() for name, values in arrays.items()})  # type: ignore[arg-type]
    path = folder / FILE
    part = path.with_name(FILE + ".part")
    part.write_bytes(held.getvalue())
    part.replace(path)
    return path


def read_per_image(folder: Path) -> dict[str, np.ndarray]:
    """Name -> (N,) float32; nothing stored is executed.

    Raises:
        RegardError: the run was not evaluated, or the file is damaged.
    """
    path = folder / FILE
    try:
        with np.load(path, allow_pickle=False) as arrays:
            return {name: arrays[name] for name in arrays}
    except (OSError, ValueError) as error:
        raise RegardError(f"{path}: cannot be read ({error}); make it with `regard evaluate {folder}`") from None
