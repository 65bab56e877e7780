"""The whole objective: the label said, the bits paid for, the anchors learned.

    J = CE + sum CE_aux + warmup * (beta R + map_beta P + code_beta L + kept_beta K)
        + w_g codebook + w_c commitment + prior

CE_aux is the cross-entropy of class scores that an attended layer makes itself (an attention branch), at the weight of
the network's own, as in Fukui et al. (CVPR 2019). R latent rate, P gate price, L map code length: each in nats an
image, *summed* over dimensions, channels and positions and *averaged* over images and samples. They are weighted apart
and reported apart, never added up to one number of bits: R already covers what the map conveys through z. K is the
expected share of positions that are not closed, *averaged* over positions, images and layers: a price on work, not on
bits, which no rescaling of the map evades.

The task's own loss: what has to be said about the label.

What anchors learn from (Lai et al., IJCAI 2021, equation 9, and released code).

    codebook    || sg[a] - a_q ||^2     moves the anchors to the map
    commitment  || a - sg[a_q] ||^2     moves the map to the anchors
    prior       - ln r(index)           fits the prior that the map's code length is measured under

All three are averaged over samples, images and positions, so their weights do not depend on the map's size.

The objective of segmentation: every pixel said, the bits paid for, the anchors learned.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import torch
import torch.nn.functional as F
from jaxtyping import Bool, Float, Num
from torch import Tensor

from regard.types import AttentionOutput, LatentOutput, ModelOutput, SegmenterOutput


def task_loss(
    logits: Float[Tensor, "S B n"],
    labels: Num[Tensor, "B *n"],
    *,
    smoothing: float = 0.0,
    shares: Float[Tensor, " B"] | None = None,
) -> Float[Tensor, ""]:
    """Expected negative log-likelihood, nats: averaged over samples, and over images by share (None: all alike).

    Cross-entropy for class indices (B,); for 0/1 targets (B,n) binary cross-entropy, summed over the n labels.
    The expectation over samples stands outside the logarithm, as the bound ``I(Z;Y) >= H(Y) + E log q(y|z)`` asks.
    """
    S, B, n = logits.shape
    flat = logits.reshape(S * B, n).float()
    if labels.ndim == 1:
        values = F.cross_entropy(flat, labels.repeat(S), label_smoothing=smoothing, reduction="none")
    else:
        targets = labels.repeat(S, 1).float()
        targets = targets * (1 - smoothing) + 0.5 * smoothing
        values = F.binary_cross_entropy_with_logits(flat, targets, reduction="none").sum(1)
    return values.mean() if shares is None else (values * shares.repeat(S)).sum() / (S * shares.sum())


class AnchorLosses(NamedTuple):
    """Each a scalar; codebook and commitment in squared map units, prior in nats a position."""

    codebook: Float[Tensor, ""]
    commitment: Float[Tensor, ""]
    prior: Float[Tensor, ""]


def anchor_losses(attention: AttentionOutput) -> AnchorLosses | None:
    """The three losses of one attended layer; None without anchors, or where the caller gave the map."""
    if attention.anchors is None or attention.log_prior is None or attention.index is None:
        return None
    nearest = attention.anchors[attention.index]
    return AnchorLosses(
        codebook=(attention.raw.detach() - nearest).square().mean(),
        commitment=(attention.raw - nearest.detach()).square().mean(),
        prior=-attention.log_prior[attention.index].mean(),
    )


@dataclass(frozen=True)
class Weights:
    """The weight of every term.

    Attributes:
        beta: of the latent rate, or of the released penalty where the bottleneck has ``kl="released"``.
        map_beta: of the gate price, summed over attended layers.
        code_beta: of the map's expected code length.
        kept_beta: of the expected share of positions that are kept, where an anchor closes them.
        codebook: w_g; .4 in the paper.
        commitment: w_c; .1 in the paper.
        smoothing: of labels.
    """

    beta: float = 0.0
    map_beta: float = 0.0
    code_beta: float = 0.0
    kept_beta: float = 0.0
    codebook: float = 0.4
    commitment: float = 0.1
    smoothing: float = 0.0


@dataclass(frozen=True)
class Losses:
    """The objective and its parts, each a scalar tensor; nats. A part that the model lacks is None."""

    total: Float[Tensor, ""]
    task: Float[Tensor, ""]
    rate: Float[Tensor, ""] | None = None
    price: Float[Tensor, ""] | None = None
    code: Float[Tensor, ""] | None = None
    kept: Float[Tensor, ""] | None = None
    auxiliary: Float[Tensor, ""] | None = None
    align: Float[Tensor, ""] | None = None


def information_loss(
    output: ModelOutput,
    labels: Num[Tensor, "B *n"],
    weights: Weights,
    *,
    warmup: float = 1.0,
    shares: Float[Tensor, " B"] | None = None,
) -> Losses:
    """The objective on one batch; ``warmup`` in [0,1] scales all that is paid for bits.

    ``shares`` are those of the images in the labels' terms: 0 for images without a known label.
    """
    task = task_loss(output.logits, labels, smoothing=weights.smoothing, shares=shares)
    said = [task_loss(logits, labels, smoothing=weights.smoothing, shares=shares) for logits in output.auxiliary]
    auxiliary = sum(said[1:], said[0]) if said else None
    return charged(task, output.attention, weights, latent=output.latent, auxiliary=auxiliary, warmup=warmup)


def charged(
    task: Float[Tensor, ""],
    attention: Sequence[AttentionOutput],
    weights: Weights,
    *,
    latent: LatentOutput | None = None,
    auxiliary: Float[Tensor, ""] | None = None,
    warmup: float = 1.0,
) -> Losses:
    """A task's loss with all that is paid for what its model let through, whatever the task is."""
    total = task if auxiliary is None else task + auxiliary
    rate, price, code = None, None, None
    if latent is not None:
        rate = latent.rate.mean()
        total = _add(total, warmup * weights.beta, latent.penalty.mean())
    for layer in attention:
        if layer.price is not None:
            layer_price = layer.price.flatten(2).sum(2).mean()
            price = layer_price if price is None else price + layer_price
            total = _add(total, warmup * weights.map_beta, layer_price)
        if layer.code is not None:
            code = layer.code.mean() if code is None else code + layer.code.mean()
            total = _add(total, warmup * weights.code_beta, layer.code.mean())
        anchors = anchor_losses(layer)
        if anchors is not None:
            learn = weights.codebook * anchors.codebook + weights.commitment * anchors.commitment
            total = total + learn + anchors.prior
    shares = [layer.kept.mean() for layer in attention if layer.kept is not None]
    kept = sum(shares[1:], shares[0]) / len(shares) if shares else None
    if kept is not None:
        total = _add(total, warmup * weights.kept_beta, kept)
    return Losses(total, task, rate, price, code, kept, auxiliary)


def _add(total: Tensor, weight: float, term: Tensor) -> Tensor:
    """A term of weight zero is left out: an open gate's price is infinite, and zero times that is no number."""
    return total + weight * term if weight else total


def warmup_share(step: int, end: int) -> float:
    """0 at the first step, 1 from step ``end`` on, linear between."""
    return 1.0 if step >= end else step / end


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
