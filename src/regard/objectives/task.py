"""The task's own loss: what has to be said about the label."""

from __future__ import annotations

import torch.nn.functional as F
from jaxtyping import Float, Num
from torch import Tensor


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
