"""pysaliency's HDF5 files: fixations (Fixations, FixationTrains, ScanpathFixations) and stimuli (Stimuli, FileStimuli).

They make every set available that pysaliency reads. Its files of fixations hold neither image sizes nor names, so a
file of stimuli, or the sizes, is needed as well. Layout: pysaliency 0.2 and 0.3; written files are FixationTrains.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Literal, Unpack

import numpy as np

from regard.gaze.entry import GazeUnits
from regard.gaze.fixations import Fixations, make_fixations
from regard.gaze.hdf5 import open_hdf5, read_hdf5
from regard.types import RegardError


def read_pysaliency(
    fixations: str | Path,
    *,
    stimuli: str | Path | None = None,
    sizes: Mapping[str, tuple[int, int] | None] | None = None,
    pixels_per_degree: float | None = None,
    **units: Unpack[GazeUnits],
) -> Fixations:
    """Fixations from pysaliency's HDF5 file.

    Args:
        fixations: file written by pysaliency's ``Fixations.to_hdf5`` or that of its subclasses.
        stimuli: file written by ``Stimuli.to_hdf5`` (images are then named "0", "1", ...) or ``FileStimuli.to_hdf5``
            (named by their file names).
        sizes: instead of stimuli, name -> (height, width) in the order of pysaliency's image numbers.
        pixels_per_degree: pixels per degree.
        units: ``units``, ``first_pixel``, ``gaze_size``, ``duration_unit``, ``points_outside``, see `make_fixations`.

    A train's ``durations`` (seconds or ms: taken as seconds if the median is below 5) become durations in ms.

    Raises:
        RegardError: no HDF5 file, another type or version, or neither stimuli nor sizes.
    """
    if sizes is None:
        if stimuli is None:
            raise RegardError(f"{fixations} holds no image sizes: pass stimuli (pysaliency's HDF5) or sizes")
        sizes = dict(_stimulus_sizes(stimuli))
    names = list(sizes)
    with _open(fixations) as file:
        kind, version = _attribute(file, "type"), _attribute(file, "version")
        if kind in {"FixationTrains", "ScanpathFixations", "Scanpaths"}:
            table = _trains(file.get("scanpaths", file))
        elif kind == "Fixations":
            subject = next((k for k in ("subject", "subjects") if k in file), None)
            table = {
                "x": read_hdf5(file, "x"),
                "y": read_hdf5(file, "y"),
                "n": read_hdf5(file, "n"),
                "subject": read_hdf5(file, subject).astype(np.int64) if subject else None,
                "order": (~np.isnan(read_hdf5(file, "x_hist"))).sum(-1),  # the number of earlier fixations
            }
        else:
            raise RegardError(f"{fixations} has type {kind!r} (version {version}), not Fixations or FixationTrains")
    n = table.pop("n").astype(np.int64)
    if len(n) and (n.min() < 0 or n.max() >= len(names)):
        raise RegardError(f"{fixations} refers to image {n.max()}, but there are only {len(names)} stimuli")
    if units.get("duration_unit", "auto") == "auto":
        units["duration_unit"] = _seconds_or_ms(table.get("duration"))
    return make_fixations(
        image=[names[k] for k in n], **table, sizes=sizes, pixels_per_degree=pixels_per_degree, **units
    )


def _seconds_or_ms(duration: Any) -> Literal["s", "ms"]:
    known = np.array([]) if duration is None else duration[np.isfinite(duration)]
    return "s" if len(known) and np.median(known) < 5 else "ms"


def _stimulus_sizes(stimuli: str | Path) -> dict[str, tuple[int, int]]:
    """Name -> (height, width) of each image of a file of stimuli, in its order."""
    with _open(stimuli) as file:
        kind = _attribute(file, "type")
        if kind == "Stimuli":
            shapes = {str(k): file[str(k)].shape for k in range(int(file.attrs["size"]))}
        elif kind == "FileStimuli":
            names = [Path(_text(v)).name for v in read_hdf5(file, "filenames")]
            if len(set(names)) < len(names):
                names = [_text(v) for v in read_hdf5(file, "filenames")]
            shapes = dict(zip(names, (tuple(s) for s in read_hdf5(file, "shapes")), strict=True))
        else:
            raise RegardError(f"{stimuli} has type {kind!r}: pysaliency's Stimuli or FileStimuli is needed")
    return {name: (int(shape[0]), int(shape[1])) for name, shape in shapes.items()}


def _trains(file: Any) -> dict[str, Any]:
    """Columns of viewings kept as matrices (viewing, place), padded with NaN, under the names of 0.2 or of 0.3."""
    if "train_xs" in file:
        keys, name = ("train_xs", "train_ys", "train_ns"), "scanpath_fixation_attributes"
        subject = read_hdf5(file, "train_subjects")
    elif "xs" in file:
        keys, name = ("xs", "ys", "n"), "fixation_attributes"
        attributes = file["scanpath_attributes"]
        subject = read_hdf5(attributes, "subject") if "subject" in attributes else np.zeros(len(file["n"]))
    else:
        raise RegardError(f"{file.name} in {file.file.filename} holds neither train_xs nor xs: it has {list(file)}")
    xs, ys, n = (read_hdf5(file, key) for key in keys)
    valid = ~np.isnan(xs)
    row, order = np.nonzero(valid)
    group = file.get(name, {})
    duration = next((read_hdf5(group, k)[valid] for k in ("durations", "duration") if k in group), None)
    columns = {"x": xs[valid], "y": ys[valid], "n": n[row], "subject": subject[row].astype(np.int64)}
    return {**columns, "order": order, "duration": duration}


@contextmanager
def _open(path: str | Path) -> Iterator[Any]:
    """The file; content of other shapes and types than pysaliency's is an error that names it."""
    try:
        with open_hdf5(path) as file:
            yield file
    except (KeyError, ValueError, TypeError, IndexError, AttributeError, RuntimeError, OSError) as error:
        text = " ".join(str(error).split())
        raise RegardError(f"{path} does not hold what pysaliency writes ({text}); write it again") from error


def _attribute(file: Any, name: str) -> str:
    if name not in file.attrs:
        raise RegardError(f"{file.filename} lacks the attribute {name!r}: it was not written by pysaliency")
    return _text(file.attrs[name])


def _text(value: Any) -> str:
    return value.decode() if isinstance(value, bytes) else str(value)


def write_pysaliency(fixations: Fixations, path: str | Path) -> None:
    """Write pysaliency's FixationTrains (version 1.2): one train per viewing, durations in seconds if all are known.

    Images and observers become their indices; names and sizes are lost, as pysaliency keeps them with the stimuli.
    """
    import h5py

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
