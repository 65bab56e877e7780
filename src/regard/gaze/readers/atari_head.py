"""Atari-HEAD: gaze and actions of people who play Atari games, frame by frame (Zhang et al. 2020)."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from regard.gaze.files import load_csv, numbers
from regard.gaze.fixations import Fixations, Outside, make_fixations

ATARI_FRAME = (210, 160)


def read_atari_head(path: str | Path, *, points_outside: Outside = "drop") -> Fixations:
    """One trial's gaze, the mean position of each frame, from the CSV with frame_id, gaze_x_mean, gaze_y_mean.

    Each frame is an image of 210x160 (height, width), named by its frame_id; the player is the only subject. Frames
    without gaze (empty values) are listed without fixations; points outside the screen are left out and counted.

    Raises:
        RegardError: a missing column, a value that is no number, or coordinates that are systematically wrong.
    """
    rows = load_csv(path, ("frame_id", "gaze_x_mean", "gaze_y_mean"))
    x, y = (numbers(rows[name], f"{path}, {name}", blank=True) for name in ("gaze_x_mean", "gaze_y_mean"))
    valid = ~(np.isnan(x) | np.isnan(y))
    player = Path(path).stem.removeprefix("gaze_actions_").split("_")[0]
    return make_fixations(
        image=np.array(rows["frame_id"], dtype=object)[valid],
        subject=[player] * int(valid.sum()),
        x=x[valid],
        y=y[valid],
        sizes=dict.fromkeys(rows["frame_id"], ATARI_FRAME),
        points_outside=points_outside,
    )
