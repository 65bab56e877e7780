"""Drawing of generated sets: handwritten digits on crops of photographs, all from installed packages.

* Digits of scikit-learn as soft shapes at any place, size and tilt, whole or as a fragment (`render_digits`).
* Colours of a given luminance, and backgrounds exposed so that a glyph of that luminance is legible (`expose`).
* Random crops of the photographs of scikit-learn and scikit-image (`photograph_crops`).
"""

from __future__ import annotations

from functools import lru_cache
from importlib.resources import files

import torch
import torch.nn.functional as F
from jaxtyping import Bool, Float, Int, UInt8
from torch import Tensor

from regard.reading import load_image

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
"""Background photographs of each split: no photograph, and no scene, is in two. Pictures of text are left out."""

_SCALES = (1.3, 2.2, 3.6)
"""A photograph's shorter side in units of the crop's side."""
_FINE = 4
"""The 8x8 digits are smoothed once to this many samples per source pixel and interpolated bilinearly."""
_LUMINANCE = (0.299, 0.587, 0.114)


@lru_cache(maxsize=1)
def digit_images() -> tuple[Float[Tensor, "N 1 G G"], Int[Tensor, " N"], Float[Tensor, "N M 2"], Int[Tensor, " N"]]:
    """scikit-learn's digits: ink in [0,1] with a margin of one source pixel, labels, and the places of ink.

    The third are the centres of source pixels that are at least half black, as (x, y) in units of the digit's side
    from its centre, padded; the fourth is their number.
    """
    from sklearn.datasets import load_digits

    loaded = load_digits()
    ink = torch.from_numpy(loaded.images).float()[:, None] / 16
    fine = F.interpolate(F.pad(ink, (1, 1, 1, 1)), scale_factor=_FINE, mode="bicubic", align_corners=False)
    black = ink[:, 0] >= 0.5
    number = black.sum((1, 2))
    first = black.flatten(1).long().argsort(dim=1, descending=True, stable=True)[:, : int(number.max())]
    places = torch.stack([first % 8, first // 8], -1).float().add(0.5).div(8).sub(0.5)
    return fine.clamp(0, 1), torch.from_numpy(loaded.target).long(), places, number


def render_digits(
    which: Int[Tensor, " B"],
    centre: Float[Tensor, "B 2"],
    side: Float[Tensor, " B"],
    tilt: Float[Tensor, " B"],
    *,
    size: int,
    window: int,
    cut: tuple[Float[Tensor, " B"], Float[Tensor, " B"]] | None = None,
) -> Float[Tensor, "B 1 S S"]:
    """Coverage in [0,1] of one glyph per image, with edges about one and a half pixels wide at any size.

    Args:
        which: position of the digit in `digit_images`.
        centre: x, y in pixels.
        side: the digit's side in pixels.
        tilt: radians.
        size: side of the image in pixels.
        window: the glyph is computed in a square of this many pixels around its centre, moved inside the image.
        cut: for a fragment, the side of a square patch as a share of the digit's side, and a uniform that selects
            the point of ink in its middle; ``centre`` is then the patch's centre.
    """
    fine, _, places, number = digit_images()
    corner = (centre - window / 2).round().clamp(0, size - window)
    step = torch.arange(window) + 0.5
    x = corner[:, 0, None, None] + step - centre[:, 0, None, None]
    y = corner[:, 1, None, None] + step[:, None] - centre[:, 1, None, None]
    cos, sin = (tilt.cos() / side)[:, None, None], (tilt.sin() / side)[:, None, None]
    own = torch.stack([cos * x + sin * y, cos * y - sin * x], -1)
    inside: Tensor | float = 1.0
    if cut is not None:
        share, choice = cut
        # soften the patch's border by half a pixel, like the strokes
        distance = 0.5 * share[:, None, None] - own.abs().amax(-1)
        inside = (distance * side[:, None, None] / 1.5 + 0.5).clamp(0, 1)
        own = own + places[which, (choice * number[which]).long()][:, None, None]
    # the margin makes the side 8 of 10 source pixels: grid_sample's [-1,1] spans the 10
    ink = F.grid_sample(fine[which], own * 1.6, mode="bilinear", padding_mode="zeros", align_corners=False)
    alpha = ((ink - 0.45) * side[:, None, None, None] / 12 + 0.5).clamp(0, 1)[:, 0] * inside
    out = torch.zeros(len(which), size * size)
    left, top = corner.long().unbind(1)
    rows = (top[:, None] + torch.arange(window)) * size
    place = rows[:, :, None] + (left[:, None] + torch.arange(window))[:, None, :]
    return out.scatter_(1, place.flatten(1), alpha.flatten(1)).view(-1, 1, size, size)


def colour(u: Float[Tensor, "B 4"], bright: Bool[Tensor, " B"]) -> tuple[Float[Tensor, "B 3"], Float[Tensor, " B"]]:
    """A random hue at a random luminance: .65 to .95 where bright, else .05 to .35; and that luminance."""
    target = torch.where(bright, 0.65 + 0.3 * u[:, 3], 0.05 + 0.3 * u[:, 3])
    own = _luminance(u[:, :3]).clamp(1e-3, 1 - 1e-3)
    darker = u[:, :3] * (target / own)[:, None]
    lighter = u[:, :3] + (1 - u[:, :3]) * ((target - own) / (1 - own))[:, None]
    return torch.where((target < own)[:, None], darker, lighter).clamp(0, 1), target


def expose(
    background: Float[Tensor, "B 3 S S"],
    centre: Float[Tensor, "B 2"],
    extent: Float[Tensor, " B"],
    bright: Bool[Tensor, " B"],
    luminance: Float[Tensor, " B"],
    contrast: Float[Tensor, " B"],
) -> Float[Tensor, "B 3 S S"]:
    """Darken (below bright glyphs) or lighten the background until its contrast to the digit is ``contrast`` there."""
    grid = torch.arange(background.shape[-1]) + 0.5
    near = torch.exp(-(((grid - centre[:, :, None]) / (0.35 * extent[:, None, None])) ** 2))
    weight = (near[:, 1, :, None] * near[:, 0, None, :]).flatten(1)
    mean = torch.bmm(background.flatten(2), weight[:, :, None])[:, :, 0] / weight.sum(1, keepdim=True)
    local = _luminance(mean)
    # distances to black below bright glyphs, to white below dark ones, shrink by the same factor everywhere
    target = (torch.where(bright, luminance, 1 - luminance) - contrast).clamp_min(0.05)
    factor = (target / torch.where(bright, local, 1 - local).clamp_min(1e-3)).clamp_max(1)
    offset = torch.where(bright, 0, 1 - factor)
    return background.mul_(factor[:, None, None, None]).add_(offset[:, None, None, None])


def _luminance(colours: Float[Tensor, "B 3"]) -> Float[Tensor, " B"]:
    return colours @ torch.tensor(_LUMINANCE)


@lru_cache(maxsize=64)
def photograph(name: str, side: int) -> UInt8[Tensor, "3 H W"]:
    """A packaged photograph with its shorter side resized to ``side``; round pictures are cut to their inside."""
    from PIL import Image

    package, file = name.split("/")
    image = load_image(files(package).joinpath(file).read_bytes(), name=name).convert("RGB")
    if file == "retina.jpg":  # a disc on black
        image = image.crop((240, 240, 1170, 1170))
    scale = side / min(image.size)
    image = image.resize((round(image.width * scale), round(image.height * scale)), Image.Resampling.LANCZOS)
    flat = torch.frombuffer(bytearray(image.tobytes()), dtype=torch.uint8)
    return flat.view(image.height, image.width, 3).permute(2, 0, 1).contiguous()


def photograph_crops(names: tuple[str, ...], size: int, u: Float[Tensor, "B 8"]) -> Float[Tensor, "B 3 {size} {size}"]:
    """One crop for each row of uniforms: photograph, scale, place, mirroring and a tint of up to 20 % per channel."""
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
