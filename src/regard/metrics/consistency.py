"""Does the map stay where the prediction stays, and move where the image moves?

The interpretability score of Lai et al. 2021 (`consistency`) under small changes of an image, each a function of
(seed, index), and equivariance under shift, flip, scale and crop, compared where both maps come from inside the image.
"""

from __future__ import annotations

import io
from dataclasses import dataclass

import numpy as np
import torch
import torch.nn.functional as F
from jaxtyping import Bool, Int
from PIL import Image
from torch import Tensor

from regard.metrics.predicting import distribution, in_batches
from regard.metrics.similarity import cosine, spearman
from regard.reading import load_image
from regard.types import Classes, Explain, Images, Map, PerImage, Predict, RegardError

CONSISTENCY_THRESHOLDS = (0.85, 0.9, 0.95)


@dataclass(frozen=True)
class Consistency:
    """Maps of images and of changed images.

    Attributes:
        same: 1 where the most probable class is the same for both, else 0 (B,).
        similarity: cosine of the two maps (B,), whatever was predicted; NaN where a map is all zero.
    """

    same: PerImage
    similarity: PerImage

    def score(self, threshold: float) -> PerImage:
        """1 where the maps agree above `threshold`, else 0, NaN where a map is all zero (B,); whatever is predicted.

        Every image counts: among those alone whose prediction stays (`score_where_same`), a network whose prediction
        is easily changed is only measured on its easy images. A constant map has 1 everywhere: report it beside a
        measure of faithfulness and `constant_map`'s score.
        """
        agrees = (self.similarity > threshold).double()
        return agrees.masked_fill(self.similarity.isnan(), torch.nan)

    def score_where_same(self, threshold: float) -> PerImage:
        """`score`, NaN also where the prediction changed (B,): the mean is the paper's interpretability score, the
        share of consistent maps among consistent predictions. Of two networks it compares different images.
        """
        return self.score(threshold).masked_fill(self.same != 1, torch.nan)


def consistency(
    predict: Predict, explain: Explain, images: Images, changed: Images, classes: Classes, *, batch_size: int = 64
) -> Consistency:
    """Whether prediction and map survive a change, as those of `changes`.

    Args:
        predict: images -> probabilities, one distribution per image.
        explain: images, classes -> Map.
        images: (B,C,H,W) in [0,1].
        changed: the same images, a little different.
        classes: what is explained, the same class before and after (B,).
        batch_size: images predicted or explained at once.

    >>> brightness = lambda x: torch.stack([x.mean((1, 2, 3)), 1 - x.mean((1, 2, 3))], 1)
    >>> c = consistency(brightness, constant_map, torch.ones(1, 3, 4, 4), torch.rand(1, 3, 4, 4), torch.tensor([0]))
    >>> c.similarity.item()
    1.0
    """
    predicted = [distribution(in_batches(predict, x, batch_size), len(x)).argmax(1) for x in (images, changed)]
    alike = stability(explain, images, changed, classes, batch_size=batch_size)
    return Consistency((predicted[0] == predicted[1]).double().to(alike.device), alike)


def stability(explain: Explain, images: Images, changed: Images, classes: Classes, *, batch_size: int = 64) -> PerImage:
    """Cosine of the maps of `images` and `changed` (B,), whatever is predicted; a constant map has 1.

    >>> stability(constant_map, torch.rand(1, 3, 4, 4), torch.rand(1, 3, 4, 4), torch.tensor([0])).item()
    1.0
    """
    maps = [explained(explain, x, classes, batch_size) for x in (images, changed)]
    return cosine(maps[0], maps[1].resize((maps[0].values.shape[2], maps[0].values.shape[3])))


def explained(explain: Explain, images: Tensor, classes: Tensor, batch_size: int) -> Map:
    """The maps of all images, `batch_size` at a time.

    >>> explained(constant_map, torch.rand(3, 3, 4, 4), torch.zeros(3).long(), 2).values.shape
    torch.Size([3, 1, 7, 7])
    """
    parts = [explain(x, c) for x, c in zip(images.split(batch_size), classes.split(batch_size), strict=True)]
    return Map(torch.cat([part.values.detach() for part in parts]), parts[0].unit)


