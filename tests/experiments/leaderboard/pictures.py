"""Small data for a leaderboard: scenes with a bright square and people who look at it, and images by class."""

from pathlib import Path

import numpy as np
import torch
from PIL import Image

from regard.models import AttentiveClassifier

SIDE = 48


def make_scenes(root: Path, *, images: int = 20, people: int = 4) -> Path:
    """OSIE's layout: a bright square at a place of its own in every image, around which everybody looks."""
    (root / "images").mkdir(parents=True)
    random = np.random.default_rng(0)
    lines = ["image,subject,order,x,y,dur_ms"]
    for k in range(images):
        x, y = random.integers(8, SIDE - 8, 2)
        pixels = random.integers(0, 60, (SIDE, SIDE, 3)).astype(np.uint8)
        pixels[y - 5 : y + 5, x - 5 : x + 5] = 250
        Image.fromarray(pixels).save(root / "images" / f"{1001 + k}.jpg")
        for who in range(people):
            for order, (dx, dy) in enumerate(random.uniform(-4, 4, (3, 2))):
                lines.append(f"{1001 + k}.jpg,{who},{order},{x + dx:.1f},{y + dy:.1f},200")
    (root / "fixations.csv").write_text("\n".join(lines) + "\n")
    return root


def make_classes(root: Path, *, each: int = 12) -> Path:
    """Dark and bright images, which any network tells apart."""
    random = np.random.default_rng(1)
    for name, low in (("bright", 180), ("dark", 0)):
        (root / name).mkdir(parents=True)
        for k in range(each):
            pixels = random.integers(low, low + 60, (SIDE, SIDE, 3)).astype(np.uint8)
            Image.fromarray(pixels).save(root / name / f"{k}.png")
    return root


def save_network(folder: Path, seed: int = 0) -> Path:
    """A small classifier of three classes as a folder of ``save_pretrained``."""
    torch.manual_seed(seed)
    options = {"widths": [4, 4, 8, 8]}
    model = AttentiveClassifier("compact", 3, attention=None, input_size=(SIDE, SIDE), backbone_options=options)
    model.save_pretrained(folder)
    return folder
