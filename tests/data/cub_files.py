"""A small generated CUB: each image holds one bright square, the bird, with known box and parts."""

from pathlib import Path

import numpy as np
from PIL import Image

BOX = (20, 30, 40, 24)
"""x, y, width, height in original pixels, in every image."""
BEAK, CROWN = (20.5, 42.5), (40.5, 30.5)
"""Parts 2 and 5; all others are not visible."""
SIZES = ((120, 80), (80, 120), (100, 100), (160, 90))


def make_cub(root: Path, *, each: int = 10, classes: int = 3, flat: bool = True, shrink: int = 1) -> Path:
    """Writes ``classes`` x ``each`` images, half of them for training; ``flat`` puts all lists in annotations/."""
    place = root / "annotations" if flat else root
    parts = place if flat else root / "parts"
    for folder in (place, parts, root / "images"):
        folder.mkdir(parents=True, exist_ok=True)
    lists: dict[str, list[str]] = {}
    gaze = ["image_id,run,order,x,y,dur_ms,orig_w,orig_h"]
    for number in range(1, each * classes + 1):
        kind, (width, height) = (number - 1) // each + 1, SIZES[number % len(SIZES)]
        name = f"{kind:03d}.Kind_of_{kind}/bird_{number}.png"
        pixels = np.full((height, width, 3), 30 + 20 * kind, dtype=np.uint8)
        pixels[BOX[1] : BOX[1] + BOX[3], BOX[0] : BOX[0] + BOX[2]] = 255
        (root / "images" / name).parent.mkdir(exist_ok=True)
        image = Image.fromarray(pixels)
        image.resize((width // shrink, height // shrink), Image.Resampling.BOX).save(root / "images" / name)
        for file, line in (
            ("images", name),
            ("image_class_labels", str(kind)),
            ("bounding_boxes", " ".join(f"{v:.1f}" for v in BOX)),
            ("train_test_split", str(number % 2)),
        ):
            lists.setdefault(file, []).append(f"{number} {line}")
        for part in range(1, 16):
            x, y = {2: BEAK, 5: CROWN}.get(part, (0.0, 0.0))
            lists.setdefault("part_locs", []).append(f"{number} {part} {x} {y} {int(x > 0)}")
        gaze += [
            f"{number},{run},{order},{x},{y},{100 * order + 100},{width},{height}"
            for run in (1, 2, 3)
            for order, (x, y) in enumerate((BEAK, CROWN, (1.0, 1.0)))
        ]
    lists["classes"] = [f"{kind} {kind:03d}.Kind_of_{kind}" for kind in range(1, 201)]
    for file, lines in lists.items():
        ((parts if file == "part_locs" else place) / f"{file}.txt").write_text("\n".join(lines) + "\n")
    if flat:
        (root / "gaze_cub_gha.csv").write_text("\n".join(gaze) + "\n")
    return root
