"""Video gaze as Wang et al. (2018) repackaged it: DHF1K, Hollywood-2, UCF Sports, one folder a clip."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from PIL import Image

from regard.gaze.build import make_fixations
from regard.gaze.fixations import Fixations
from regard.gaze.readers.files import IMAGES, image_sizes
from regard.types import RegardError


def read_wang(folder: str | Path, *, threshold: int = 127) -> Fixations:
    """Fixated pixels of all clips: ``<clip>/fixation/*.png`` are binary maps of the frames in ``<clip>/images``.

    A frame is an image, named ``<clip>/<stem>``; observers are lost in the maps, so there is one subject "all". Frames
    without fixations are listed. Split Hollywood-2 by movie, never by frame.

    Raises:
        RegardError: no clip, or another number of maps than of frames.
    """
    clips = sorted(p for p in Path(folder).iterdir() if (p / "fixation").is_dir()) if Path(folder).is_dir() else []
    if not clips:
        raise RegardError(f"{folder} has no <clip>/fixation/ folders")
    sizes, image, x, y = {}, [], [], []
    for clip in clips:
        maps = image_sizes(clip / "fixation")
        frames = [p for p in (clip / "images").glob("*") if p.suffix.lower() in IMAGES]
        if frames and len(frames) != len(maps):
            raise RegardError(f"{clip} has {len(frames)} frames, but {len(maps)} maps of fixations")
        for name, size in maps.items():
            key = f"{clip.name}/{Path(name).stem}"
            sizes[key] = size
            with Image.open(clip / "fixation" / name) as file:
                rows, columns = np.nonzero(np.asarray(file.convert("L")) > threshold)
            image += [key] * len(rows)
            x += columns.tolist()
            y += rows.tolist()
    return make_fixations(image=image, subject=["all"] * len(x), x=x, y=y, sizes=sizes)
