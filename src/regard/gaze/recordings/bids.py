"""Eye tracking in the Brain Imaging Data Structure: ``*_physio.tsv.gz`` with its JSON, and the run's events."""

from __future__ import annotations

import gzip
import re
from pathlib import Path
from typing import Any

import numpy as np

from regard.gaze.files import load_csv, numbers
from regard.gaze.recordings.recording import Recording
from regard.reading import read_json_file
from regard.types import RegardError

_MS = {"ms": 1.0, "s": 1e3, "us": 1e-3, "μs": 1e-3, "ns": 1e-6, "msec": 1.0, "sec": 1e3}
_X, _Y = ("x_coordinate", "eye1_x_coordinate", "x", "gaze_x"), ("y_coordinate", "eye1_y_coordinate", "y", "gaze_y")


def bids(path: Path) -> Recording:
    """Samples of one ``sub-..._physio.tsv.gz`` (or ``_eyetrack``); images and their times are those of ``_events.tsv``.

    The JSON beside it names the columns and the units of ``timestamp``; the screen is its ``ScreenResolution``, or that
    of ``StimulusPresentation`` in the events' JSON. An event with ``stim_file`` shows this image from its onset for its
    duration.

    Raises:
        RegardError: a file is missing or damaged, or gaze is not in pixels on the screen.
    """
    stem = re.sub(r"(\.tsv)?(\.gz)?$", "", path.name)
    about = _json(path.with_name(f"{stem}.json"))
    columns = about.get("Columns")
    if not isinstance(columns, list):
        raise RegardError(f"{path.with_name(f'{stem}.json')} does not name the Columns of {path.name}")
    if about.get("SampleCoordinateSystem", "gaze-on-screen") != "gaze-on-screen":
        raise RegardError(f"{path} is {about['SampleCoordinateSystem']}: only gaze-on-screen can be laid on images")
    table = _samples(path, [str(name) for name in columns])
    missing = [names[0] for names in (_X, _Y) if not any(name in table for name in names)]
    if missing:
        raise RegardError(f"{path} has no column {missing[0]}: its JSON names {columns}")
    x, y = (next(table[name] for name in names if name in table) for names in (_X, _Y))
    time = _times(table, about, path)
    run = re.sub(r"(_recording-[^_]+)?_(physio|eyetrack)$", "", stem)
    events = load_csv(path.with_name(f"{run}_events.tsv"), columns=("stim_file",), numeric=("onset", "duration"))
    image = np.full(len(time), "", dtype=object)
    for onset, lasting, name in zip(events["onset"], events["duration"], events["stim_file"], strict=True):
        if name.lower() not in ("", "n/a"):
            image[(time >= 1e3 * onset) & (time < 1e3 * (onset + lasting))] = Path(name).name
    who = re.match(r"sub-([^_]+)", path.name)
    subject = np.full(len(time), who[1] if who else "0", dtype=object)
    screen = _screen(about, path.with_name(f"{run}_events.json"))
    recording = Recording(str(path), image, subject, time, x, y, None, "screen", screen)
    return recording.rows(image != "")


def _samples(path: Path, columns: list[str]) -> dict[str, Any]:
    """Columns of a compressed table without a header."""
    try:
        data = path.read_bytes()
        lines = (gzip.decompress(data) if path.suffix == ".gz" else data).decode("utf-8").splitlines()
    except (OSError, EOFError, UnicodeDecodeError) as error:
        raise RegardError(f"cannot read {path}: {error}") from error
    rows = [line.split("\t") for line in lines if line.strip()]
    bad = next((k for k, row in enumerate(rows) if len(row) != len(columns)), None)
    if bad is not None:
        raise RegardError(f"{path}, line {bad + 1}: {len(rows[bad])} values for the {len(columns)} columns of its JSON")
    return {name: numbers([r[k] for r in rows], str(path), column=name, blank=True) for k, name in enumerate(columns)}


def _times(table: dict[str, Any], about: dict[str, Any], path: Path) -> Any:
    """Ms from the run's beginning, as events count."""
    start = 1e3 * float(about.get("StartTime", 0) or 0)
    if "timestamp" in table:
        unit = str((about.get("timestamp") or {}).get("Units", "ms"))
        if unit not in _MS:
            raise RegardError(f"{path}: timestamps are in {unit!r}; one of {', '.join(_MS)} is needed")
        time = table["timestamp"] * _MS[unit]
        return time - time[0] + start
    rate = about.get("SamplingFrequency")
    if not isinstance(rate, (int, float)) or rate <= 0:
        raise RegardError(f"{path} has neither a column timestamp nor a SamplingFrequency")
    return start + 1e3 * np.arange(len(next(iter(table.values())))) / rate


def _screen(about: dict[str, Any], events: Path) -> tuple[int, int] | None:
    told = about.get("ScreenResolution")
    if told is None and events.exists():
        told = (_json(events).get("StimulusPresentation") or {}).get("ScreenResolution")
    return (int(told[1]), int(told[0])) if isinstance(told, list) and len(told) == 2 else None


def _json(path: Path) -> dict[str, Any]:
    content = read_json_file(path, "export the recording again, with its JSON")
    if not isinstance(content, dict):
        raise RegardError(f"{path} is no JSON object")
    return content
