"""Interiors: visual search in 134 grey images of rooms (Bujia et al. 2020).

57 observers, 7,455 trials, 47,383 fixations; 2,459 of them lie on the border of the screen, at x = 1024 or y = 768,
to which the published coordinates of gaze outside the screen are clipped. The published scores leave them out.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np

from regard.gaze.files import image_sizes, load_csv, numbers
from regard.gaze.fixations import Fixations, Outside, make_fixations
from regard.types import RegardError

_SIZE = (768, 1024)


def read_interiors(folder: str | Path, *, points_outside: Outside = "drop") -> Fixations:
    """Interiors from ``fixations.csv`` (trial, fix, x, y, dur_ms), ``trials.csv`` (trial, subject, image), ``images/``.

    Coordinates are pixels of the screen's 1024x768, whatever the size of the stored images: ``rescale`` converts
    them. Order 0 is the forced first fixation: ``select(order=(1, 10**6))`` leaves it out, as search scores do.
    Fixations on the border are left out and counted unless ``points_outside`` is "raise".

    Raises:
        RegardError: a missing file or column, a fixation of an unknown trial, invalid coordinates.
    """
    folder = Path(folder)
    trials = load_csv(folder / "trials.csv", ("trial", "subject", "image"))
    rows = load_csv(folder / "fixations.csv", ("trial", "fix", "x", "y", "dur_ms"))
    place = {trial: k for k, trial in enumerate(trials["trial"])}
    unknown = sorted(set(rows["trial"]) - set(place))
    if unknown:
        raise RegardError(f"{folder / 'fixations.csv'} has fixations of trial {unknown[0]!r}, which trials.csv lacks")
    at = np.array([place[trial] for trial in rows["trial"]], dtype=np.int64)
    where = str(folder / "fixations.csv")
    return make_fixations(
        image=np.array(trials["image"], dtype=object)[at],
        subject=np.array(trials["subject"], dtype=object)[at],
        order=numbers(rows["fix"], f"{where}, fix"),
        x=numbers(rows["x"], f"{where}, x"),
        y=numbers(rows["y"], f"{where}, y"),
        duration=numbers(rows["dur_ms"], f"{where}, dur_ms"),
        sizes=dict.fromkeys(image_sizes(folder / "images"), _SIZE),
        points_outside=points_outside,
    )
