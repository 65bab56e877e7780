"""Atari-HEAD: gaze and actions of people who play Atari games, frame by frame (Zhang et al. 2020)."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from regard.gaze.build import Outside, make_fixations
from regard.gaze.fixations import Fixations
from regard.gaze.readers.files import load_csv, numbers

FRAME = (210, 160)


def read_atari_head(path: str | Path, *, points_outside: Outside = "drop") -> Fixations:
    """One trial's gaze, the mean position of each frame, from the CSV with frame_id, gaze_x_mean, gaze_y_mean.

    Each frame is an image of 210x160 (height, width), named by its frame_id; the player is the only subject. Frames
    without gaze (empty values) are listed without fixations; gaze beside the screen is left out and counted.

    Raises:
        RegardError: a missing column, a value that is no number, or coordinates that do not fit as a whole.
    """
    rows = load_csv(path, ("frame_id", "gaze_x_mean", "gaze_y_mean"))
    x, y = (numbers([v or "nan" for v in rows[name]], f"{path}, {name}") for name in ("gaze_x_mean", "gaze_y_mean"))
    seen = ~(np.isnan(x) | np.isnan(y))
    player = Path(path).stem.removeprefix("gaze_actions_").split("_")[0]
    return make_fixations(
        image=np.array(rows["frame_id"], dtype=object)[seen],
        subject=[player] * int(seen.sum()),
        x=x[seen],
        y=y[seen],
        sizes=dict.fromkeys(rows["frame_id"], FRAME),
        points_outside=points_outside,
    )
