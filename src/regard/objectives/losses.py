"""The objective: task loss, price of information, and losses of the anchors.

    J = CE + sum CE_aux + warmup * (beta R + map_beta P + code_beta L + kept_beta K)
        + w_g codebook + w_c commitment + prior + choice

    CE           task loss: cross-entropy of classes, or of pixels in segmentation
    CE_aux       cross-entropy of class scores that an attended layer makes itself (an attention branch), with the
                 weight of the network's own, as in Fukui et al. (CVPR 2019)
    R, P, L      latent rate, gate price, map code length: nats per image, *summed* over dimensions, channels and
                 positions and *averaged* over images and samples
    K            expected share of open positions, *averaged* over positions, images and layers: a price on computation,
                 which no rescaling of the map evades
    codebook     || sg[a] - a_q ||^2     moves the anchors to the map
    commitment   || a - sg[a_q] ||^2     moves the map to the anchors
    prior        - ln r(index)           fits the prior that the map's code length is measured under
    choice       sg[CE_s - mean of the image's other CE_s] ln p(map_s), where a map is one of finitely many choices: its
                 value is zero, its gradient the score function's (Williams 1992; the other samples as the baseline as
                 in Kool et al., *Buy 4 REINFORCE Samples, Get a Baseline for Free!*, 2019)

Codebook, commitment and prior are from Lai et al., IJCAI 2021, equation 9 and released code, averaged over samples,
images and positions, so that their weights do not depend on the map's size. R, P and L are reported apart and never
added up to one number of bits: R already covers what the map conveys through z.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, NamedTuple

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
    mixture: Float[Tensor, "B n"] | None = None,
) -> Float[Tensor, ""]:
    """Expected negative log-likelihood, nats: averaged over samples, and over images by share (None: all alike).

    Cross-entropy for class indices (B,), or, of mixed images, for the share of each class (``mixture``); for 0/1
    targets (B,n) binary cross-entropy, summed over the n labels. The expectation over samples stands outside the
    logarithm, as the bound ``I(Z;Y) >= H(Y) + E log q(y|z)`` requires.
    """
    return _averaged(_task_losses(logits, labels, smoothing, mixture), shares)


def _task_losses(logits: Tensor, labels: Tensor, smoothing: float, mixture: Tensor | None) -> Float[Tensor, "S B"]:
    """Of every sample of every image."""
    S, B, n = logits.shape
    flat = logits.reshape(S * B, n).float()
    if labels.ndim == 1:
        targets = labels.repeat(S) if mixture is None else mixture.repeat(S, 1)
        values = F.cross_entropy(flat, targets, label_smoothing=smoothing, reduction="none")
    else:
        targets = labels.repeat(S, 1).float()
        targets = targets * (1 - smoothing) + 0.5 * smoothing
        values = F.binary_cross_entropy_with_logits(flat, targets, reduction="none").sum(1)
    return values.view(S, B)


def _averaged(values: Float[Tensor, "S B"], shares: Float[Tensor, " B"] | None) -> Float[Tensor, ""]:
    """Over samples, and over images by share."""
    return values.mean() if shares is None else (values * shares).sum() / (len(values) * shares.sum())


def choice_loss(
    losses: Float[Tensor, "S B"], log_prob: Float[Tensor, "S B"], shares: Float[Tensor, " B"] | None = None
) -> Float[Tensor, ""]:
    """Zero, with the score function's gradient of the expected loss in what a choice of maps depends on.

    Each loss is compared with the mean of the image's other samples, or, of one sample, with the batch's other images.

    >>> log_prob = torch.tensor([[0.0], [0.0]], requires_grad=True)
    >>> choice_loss(torch.tensor([[1.0], [3.0]]), log_prob).backward()
    >>> log_prob.grad.tolist()  # the first choice did better by 2: it becomes likelier
    [[-1.0], [1.0]]

    Args:
        losses: of every sample of every image.
        log_prob: of every map that was drawn.
        shares: of each image.
    """
    values = losses.detach()
    axis = 0 if len(values) > 1 else 1
    others = max(values.shape[axis] - 1, 1)
    baseline = (values.sum(axis, keepdim=True) - values) / others
    term = _averaged((values - baseline) * log_prob, shares)
    return term - term.detach()


class AnchorLosses(NamedTuple):
    """Each a scalar; codebook and commitment in squared map units, prior in nats per position."""

    codebook: Float[Tensor, ""]
    commitment: Float[Tensor, ""]
    prior: Float[Tensor, ""]


def anchor_losses(attention: AttentionOutput) -> AnchorLosses | None:
    """The three losses of one attended layer; None without anchors or with a ``map_override``."""
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
    """The weight of every term of the objective.

    >>> Weights(beta=1e-3, map_beta=1e-6).commitment
    0.1

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
    """The objective and its parts, each a scalar tensor in nats; None for a part that the model lacks."""

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
    mixture: Float[Tensor, "B n"] | None = None,
) -> Losses:
    """The objective of classification on one batch.

    >>> output = ModelOutput(torch.zeros(1, 2, 10))
    >>> information_loss(output, torch.tensor([3, 7]), Weights(beta=1e-3)).total
    tensor(2.3026)

    Args:
        output: of a classifier.
        labels: class indices (B,), or 0/1 targets (B,n).
        weights: of the terms.
        warmup: in [0,1]; scales the price of information.
        shares: of each image in the task loss (B,); 0 for images without a label. None: all alike.
        mixture: share of each class in images that were mixed, in place of the labels; None where none were.
    """
    values = _task_losses(output.logits, labels, weights.smoothing, mixture)
    task = _averaged(values, shares)
    how: dict[str, Any] = {"smoothing": weights.smoothing, "shares": shares, "mixture": mixture}
    branches = [task_loss(logits, labels, **how) for logits in output.auxiliary]
    auxiliary = sum(branches[1:], branches[0]) if branches else None
    losses = add_prices(task, output.attention, weights, latent=output.latent, auxiliary=auxiliary, warmup=warmup)
    choices = [choice_loss(values, a.log_prob, shares) for a in output.attention if a.log_prob is not None]
    return replace(losses, total=losses.total + torch.stack(choices).sum()) if choices else losses


