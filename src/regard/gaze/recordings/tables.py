"""Exported tables of one row per sample or fixation: Tobii Studio and Pro Lab, Pupil's surfaces, OGAMA."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from regard.gaze.files import numbers
from regard.gaze.recordings.recording import Box, Recording

_Table = Mapping[str, list[str]]
_Floats = npt.NDArray[np.float64]
_CONFIDENT = 0.6
"""Confidence below which Pupil's own programs ignore a sample."""
_SURFACE = {"on_surf", "on_srf"}
_UNIT = re.compile(r"\s*[\[(]([^\])]*)[\])]\s*$")
_UNITS = re.compile(r"(\s*[\[(][^\])]*[\])])+\s*$")
_MS = {"ms": 1.0, "s": 1e3, "μs": 1e-3, "µs": 1e-3, "us": 1e-3}


def is_tobii(table: _Table) -> bool:
    """Whether these are the columns of a Tobii export."""
    names = {_plain(name) for name in table}
    return any(name in names for name in ("gazepointx", "fixationpointx")) and bool(_image_column(table))


def tobii(table: _Table, path: Path) -> Recording:
    """Fixations where the export has them ("Eye movement type"), else samples.

    Coordinates are read from the first of: normalised media coordinates (MCSnorm), media pixels (MCSpx), pixels of the
    screen (DACSpx, ADCSpx, or no unit), with the place of the media on the screen where it is exported.
    """
    image = np.array(table[_image_column(table) or ""], dtype=object)
    subject = _subjects(table, ("participantname", "recordingname"), len(image))
    kinds = _find(table, "eyemovementtype", "gazeeventtype")
    index = _find(table, "eyemovementtypeindex", "fixationindex")
    lasting = _find(table, "gazeeventduration", "eyemovementeventduration")
    fixated = bool(kinds and index and lasting and _find(table, "fixationpointx"))
    x, y, unit = _coordinates(table, "fixationpoint" if fixated else "gazepoint", path)
    keep = np.array([name != "" for name in image], dtype=bool)
    duration = None
    if fixated and kinds and index and lasting:
        is_fixation = np.array([kind == "Fixation" for kind in table[kinds]], dtype=bool)
        keys = list(zip(subject, image, table[index], strict=True))
        keep &= is_fixation & np.isfinite(x) & _first_of_each(keys, keep & is_fixation & np.isfinite(x))
        duration = numbers(table[lasting], str(path), column=lasting, blank=True) * _MS.get(_unit_of(lasting), 1.0)
    time = _times(table, path)
    space: Any = "screen"
    boxes: dict[str, Box] = {}
    sizes = _media(table, path, "presentedmediawidth", "presentedmediaheight")
    if unit == "MCSnorm":
        space = "image"
    elif unit == "MCSpx":
        x, y, space = x / sizes[0], y / sizes[1], "image"
    elif np.isfinite(sizes).any():
        places = _media(table, path, "presentedmediapositionx", "presentedmediapositiony")
        rows = zip(image, *places, *sizes, strict=True)
        boxes = {name: Box(*box) for name, *box in rows if name and np.isfinite(box).all()}
    width, height = _media(table, path, "recordingresolutionwidth", "recordingresolutionheight")
    known = np.flatnonzero(np.isfinite(width) & np.isfinite(height))
    screen = (int(height[known[0]]), int(width[known[0]])) if len(known) else None
    return Recording(str(path), image, subject, time, x, y, duration, space, screen, boxes).rows(keep)


def is_pupil(table: _Table) -> bool:
    """Whether these are the columns of gaze or fixations on a surface, exported by Pupil Player."""
    named = {"x_norm", "y_norm"} <= table.keys() or {"norm_pos_x", "norm_pos_y", "fixation_id"} <= table.keys()
    return named and bool(_SURFACE & table.keys())


def pupil(table: _Table, path: Path) -> Recording:
    """Gaze on a surface, which is the image of its name: ``gaze_positions_on_surface_NAME.csv``, or its fixations.

    Pupil counts y from the bottom. Samples beside the surface, or of little confidence, count as lost; fixations beside
    it are left out. The observer is the recording's folder, three above the file (RECORDING/exports/000/surfaces).
    """
    samples = "x_norm" in table
    names = ("x_norm", "y_norm") if samples else ("norm_pos_x", "norm_pos_y")
    x, up = (numbers(table[name], str(path), column=name, blank=True) for name in names)
    on = next(iter(_SURFACE & table.keys()))
    there = np.array([value.lower() in ("true", "1") for value in table[on]], dtype=bool)
    if samples and "confidence" in table:
        there &= numbers(table["confidence"], str(path), column="confidence", blank=True) >= _CONFIDENT
    stamp = next(n for n in ("gaze_timestamp", "eye_timestamp", "start_timestamp", "world_timestamp") if n in table)
    time = 1e3 * numbers(table[stamp], str(path), column=stamp)
    surface = re.sub(r"^.*_on_surface_", "", path.stem)
    folder = path.resolve().parents
    who = folder[3].name if len(folder) > 3 and folder[0].name == "surfaces" else "0"
    image, subject = (np.full(len(x), text, dtype=object) for text in (surface, who))
    if samples:
        x, up = (np.where(there, values, np.nan) for values in (x, up))
        return Recording(str(path), image, subject, time, x, 1 - up, None, "image")
    duration = numbers(table["duration"], str(path), column="duration")
    first = _first_of_each(table["fixation_id"], there)  # the export has a row for each frame of the scene's video
    return Recording(str(path), image, subject, time, x, 1 - up, duration, "image").rows(there & first)


