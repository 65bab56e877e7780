"""Gaze published as binary maps of fixated pixels: MIT1003's maps, and video gaze in the form of Wang et al.

Observers, order and repeated fixations of a pixel are lost in such maps, so there is one subject, "all".

* MIT1003: 1,003 images, 15 observers, 3 s of free viewing (Judd et al., ICCV 2009). pysaliency's HDF5 keeps observers.
* DHF1K, Hollywood-2 and UCF Sports as Wang et al. (CVPR 2018) repackaged them: one folder per clip.
"""

from __future__ import annotations

from pathlib import Path

from regard.gaze.files import IMAGES, fixated_pixels, image_sizes
from regard.gaze.fixations import Fixations, make_fixations
from regard.types import RegardError


def read_mit1003(folder: str | Path, *, threshold: int = 127) -> Fixations:
    """Fixated pixels from ``ALLFIXATIONMAPS``: ``<stem>_fixPts.jpg`` beside ``<stem>_fixMap.jpg``.

    Pixels above ``threshold`` are fixations (the binary maps are stored as JPEG). Images are named by their stem.

    Raises:
        RegardError: no such maps, or a map without any fixation.
    """
    names = [name for name in image_sizes(folder) if Path(name).stem.endswith("_fixPts")]
    if not names:
        raise RegardError(f"{folder} has no <stem>_fixPts.jpg: is it ALLFIXATIONMAPS of MIT1003?")
    maps = {Path(name).stem.removesuffix("_fixPts"): Path(folder) / name for name in names}
    return _from_maps(maps, threshold, empty=False)


def read_wang(folder: str | Path, *, threshold: int = 127) -> Fixations:
    """Fixated pixels of all clips: ``<clip>/fixation/*.png`` are binary maps of the frames in ``<clip>/images``.

    A frame is an image, named ``<clip>/<stem>``. Frames without fixations are listed. Split Hollywood-2 by movie, never
    by frame.

    Raises:
        RegardError: no clip, or another number of maps than of frames.
    """
    clips = sorted(p for p in Path(folder).iterdir() if (p / "fixation").is_dir()) if Path(folder).is_dir() else []
    if not clips:
        raise RegardError(f"{folder} has no <clip>/fixation/ folders")
    maps: dict[str, Path] = {}
    for clip in clips:
        names = image_sizes(clip / "fixation")
        frames = [p for p in (clip / "images").glob("*") if p.suffix.lower() in IMAGES]
        if frames and len(frames) != len(names):
            raise RegardError(f"{clip} has {len(frames)} frames, but {len(names)} maps of fixations")
        maps |= {f"{clip.name}/{Path(name).stem}": clip / "fixation" / name for name in names}
    return _from_maps(maps, threshold)


def _from_maps(maps: dict[str, Path], threshold: int, *, empty: bool = True) -> Fixations:
    """Fixations from image name -> file of its map; without ``empty``, a map without fixations is an error."""
    sizes: dict[str, tuple[int, int]] = {}
    image, x, y = [], [], []
    for name, path in maps.items():
        sizes[name], columns, rows = fixated_pixels(path, threshold=threshold)
        if len(rows) == 0 and not empty:
            raise RegardError(f"{path} has no pixel above {threshold}: it is no map of fixations")
        image += [name] * len(rows)
        x += columns.tolist()
        y += rows.tolist()
    return make_fixations(image=image, subject=["all"] * len(x), x=x, y=y, sizes=sizes)