def constant_map(images: Images, classes: Classes) -> Map:
    """The control: an explanation that is the same for every image, hence perfectly consistent."""
    return Map(torch.ones(len(images), 1, 7, 7, device=images.device), "relevance")


def overwrite(
    images: Images,
    others: Images | None = None,
    *,
    index: Int[Tensor, " B"],
    window: int | tuple[int, int] = 8,
    seed: int = 0,
) -> Images:
    """A window somewhere in each image gets one random colour, or what stands there in another image (Lai et al. 2021).

    Args:
        images: (B,C,H,W) in [0,1].
        others: images that give the content (B,C,H,W); None paints a colour.
        index: of each image in its split (B,): with the seed it decides place and colour.
        window: side, or (height, width), in pixels; the paper's is 8 on images of 32.
        seed: see index.

    >>> changed = overwrite(torch.zeros(1, 3, 32, 32), torch.ones(1, 3, 32, 32), index=torch.tensor([0]))
    >>> int(changed[0, 0].sum())
    64
    """
    height, width = (window, window) if isinstance(window, int) else window
    if not (0 < height <= images.shape[2] and 0 < width <= images.shape[3]):
        raise RegardError(f"overwrite: a window of {height}x{width} in images of {tuple(images.shape[2:])}; fit it in")
    changed = images.clone()
    for k, i in enumerate(index.tolist()):
        chance = torch.rand(2 + images.shape[1], generator=_generator(seed, i))
        top = int(chance[0] * (images.shape[2] - height + 1))
        left = int(chance[1] * (images.shape[3] - width + 1))
        where = (k, slice(None), slice(top, top + height), slice(left, left + width))
        changed[where] = chance[2:, None, None].to(images) if others is None else others[where]
    return changed


def low_pass(images: Images, *, radius: float | int = 4) -> Images:
    """Only frequencies of at most `radius` cycles per image (Lai et al. 2021: 4 at 32 pixels); cut to [0,1].

    >>> low_pass(torch.full((1, 3, 8, 8), 0.5)).unique().tolist()
    [0.5]
    """
    return _low(images, radius).clamp(0, 1)


def high_pass(images: Images, *, radius: float | int = 4) -> Images:
    """What `low_pass` takes away, around the image's mean colour; cut to [0,1].

    >>> high_pass(torch.full((1, 3, 8, 8), 0.5)).unique().tolist()
    [0.5]
    """
    return (images - _low(images, radius) + images.mean((2, 3), keepdim=True)).clamp(0, 1)


def noise(images: Images, *, index: Int[Tensor, " B"], std: float | int = 0.05, seed: int = 0) -> Images:
    """Gaussian noise on every value; cut to [0,1].

    >>> noise(torch.full((1, 3, 2, 2), 0.5), index=torch.tensor([3]), std=0.0).unique().tolist()
    [0.5]
    """
    fields = [torch.randn(images.shape[1:], generator=_generator(seed, i)) for i in index.tolist()]
    return (images + std * torch.stack(fields).to(images)).clamp(0, 1) if fields else images


def jpeg(images: Images, *, quality: int = 50) -> Images:
    """Each RGB image as it comes back from a JPEG of this quality (1 to 95, Pillow's scale).

    >>> jpeg(torch.full((1, 3, 8, 8), 0.5), quality=90).shape
    torch.Size([1, 3, 8, 8])
    """
    if images.shape[1] != 3 or not 1 <= quality <= 95:
        raise RegardError(f"jpeg: {images.shape[1]} channels, quality={quality}; RGB and 1 to 95 are needed")
    back = []
    for image in images:
        file = io.BytesIO()
        pixels = (image * 255).round().clamp(0, 255).byte().permute(1, 2, 0).cpu().numpy()
        Image.fromarray(pixels).save(file, "JPEG", quality=quality)
        back.append(torch.from_numpy(np.asarray(load_image(file.getvalue())).copy()).permute(2, 0, 1))
    return torch.stack(back).to(images).div(255) if back else images


