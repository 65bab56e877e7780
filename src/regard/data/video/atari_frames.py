"""Frames of a game out of their archive, and the flow between them."""

from __future__ import annotations

import io
from collections.abc import Sequence
from pathlib import Path
from zipfile import BadZipFile, ZipFile

import numpy as np
import torch
from PIL import Image
from torch import Tensor

from regard.data.archive import open_zip
from regard.data.video.atari_items import Ints
from regard.data.video.extra import opencv
from regard.data.video.flow import optical_flow
from regard.gaze.readers.atari_head import FRAME
from regard.types import RegardError


def read_frames(path: Path, names: Sequence[str], rows: Ints, length: int, size: tuple[int, int]) -> dict[str, Tensor]:
    """Images (N,3,H,W) of the rows and the flow (N,2L,H,W) up to them; every frame is read, every step made once."""
    cv2 = opencv()
    with open_zip(path) as archive:
        known = {Path(name).name: name for name in archive.namelist()}
        absent = [name for name in names if f"{name}.png" not in known]
        if absent:
            raise RegardError(f"{path}: {len(absent)} of {len(names)} frames are missing, the first {absent[0]}.png")
        seen: dict[int, np.ndarray] = {}
        steps: dict[int, Tensor] = {}
        images = torch.empty(len(rows), 3, *size, dtype=torch.uint8)
        flow = torch.empty(len(rows), 2 * length, *size, dtype=torch.int8)
        for k, row in enumerate(rows.tolist()):
            for frame in range(row - length, row + 1):
                if frame not in seen:
                    whole = _pixels(archive, path, known[f"{names[frame]}.png"])
                    seen[frame] = cv2.resize(whole, (size[1], size[0]), interpolation=cv2.INTER_AREA)
                if frame > row - length and frame not in steps:
                    steps[frame] = optical_flow(np.stack([seen[frame - 1], seen[frame]]))
            images[k] = torch.from_numpy(seen[row]).permute(2, 0, 1)
            flow[k] = torch.cat([steps[frame] for frame in range(row - length + 1, row + 1)])
            seen = {frame: image for frame, image in seen.items() if frame >= row - length}
            steps = {frame: step for frame, step in steps.items() if frame >= row - length}
    return {"images": images, "flow": flow}


def _pixels(archive: ZipFile, path: Path, name: str) -> np.ndarray:
    try:
        with Image.open(io.BytesIO(archive.read(name))) as image:
            pixels = np.asarray(image.convert("RGB"))
    except (OSError, BadZipFile) as error:
        raise RegardError(f"{path}: entry {name!r} cannot be read ({error}); fetch the archive again") from None
    if pixels.shape[:2] != FRAME:
        raise RegardError(f"{path}: entry {name!r} is {pixels.shape[1]}x{pixels.shape[0]}, not {FRAME[1]}x{FRAME[0]}")
    return pixels