def add_prices(
    task: Float[Tensor, ""],
    attention: Sequence[AttentionOutput],
    weights: Weights,
    *,
    latent: LatentOutput | None = None,
    auxiliary: Float[Tensor, ""] | None = None,
    warmup: float = 1.0,
) -> Losses:
    """A task loss (scalar) plus the price of what the model let through and the losses of the anchors."""
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
    """Leaves out a term of weight zero: the price of an open gate is infinite, and zero times infinity is NaN."""
    return total + weight * term if weight else total


def warmup_share(step: int, end: int) -> float:
    """0 at the first step, 1 from step ``end`` on, linear between."""
    return 1.0 if step >= end else step / end


def pixel_loss(
    logits: Float[Tensor, "S B 1 H W"], masks: Bool[Tensor, "B 1 H W"], shares: Float[Tensor, " B"] | None = None
) -> Float[Tensor, ""]:
    """Expected binary cross-entropy, nats per pixel: averaged over samples, pixels and images, the latter by share."""
    targets = masks.to(torch.float32).expand_as(logits)
    values = F.binary_cross_entropy_with_logits(logits.float(), targets, reduction="none").mean((0, 2, 3, 4))
    return values.mean() if shares is None else (values * shares).sum() / shares.sum()


def segmentation_loss(
    output: SegmenterOutput,
    masks: Bool[Tensor, "B 1 H W"],
    weights: Weights,
    *,
    warmup: float = 1.0,
    shares: Float[Tensor, " B"] | None = None,
) -> Losses:
    """The objective of segmentation on one batch.

    The task loss is averaged over pixels and rates are summed over positions, so weights of prices are smaller here
    than a classifier's.

    Args:
        output: of a segmenter.
        masks: of the objects (B,1,H,W).
        weights: of the terms.
        warmup: in [0,1]; scales the price of information.
        shares: of each image in the task loss (B,); 0 for images without a mask. None: all alike.
    """
    return add_prices(pixel_loss(output.logits, masks, shares), output.attention, weights, warmup=warmup)
