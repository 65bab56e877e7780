"""Photographs that lie inside scikit-learn and scikit-image, and random crops of them."""

from __future__ import annotations

from functools import lru_cache
from importlib.resources import files

import torch
from jaxtyping import Float, UInt8
from torch import Tensor

PHOTOGRAPHS: dict[str, tuple[str, ...]] = {
    "train": (
        "sklearn.datasets.images/china.jpg",
        "skimage.data/astronaut.png",
        "skimage.data/coffee.png",
        "skimage.data/motorcycle_left.png",
        "skimage.data/hubble_deep_field.jpg",
        "skimage.data/camera.png",
        "skimage.data/grass.png",
        "skimage.data/coins.png",
    ),
    "val": ("skimage.data/rocket.jpg", "skimage.data/ihc.png", "skimage.data/brick.png"),
    "test": (
        "sklearn.datasets.images/flower.jpg",
        "skimage.data/chelsea.png",
        "skimage.data/retina.jpg",
        "skimage.data/gravel.png",
        "skimage.data/moon.png",
    ),
}
"""Which photographs ground which split: no photograph, and no scene, is in two. Pictures of text are left out."""

_SCALES = (1.3, 2.2, 3.6)
"""A photograph's shorter side in units of the crop's side."""


@lru_cache(maxsize=64)
def photograph(name: str, side: int) -> UInt8[Tensor, "3 H W"]:
    """A packaged photograph with its shorter side resized to ``side``; round pictures are cut to their inside."""
    from PIL import Image

    package, file = name.split("/")
    with files(package).joinpath(file).open("rb") as stream, Image.open(stream) as opened:
        image = opened.convert("RGB")
        if file == "retina.jpg":  # a disc on black
            image = image.crop((240, 240, 1170, 1170))
        scale = side / min(image.size)
        image = image.resize((round(image.width * scale), round(image.height * scale)), Image.Resampling.LANCZOS)
        flat = torch.frombuffer(bytearray(image.tobytes()), dtype=torch.uint8)
        return flat.view(image.height, image.width, 3).permute(2, 0, 1).contiguous()


def crops(names: tuple[str, ...], size: int, u: Float[Tensor, "B 8"]) -> Float[Tensor, "B 3 {size} {size}"]:
    """One crop for each row of uniforms: photograph, scale, place, mirroring and a tint of up to 20 % a channel."""
    which = (u[:, 0] * len(names)).long() * len(_SCALES) + (u[:, 1] * len(_SCALES)).long()
    out = torch.empty(len(u), 3, size, size, dtype=torch.uint8)
    steps = torch.arange(size)
    for k in which.unique().tolist():
        source = photograph(names[k // len(_SCALES)], round(_SCALES[k % len(_SCALES)] * size))
        rows = (which == k).nonzero()[:, 0]
        top = (u[rows, 2] * (source.shape[1] - size + 1)).long()
        left = (u[rows, 3] * (source.shape[2] - size + 1)).long()
        across = torch.where(u[rows, 4, None] < 0.5, steps, steps.flip(0)) + left[:, None]
        down = steps + top[:, None]
        out[rows] = source[:, down[:, :, None], across[:, None, :]].transpose(0, 1)
    gain = 0.8 + 0.4 * u[:, 5:8, None, None]
    return (out.float() / 255 * gain).clamp(0, 1)
