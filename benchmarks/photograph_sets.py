"""Folders of images as somebody brings them, one folder a class: birds, coloured digits, textures.

The birds are subsets of CUB-200-2011 in ``$REGARD_DATA/cub50``; digits and textures are drawn. Every set has
``train`` (from which validation images are taken) and ``test``.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Mapping
from functools import cache
from pathlib import Path

import matplotlib
import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFilter, ImageFont
from scipy.ndimage import gaussian_filter, zoom

Maker = Callable[[Path], None]

SIX = ("001", "002", "003", "004", "005", "006")
"""The first six classes of birds."""
KINDS = {
    "albatross": (1, 2, 3),
    "auklet": (5, 6, 7, 8),
    "blackbird": (9, 10, 11, 12),
    "bunting": (14, 15, 16),
    "cormorant": (23, 24, 25),
    "crow": (29, 30),
    "cuckoo": (31, 32, 33),
    "finch": (34, 35),
    "flycatcher": (37, 38, 39, 40, 41, 42, 43),
    "goldfinch": (47, 48),
}
"""Ten kinds of birds and CUB's numbers of their species."""


def _species() -> dict[str, list[Path]]:
    folder = Path(os.environ["REGARD_DATA"]) / "cub50" / "images"
    return {path.name: sorted(path.glob("*.jpg")) for path in sorted(folder.iterdir())}


def _shared(files: Mapping[str, list[Path]], folder: Path, train: int, test: int) -> None:
    """Copies so many images a class, drawn with seed 0, into train, and at most so many others into test."""
    for name, paths in files.items():
        order = np.random.default_rng(0).permutation(len(paths))
        for part, places in (("train", order[:train]), ("test", order[train : train + test])):
            (folder / part / name).mkdir(parents=True, exist_ok=True)
            for place in places:
                shutil.copyfile(paths[place], folder / part / name / paths[place].name)


def birds_6x30(folder: Path) -> None:
    """Six species, 30 photographs each; the other ones of the species, about 29, are the test."""
    _shared({name: files for name, files in _species().items() if name[:3] in SIX}, folder, 30, 60)


def kinds_10x100(folder: Path) -> None:
    """Ten kinds of several species each, 100 photographs a kind; at most 60 others are the test."""
    species = {int(name[:3]): files for name, files in _species().items()}
    kinds = {kind: sorted(file for k in numbers for file in species[k]) for kind, numbers in KINDS.items()}
    _shared(kinds, folder, 100, 60)


def birds_50x27(folder: Path) -> None:
    """All fifty species, 27 photographs each; the others, about 30, are the test."""
    _shared(_species(), folder, 27, 60)


def digits_10x60(folder: Path) -> None:
    """House numbers: a coloured digit in the middle, neighbours cut at the sides, blurred, on a coloured ground."""
    _drawn(folder, {str(digit): lambda rng, digit=digit: _house_number(rng, digit) for digit in range(10)}, 60, 40)


def textures_8x40(folder: Path) -> None:
    """Eight families of textures, in random colours, sizes and directions; they fill the image."""
    _drawn(folder, {name: lambda rng, make=make: _coloured(rng, make(rng)) for name, make in TEXTURES.items()}, 40, 40)


SETS: dict[str, Maker] = {
    "birds_6x30": birds_6x30,
    "kinds_10x100": kinds_10x100,
    "birds_50x27": birds_50x27,
    "digits_10x60": digits_10x60,
    "textures_8x40": textures_8x40,
}
"""Name -> what fills a folder."""
FILLED = ("textures_8x40",)
"""Sets in which the object fills the image, so that no place is to be preferred."""


def _drawn(
    folder: Path, makers: Mapping[str, Callable[[np.random.Generator], Image.Image]], train: int, test: int
) -> None:
    for label, (name, make) in enumerate(makers.items()):
        for k in range(train + test):
            path = folder / ("train" if k < train else "test") / name / f"{k:04d}.png"
            path.parent.mkdir(parents=True, exist_ok=True)
            make(np.random.default_rng([label, k])).save(path)


@cache
def _fonts() -> tuple[str, ...]:
    folder = Path(matplotlib.get_data_path()) / "fonts" / "ttf"
    return tuple(str(path) for path in sorted(folder.glob("DejaVu*.ttf")) if "Display" not in path.name)


