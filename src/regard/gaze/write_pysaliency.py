"""Fixations into the HDF5 file that pysaliency 0.2 and 0.3 read as FixationTrains."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np

from regard.gaze.fixations import Fixations


def write_pysaliency(fixations: Fixations, path: str | Path) -> None:
    """Write pysaliency's FixationTrains (version 1.2): one train a viewing, durations in seconds if all are known.

    Images and observers become their indices; names and sizes are lost, as pysaliency keeps them with the stimuli.
    """
    f = fixations
    rank = np.lexsort((f.order, f.subject, f.image))
    pairs = np.stack([f.image[rank], f.subject[rank]], 1)
    first = np.flatnonzero((np.diff(pairs, axis=0, prepend=-1) != 0).any(1))
    length = np.diff(np.append(first, len(f)))
    row = np.repeat(np.arange(len(first)), length)
    column = np.arange(len(f)) - np.repeat(first, length)

    def train(values: Any) -> Any:
        out = np.full((len(first), int(length.max(initial=0))), np.nan)
        out[row, column] = values[rank]
        return out

    timed = len(f) > 0 and not np.isnan(f.duration).any()
    import h5py

    with h5py.File(path, "w") as file:
        for name, value in {"type": "FixationTrains", "version": "1.2", "__attributes__": "[]"}.items():
            file.attrs[name] = np.bytes_(value)
        mapping = {"durations": "duration"} if timed else {}
        file.attrs["scanpath_attribute_mapping"] = np.bytes_(json.dumps(mapping))
        file["train_xs"], file["train_ys"] = train(f.x), train(f.y)
        file["train_ts"] = train(f.onset() / 1000 if timed else f.order.astype(np.float64))
        file["train_ns"], file["train_subjects"] = pairs[first, 0], pairs[first, 1]
        file.create_group("scanpath_attributes").attrs["__attributes__"] = np.bytes_("[]")
        group = file.create_group("scanpath_fixation_attributes")
        group.attrs["__attributes__"] = np.bytes_(json.dumps(sorted(mapping)))
        if timed:
            group["durations"] = train(f.duration / 1000)
