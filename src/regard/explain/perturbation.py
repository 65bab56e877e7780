"""Perturbation: the score of an image of which parts are replaced by a baseline.

    occlusion   mean over windows that cover the pixel of s(image) - s(image without the window)
                Zeiler and Fergus 2014, through captum
    rise        sum_k s(M_k image) M_k(x,y) / sum_k M_k(x,y)
                Petsiuk et al. 2018

M_k is a coarse grid of zeros and ones, enlarged bilinearly and shifted by a part of a cell. RISE is divided by the
masks' own sum, not by its expectation as in the paper, so that the map is exactly constant where the score does not
depend on the mask. All images get the same masks, so the map of one image does not depend on the others in its batch;
many masks run in one forward.
"""

from __future__ import annotations

from typing import Literal

import torch
import torch.nn.functional as F
from captum.attr import Occlusion
from jaxtyping import Float
from torch import Tensor

from regard.explain.context import ExplainContext, ScoreKind, sample_major
from regard.types import Map, RegardError

_Baseline = Literal["mean"] | float | int | Float[Tensor, "#B #C #H #W"]


def backdrop(images: Float[Tensor, "B C H W"], baseline: _Baseline) -> Float[Tensor, "B C H W"]:
    """Images (B,C,H,W): each image's own mean colour, one value for all pixels (0 is black), or images as given."""
    if isinstance(baseline, Tensor):
        try:
            return baseline.to(images).expand_as(images)
        except RuntimeError as error:
            raise RegardError(f"baseline {tuple(baseline.shape)} does not fit images {tuple(images.shape)}") from error
    if isinstance(baseline, str):
        if baseline != "mean":
            raise RegardError(f"baseline={baseline!r}: mean, a number, or a tensor of images")
        return images.mean((2, 3), keepdim=True).expand_as(images)
    return torch.full_like(images, float(baseline))


def occlusion(
    context: ExplainContext,
    *,
    window: int | None = None,
    stride: int | None = None,
    baseline: _Baseline = "mean",
    score: ScoreKind = "logit",
    batch: int = 64,
) -> Map:
    """Score of the image less that with a window covered, averaged over the windows that cover a pixel.

    Args:
        context: model, images and target class.
        window: its side in pixels; by default an eighth of the image's shorter side.
        stride: pixels between windows; by default half a window.
        baseline: what covers: the image's mean colour, a value (0 is black), or images.
        score: the target's ``logit`` or ``probability``.
        batch: images per forward, at least one window of all: bounds the memory.
    """
    images = context.images
    _, C, H, W = images.shape
    side = max(min(H, W) // 8, 1) if window is None else window
    step = max(side // 2, 1) if stride is None else stride
    if not 1 <= side <= min(H, W) or not 1 <= step <= side:
        raise RegardError(
            f"window={side}, stride={step}: a window inside {H}x{W} and a stride of at most the window are needed, "
            "so that every pixel is covered"
        )
    base = backdrop(images, baseline)
    losses = Occlusion(lambda x: context.scores(x, score)).attribute(
        images,
        sliding_window_shapes=(C, side, side),
        strides=(C, step, step),
        baselines=base,
        target=context.classes,
        perturbations_per_eval=max(batch // len(images), 1),
    )
    # a window covers all channels, so the channels of the result are equal
    values = torch.as_tensor(losses)[:, :1].detach()
    same = torch.isclose(images, base, rtol=0, atol=1e-6).flatten(1).all(1)  # nothing is covered: the rest is rounding
    return Map(values.masked_fill(same.view(-1, 1, 1, 1), 0), "relevance")


class RandomMasks:
    """As many random masks of a size (H, W) as there are samples, drawn in the order of their numbers.

    ``keep`` is the probability that a cell of the coarse grid is shown, which has ``cells`` along each side.
    """

    def __init__(self, samples: int, cells: int, keep: float, size: tuple[int, int], seed: int) -> None:
        if samples < 1 or cells < 1 or not 0 < keep < 1:
            raise RegardError(f"samples={samples}, cells={cells}, keep={keep}: at least one of each, keep in (0, 1)")
        generator = torch.Generator().manual_seed(seed)
        self.size = size
        self.cell = (-(-size[0] // cells), -(-size[1] // cells))
        # one cell more than the image has, because the grid is shifted by up to one cell
        self.coarse = (torch.rand(samples, 1, cells + 1, cells + 1, generator=generator) < keep).float()
        self.shift = [torch.randint(side, (samples,), generator=generator).tolist() for side in self.cell]

    def take(self, start: int, count: int, device: torch.device) -> Float[Tensor, "count 1 H W"]:
        """Masks ``start`` to ``start + count``, in [0,1]."""
        coarse = self.coarse[start : start + count].to(device)
        grid = (coarse.shape[2] * self.cell[0], coarse.shape[3] * self.cell[1])
        fine = F.interpolate(coarse, size=grid, mode="bilinear", align_corners=False)
        H, W = self.size
        rows, columns = (shift[start : start + count] for shift in self.shift)
        return torch.stack([m[:, y : y + H, x : x + W] for m, y, x in zip(fine, rows, columns, strict=True)])


def rise(
    context: ExplainContext,
    *,
    samples: int = 1000,
    cells: int = 7,
    keep: float = 0.5,
    baseline: _Baseline = "mean",
    score: ScoreKind = "probability",
    seed: int = 0,
    batch: int = 64,
) -> Map:
    """Mean score over the masks that show a pixel, on the image's grid.

    Args:
        context: model, images and target class.
        samples: masks, and forwards per image; the paper took 4000 to 8000.
        cells: of a mask, along each side.
        keep: probability that a cell is shown.
        baseline: what masked pixels are replaced by: the image's mean colour, a value (0 is black), or images.
        score: the target's ``probability`` or ``logit``.
        seed: of the masks.
        batch: images per forward, at least one mask of all: bounds the memory.
    """
    images = context.images
    replacement = backdrop(images, baseline)
    masks = RandomMasks(samples, cells, keep, (images.shape[2], images.shape[3]), seed)
    total = torch.zeros(len(images), images.shape[2] * images.shape[3], device=images.device)
    coverage = torch.zeros_like(total[:1])
    start = 0
    for count in sample_major(samples, len(images), batch):
        mask = masks.take(start, count, images.device)
        masked = torch.lerp(replacement, images, mask[:, None].to(images.dtype)).flatten(0, 1)
        scores = context.scores(masked, score).gather(1, context.classes.repeat(count)[:, None]).float()
        total.addmm_(scores.view(count, -1).T, mask.flatten(1))
        coverage += mask.flatten(1).sum(0)
        start += count
    values = total / coverage.clamp_min(torch.finfo(coverage.dtype).tiny)  # 0 where no mask shows the pixel
    return Map(values.view(-1, 1, *images.shape[2:]), "relevance")