def is_ogama(table: _Table) -> bool:
    """Whether these are the columns of raw data or fixations, exported by OGAMA."""
    gaze, fixations = {"GazePosX", "GazePosY", "Time"}, {"PosX", "PosY", "StartTime", "Length"}
    return "SubjectName" in table and (gaze <= table.keys() or fixations <= table.keys())


def ogama(table: _Table, path: Path) -> Recording:
    """Raw data (GazePosX, GazePosY, Time) or fixations (PosX, PosY, StartTime, Length) in pixels of the screen.

    The image is the trial's picture or name, else its number. Lost samples are at (0, 0).
    """
    label = next(n for n in ("StimulusFile", "TrialName", "TrialID", "TrialSequence") if n in table)
    image, subject = (np.array(table[name], dtype=object) for name in (label, "SubjectName"))
    fixated = "GazePosX" not in table
    names = ("PosX", "PosY", "StartTime") if fixated else ("GazePosX", "GazePosY", "Time")
    x, y, time = (numbers(table[name], str(path), column=name, blank=True) for name in names)
    if fixated:
        return Recording(str(path), image, subject, time, x, y, numbers(table["Length"], str(path), column="Length"))
    lost = (x == 0) & (y == 0)
    return Recording(str(path), image, subject, time, np.where(lost, np.nan, x), np.where(lost, np.nan, y))


def _plain(name: str) -> str:
    """A column's name without its unit, spaces and capitals, which differ between versions of Tobii's programs."""
    return re.sub(r"[\s_]", "", _UNITS.sub("", name)).lower()


def _unit_of(name: str) -> str:
    found = _UNIT.search(name)
    return "" if found is None else found[1].replace(" ", "")


def _find(table: _Table, *names: str) -> str | None:
    return next((column for name in names for column in table if _plain(column) == name), None)


def _image_column(table: _Table) -> str | None:
    return _find(table, "presentedmedianame", "presentedstimulusname", "recordingmedianame", "medianame")


def _subjects(table: _Table, names: tuple[str, ...], count: int) -> npt.NDArray[np.object_]:
    column = _find(table, *names)
    return np.array(table[column] if column else ["0"] * count, dtype=object)


def _coordinates(table: _Table, what: str, path: Path) -> tuple[_Floats, _Floats, str]:
    """x, y and their unit, of the columns "Gaze point" or "Fixation point" that say most about the image."""
    units = {_unit_of(name): name for name in table if _plain(name) == f"{what}x"}
    unit = next((u for u in ("MCSnorm", "MCSpx") if u in units), next(iter(units)))
    x = units[unit]
    y = next(name for name in table if _plain(name) == f"{what}y" and _unit_of(name) == unit)
    first, second = (numbers(table[name], str(path), column=name, blank=True) for name in (x, y))
    return first, second, unit


def _media(table: _Table, path: Path, *names: str) -> tuple[_Floats, _Floats]:
    """Two columns of numbers, NaN where the export does not have them."""
    count = len(next(iter(table.values())))
    columns = [_find(table, name) for name in names]
    first, second = (
        numbers(table[c], str(path), column=c, blank=True) if c else np.full(count, np.nan) for c in columns
    )
    return first, second


def _times(table: _Table, path: Path) -> _Floats:
    """Times in ms; without a unit they are microseconds where they rise by more than a tracker's milliseconds can."""
    column = _find(table, "recordingtimestamp", "eyetrackertimestamp") or next(iter(table))
    time = numbers(table[column], str(path), column=column, blank=True)
    unit = _unit_of(column)
    if unit in _MS:
        return time * _MS[unit]
    steps = np.diff(time[np.isfinite(time)])
    return time * 1e-3 if len(steps) and np.median(steps[steps > 0], axis=0) > 250 else time


def _first_of_each(keys: list[Any], among: npt.NDArray[np.bool_]) -> npt.NDArray[np.bool_]:
    """Which rows are the first of their key among some."""
    seen: set[Any] = set()
    first = np.zeros(len(keys), dtype=bool)
    for k in np.flatnonzero(among):
        first[k] = keys[k] not in seen
        seen.add(keys[k])
    return first
