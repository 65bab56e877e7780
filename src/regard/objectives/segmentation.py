"""The objective of segmentation: every pixel said, the bits paid for, the anchors learned."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from jaxtyping import Bool, Float
from torch import Tensor

from regard.objectives.information import Losses, Weights, charged
from regard.types import SegmenterOutput


def pixel_loss(
    logits: Float[Tensor, "S B 1 H W"], masks: Bool[Tensor, "B 1 H W"], shares: Float[Tensor, " B"] | None = None
) -> Float[Tensor, ""]:
    """Expected binary cross-entropy, nats a pixel: averaged over samples, pixels and images, the latter by share."""
    wanted = masks.to(torch.float32).expand_as(logits)
    values = F.binary_cross_entropy_with_logits(logits.float(), wanted, reduction="none").mean((0, 2, 3, 4))
    return values.mean() if shares is None else (values * shares).sum() / shares.sum()


def segmentation_loss(
    output: SegmenterOutput,
    masks: Bool[Tensor, "B 1 H W"],
    weights: Weights,
    *,
    warmup: float = 1.0,
    shares: Float[Tensor, " B"] | None = None,
) -> Losses:
    """The objective on one batch; ``warmup`` in [0,1] scales all that is paid for bits.

    A pixel's nats are averaged over the image, rates are summed over it: prices here are smaller than a classifier's.

    Args:
        output: of a segmenter.
        masks: objects.
        weights: of the terms.
        warmup: share of the prices.
        shares: of each image in the pixels' loss; 0 for images without a known mask.
    """
    return charged(pixel_loss(output.logits, masks, shares), output.attention, weights, warmup=warmup)
