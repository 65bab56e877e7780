"""Which program made a file of gaze, and its fixations on images."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from regard.gaze.entry import Outside
from regard.gaze.files import csv_header, load_csv
from regard.gaze.fixations import Fixations
from regard.gaze.recordings.bids import bids
from regard.gaze.recordings.eyelink import IMAGE_MESSAGES, eyelink
from regard.gaze.recordings.recording import Placement, Recording, to_fixations
from regard.gaze.recordings.tables import is_ogama, is_pupil, is_tobii, ogama, pupil, tobii
from regard.reading import regular_file
from regard.types import RegardError

_Table = Mapping[str, list[str]]
_TABLES: tuple[tuple[Callable[[_Table], bool], Callable[[_Table, Path], Recording]], ...] = (
    (is_tobii, tobii),
    (is_pupil, pupil),
    (is_ogama, ogama),
)
_BIDS = ("_physio.tsv.gz", "_physio.tsv", "_eyetrack.tsv.gz", "_eyetrack.tsv")


def is_recording(path: str | Path) -> bool:
    """Whether `read_recordings` knows the file: by its name, or by the columns of a table.

    >>> is_recording("p1.asc"), is_recording("sub-01_task-view_recording-eye1_physio.tsv.gz"), is_recording("a.h5")
    (True, True, False)
    """
    path = Path(path)
    if path.suffix.lower() == ".asc" or path.name.endswith(_BIDS):
        return True
    if path.suffix.lower() not in (".csv", ".tsv", ".txt"):
        return False
    try:
        header = csv_header(path)
    except RegardError:
        return False  # it is refused as what it was given for
    return any(known({name: [] for name in header}) for known, _ in _TABLES)


def read_recordings(
    paths: str | Path | Iterable[str | Path],
    *,
    sizes: Mapping[str, tuple[int, int] | None],
    placement: Placement | None = None,
    screen: tuple[int, int] | None = None,
    pixels_per_degree: float | None = None,
    messages: tuple[str, ...] = IMAGE_MESSAGES,
    samples: bool = False,
    points_outside: Outside = "drop",
) -> Fixations:
    r"""Fixations on images, from the files of one or more observers that a tracker's program has exported.

    * EyeLink: ``.asc`` of edf2asc, by pymovements; images are named by messages.
    * Tobii Studio and Pro Lab: table with "Gaze point X" and "Presented Media name", in any of its units.
    * Pupil: ``gaze_positions_on_surface_NAME.csv`` and ``fixations_on_surface_NAME.csv``; the surface is the image.
    * OGAMA: raw data and fixations.
    * BIDS: ``*_physio.tsv.gz`` with its JSON, images by ``stim_file`` of the events.

    Fixations of the program are taken where the file has them, else they are detected (`fixations_from_samples`).

    >>> import tempfile
    >>> file = Path(tempfile.mkdtemp()) / "fixations_on_surface_a.csv"
    >>> head = "fixation_id,start_timestamp,duration,norm_pos_x,norm_pos_y,on_surf\n"
    >>> _ = file.write_text(head + "0,12.5,240,.25,.75,True\n1,12.8,90,1.2,.5,False\n")
    >>> table = read_recordings(file, sizes={"a.png": (60, 80)})
    >>> table.points().tolist(), table.duration.tolist()
    ([[[20.0, 15.0]]], [240.0])

    Args:
        paths: a file or several.
        sizes: name -> (height, width) of every image, None for one that cannot be read; what else was shown is left
            out.
        placement: where images were on the screen: ``fill``, stretched to it; ``center``, unscaled in its middle; a
            `Box` of pixels; None: as the file says, else as ``fill`` where the screen's size is known, else the
            coordinates are pixels of the image.
        screen: (height, width) of the screen in pixels; that of the file if not given.
        pixels_per_degree: pixels of the screen that a degree of visual angle spans (of the image, for coordinates on
            it); only needed to detect fixations.
        messages: of an EyeLink, regular expressions with a group ``image``.
        samples: detect fixations also where the file has some.
        points_outside: ``drop`` leaves out and counts fixations beside the image, ``raise`` names them.

    Raises:
        RegardError: a file of no known program or a damaged one, no known image, or no ``pixels_per_degree`` for
            samples.
    """
    files = [Path(paths)] if isinstance(paths, (str, Path)) else [Path(path) for path in paths]
    if not files:
        raise RegardError("there is no file of gaze to read")
    tables = [
        to_fixations(
            _open(file, messages, samples),
            sizes,
            placement=placement,
            screen=screen,
            pixels_per_degree=pixels_per_degree,
            points_outside=points_outside,
        )
        for file in files
    ]
    return tables[0] if len(tables) == 1 else _joined(tables)


def _open(path: Path, messages: tuple[str, ...], samples: bool) -> Recording:
    regular_file(path, what="file of gaze")
    if path.suffix.lower() == ".asc":
        return eyelink(path, messages=messages, samples=samples)
    if path.name.endswith(_BIDS):
        return bids(path)
    table = load_csv(path)
    found = next((read for known, read in _TABLES if known(table)), None)
    if found is None:
        raise RegardError(
            f"{path} has columns of no program that is known (EyeLink's ASC, Tobii, Pupil, OGAMA, BIDS): "
            f"{list(table)}; `read_csv` reads tables of one row per fixation, `fixations_from_samples` takes arrays"
        )
    recording = found(table, path)
    if samples and recording.duration is not None:
        raise RegardError(f"{path} has fixations and no samples to detect them in: leave samples out")
    return recording


def _joined(tables: list[Fixations]) -> Fixations:
    """One table of several, whose viewings stay apart."""
    sizes = {n: (int(h), int(w)) for t in tables for n, (h, w) in zip(t.images, t.sizes, strict=True)}
    images, subjects = list(sizes), sorted({who for t in tables for who in t.subjects})
    place = {name: k for k, name in enumerate(images)}
    number = {name: k for k, name in enumerate(subjects)}
    columns: dict[str, Any] = {
        name: np.concatenate([getattr(t, name) for t in tables]) for name in ("x", "y", "order", "duration")
    }
    return Fixations(
        image=np.concatenate([np.array([place[t.images[k]] for k in t.image], dtype=np.int64) for t in tables]),
        subject=np.concatenate([np.array([number[t.subjects[k]] for k in t.subject], dtype=np.int64) for t in tables]),
        **columns,
        images=tuple(images),
        sizes=np.array([sizes[name] for name in images], dtype=np.int64).reshape(-1, 2),
        subjects=tuple(subjects),
        dropped=sum(t.dropped for t in tables),
        unreadable={name: why for t in tables for name, why in t.unreadable.items()},
    )