def _generator(seed: int, index: int) -> torch.Generator:
    return torch.Generator().manual_seed((seed * 1_000_003 + index) % 2**63)


def _low(images: Tensor, radius: float | int) -> Tensor:
    h, w = images.shape[2:]
    y, x = torch.fft.fftfreq(h, 1 / h), torch.fft.rfftfreq(w, 1 / w)
    keep = (y[:, None].square() + x[None].square() <= radius**2 + 1e-6).to(images)
    return torch.fft.irfft2(torch.fft.rfft2(images.float()) * keep, s=(h, w)).to(images)


@dataclass(frozen=True)
class Warp:
    """Where each pixel is taken from: x' = zoom * x + offset; the left and top border are -1, the others 1.

    Attributes:
        zoom: (horizontal, vertical); negative mirrors, above 1 shows more than the image (reflected at its border).
        offset: (horizontal, vertical), in halves of the image's side.
    """

    zoom: tuple[float, float] = (1.0, 1.0)
    offset: tuple[float, float] = (0.0, 0.0)

    def __call__(self, values: Images) -> Images:
        """Warped images, or maps on the images' grid, by bilinear interpolation."""
        return F.grid_sample(values, self._grid(values), padding_mode="reflection", align_corners=False)

    def inside(self, values: Images) -> Bool[Tensor, "B 1 H W"]:
        """Which pixels of the result come from inside the image."""
        grid = self._grid(values)
        return (grid.abs() <= 1).all(3)[:, None]

    def _grid(self, values: Tensor) -> Tensor:
        theta = values.new_tensor(
            [[self.zoom[0], 0, self.offset[0]], [0, self.zoom[1], self.offset[1]]], dtype=torch.float32
        )
        return F.affine_grid(theta.expand(len(values), 2, 3), list(values.shape), align_corners=False)


WARPS: dict[str, Warp] = {
    "shift": Warp(offset=(0.25, 0.125)),
    "flip": Warp(zoom=(-1.0, 1.0)),
    "scale": Warp(zoom=(1.25, 1.25)),
    "crop": Warp(zoom=(0.75, 0.75), offset=(-0.25, 0.25)),
}
"""Shift by an eighth and a sixteenth of the side, mirror, shrink to four fifths, and a corner of three quarters."""


@dataclass(frozen=True)
class Equivariance:
    """Agreement per image (B,) of map(warped image) with warped map(image), over pixels from inside the image.

    A constant map has a cosine of 1 and no rank correlation (NaN).
    """

    cosine: PerImage
    spearman: PerImage


def equivariance(
    explain: Explain, images: Images, classes: Classes, warp: Warp, *, batch_size: int = 64
) -> Equivariance:
    """Explain a warped image and hold the map against the warped map of the image, both on the image's grid.

    A network need not be equivariant itself, so what a map lacks may be the network's: compare methods on one network.

    Args:
        explain: images, classes -> Map.
        images: (B,C,H,W) in [0,1].
        classes: what is explained (B,).
        warp: one of `WARPS`, or another.
        batch_size: images explained at once.

    >>> brightness = lambda x, _: Map(x.mean(1, keepdim=True), "relevance")
    >>> round(equivariance(brightness, torch.rand(1, 3, 8, 8), torch.tensor([0]), WARPS["flip"]).cosine.item(), 5)
    1.0
    """
    size = (images.shape[2], images.shape[3])
    own = explained(explain, images, classes, batch_size).resize(size)
    moved = explained(explain, warp(images), classes, batch_size).resize(size)
    expected = Map(warp(own.values.float()), own.unit)
    valid = warp.inside(own.values)
    moved = Map(moved.values.float(), moved.unit)
    return Equivariance(cosine(moved, expected, valid=valid), spearman(moved, expected, valid=valid).float())
