"""A small set of gaze: images, the fixations of four observers, and the maps of two models."""

from pathlib import Path

import numpy as np
from PIL import Image

NAMES = [f"{k}.png" for k in range(8)]
H, W = 24, 32


def write_gaze_set(folder: Path) -> None:
    """Images, fixations near one spot per image, a train split, and maps of two models, ``good`` and ``poor``."""
    rng = np.random.default_rng(0)
    for part in ("images", "good", "poor"):
        (folder / part).mkdir()
    y, x = np.mgrid[:H, :W]
    rows = {"gaze": [], "train": []}
    for k, name in enumerate(NAMES):
        spot = rng.uniform((6, 5), (26, 19))
        Image.fromarray(rng.integers(0, 255, (H, W, 3), dtype=np.uint8)).save(folder / "images" / name)
        np.save(folder / "good" / f"{k}.npy", np.exp(-((x - spot[0]) ** 2 + (y - spot[1]) ** 2) / 50) + 0.01)
        Image.fromarray(rng.integers(0, 255, (6, 8), dtype=np.uint8)).save(folder / "poor" / name)
        for person in "abcd":
            points = rng.normal(spot, 2, (5, 2)).clip(0.5, (W - 1, H - 1))
            rows["gaze" if k < 5 else "train"] += [f"{name},{person},{px:.2f},{py:.2f}" for px, py in points]
    for split, lines in rows.items():
        (folder / f"{split}.csv").write_text("\n".join(["image,subject,x,y", *lines]) + "\n")