def _house_number(rng: np.random.Generator, digit: int, size: int = 96) -> Image.Image:
    ground = rng.integers(0, 256, 3)
    ink = (ground + rng.choice([-1, 1], 3) * rng.integers(60, 140, 3)).clip(0, 255)
    slope = (
        np.linspace(-1, 1, size)[:, None, None] * rng.normal(0, 25, 3) + np.linspace(-1, 1, size)[None, :, None] * 20
    )
    image = Image.fromarray((ground + slope + np.zeros((size, size, 3))).clip(0, 255).astype(np.uint8))
    font = ImageFont.truetype(str(rng.choice(_fonts())), int(rng.integers(38, 58)))
    layer = Image.new("L", (size, size))
    draw = ImageDraw.Draw(layer)
    middle = size / 2 + rng.normal(0, 5, 2)
    step = font.size * rng.uniform(0.62, 0.8)
    for place, drawn in ((-1, rng.integers(10)), (0, digit), (1, rng.integers(10))):
        if place == 0 or rng.random() < 0.7:
            draw.text((middle[0] + place * step, middle[1]), str(drawn), 255, font, anchor="mm")
    layer = layer.rotate(float(rng.normal(0, 8)), Image.Resampling.BILINEAR)
    image.paste(tuple(int(v) for v in ink), mask=layer)
    image = image.filter(ImageFilter.GaussianBlur(float(rng.uniform(0, 2))))
    noisy = np.asarray(image) + rng.normal(0, rng.uniform(2, 14), (size, size, 3))
    return Image.fromarray(noisy.clip(0, 255).astype(np.uint8))


def _grid(rng: np.random.Generator, size: int = 128) -> tuple[NDArray[np.float64], NDArray[np.float64], float]:
    """Turned coordinates and a random period in pixels."""
    angle, y, x = rng.uniform(0, np.pi), *np.mgrid[:size, :size].astype(float)
    return x * np.cos(angle) + y * np.sin(angle), y * np.cos(angle) - x * np.sin(angle), rng.uniform(9, 24)


def _stripes(rng: np.random.Generator) -> NDArray[np.float64]:
    x, y, period = _grid(rng)
    return np.sin(2 * np.pi * (x + 2 * np.sin(y / period)) / period)


def _plaid(rng: np.random.Generator) -> NDArray[np.float64]:
    x, y, period = _grid(rng)
    return np.sin(2 * np.pi * x / period) + np.sin(2 * np.pi * y / period / rng.uniform(0.8, 1.3))


def _checks(rng: np.random.Generator) -> NDArray[np.float64]:
    x, y, period = _grid(rng)
    return np.sign(np.sin(2 * np.pi * x / period) * np.sin(2 * np.pi * y / period))


def _dots(rng: np.random.Generator) -> NDArray[np.float64]:
    x, y, period = _grid(rng)
    return (np.hypot(x % period - period / 2, y % period - period / 2) < period * rng.uniform(0.22, 0.38)).astype(float)


def _bricks(rng: np.random.Generator) -> NDArray[np.float64]:
    x, y, period = _grid(rng)
    row = np.floor(y / period)
    return ((y % period > 2.5) & ((x + row % 2 * period) % (2 * period) > 2.5)).astype(float)


def _wood(rng: np.random.Generator) -> NDArray[np.float64]:
    x, y, period = _grid(rng)
    bend = gaussian_filter(rng.normal(size=x.shape), 16) * 900
    return np.sin(2 * np.pi * (np.hypot(x * 0.15, y) + bend) / period)


def _cells(rng: np.random.Generator) -> NDArray[np.float64]:
    y, x = np.mgrid[:128, :128]
    points = rng.uniform(0, 128, (int(rng.integers(40, 110)), 2))
    distances = np.sort(np.hypot(y[..., None] - points[:, 0], x[..., None] - points[:, 1]), -1)
    return (distances[..., 1] - distances[..., 0]).clip(0, 4)


def _clouds(rng: np.random.Generator) -> NDArray[np.float64]:
    layers = [
        zoom(rng.normal(size=(k, k)), 128 / k, order=1, grid_mode=True, mode="grid-wrap") / k for k in (4, 8, 16, 32)
    ]
    return np.sum(layers, 0)


TEXTURES = {
    "bricks": _bricks,
    "cells": _cells,
    "checks": _checks,
    "clouds": _clouds,
    "dots": _dots,
    "plaid": _plaid,
    "stripes": _stripes,
    "wood": _wood,
}


def _coloured(rng: np.random.Generator, values: NDArray[np.float64]) -> Image.Image:
    low, high = np.percentile(values, (2, 98))
    share = ((values - low) / max(high - low, 1e-9)).clip(0, 1)[..., None]
    first = rng.uniform(0, 255, 3)
    second = (first + rng.choice([-1, 1], 3) * rng.uniform(50, 130, 3)).clip(0, 255)
    picture = first * (1 - share) + second * share + rng.normal(0, 12, (*values.shape, 3))
    return Image.fromarray(picture.clip(0, 255).astype(np.uint8))
