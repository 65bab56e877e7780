"""Per-image quality of predicted probabilities: accuracy, negative log-likelihood, Brier score.

Labels are class indices (B,) or, for multi-label sets, 0/1 targets (B,n). An image whose probabilities contain NaN
scores NaN.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from jaxtyping import Bool, Float, Num
from torch import Tensor

from regard.types import RegardError


def _targets(probabilities: Float[Tensor, "B n"], labels: Num[Tensor, "B *n"]) -> tuple[Tensor, Tensor]:
    """Float32 probabilities and 0/1 targets (B,n), both checked."""
    p = probabilities.float()
    n = p.shape[1]
    if ((p < 0) | (p > 1 + 1e-4)).any():
        raise RegardError(f"probabilities from {p.min():g} to {p.max():g}; apply softmax or sigmoid to logits first")
    if labels.ndim == 1:
        if labels.is_floating_point() or ((labels < 0) | (labels >= n)).any():
            raise RegardError(
                f"labels {labels.dtype} in {labels.min()}..{labels.max()} for {n} classes; use integers in 0..{n - 1}"
            )
        if ((p.sum(1) - 1).abs() > 1e-2).any():
            raise RegardError("probabilities of an image do not sum to 1; for multi-label sets give 0/1 targets (B,n)")
        return p, F.one_hot(labels.long(), n).to(p)
    if labels.shape != p.shape or ((labels != 0) & (labels != 1)).any():
        raise RegardError(f"targets of shape {tuple(labels.shape)} for probabilities {tuple(p.shape)}; give 0/1 (B,n)")
    return p, labels.to(p)


def _keep_nan(values: Tensor, p: Tensor) -> Tensor:
    undefined = p.isnan().any(1)
    return values.masked_fill(undefined if values.ndim == 1 else undefined[:, None], torch.nan)


def accuracy(
    probabilities: Float[Tensor, "B n"], labels: Num[Tensor, "B *n"], *, threshold: float | int = 0.5
) -> Float[Tensor, " B"]:
    """1 where the image is right, else 0.

    Single label: the label is the largest probability; k classes tied for the largest share the hit, 1/k, so that the
    order of classes never decides. Multi-label: exact match of all labels, each predicted where its probability
    reaches `threshold`.

    >>> accuracy(torch.tensor([[0.7, 0.3], [0.5, 0.5]]), torch.tensor([0, 1])).tolist()
    [1.0, 0.5]
    """
    p, targets = _targets(probabilities, labels)
    if labels.ndim == 2:
        return per_label_accuracy(probabilities, labels, threshold=threshold).amin(1)
    top = (p == p.amax(1, keepdim=True)).to(p)
    return _keep_nan((top * targets).sum(1) / top.sum(1), p)


def per_label_accuracy(
    probabilities: Float[Tensor, "B n"], targets: Num[Tensor, "B n"], *, threshold: float | int = 0.5
) -> Float[Tensor, "B n"]:
    """1 where a label of a multi-label image is predicted rightly; average over images for a value a label.

    >>> per_label_accuracy(torch.tensor([[0.9, 0.8]]), torch.tensor([[1, 0]])).tolist()
    [[1.0, 0.0]]
    """
    p, t = _targets(probabilities, targets)
    return _keep_nan(((p >= threshold) == t.bool()).to(p), p)


def nll(probabilities: Float[Tensor, "B n"], labels: Num[Tensor, "B *n"]) -> Float[Tensor, " B"]:
    """-ln p(labels), nats an image; for multi-label sets summed over labels taken as independent.

    A probability below the smallest normal float32 counts as that number, so an image costs at most 87.3 nats a label:
    float32 cannot tell smaller ones from zero.

    >>> round(nll(torch.tensor([[0.5, 0.5]]), torch.tensor([1])).item(), 4)
    0.6931
    """
    p, targets = _targets(probabilities, labels)
    if labels.ndim == 2:
        p = torch.where(targets.bool(), p, 1 - p)
        return -p.clamp(torch.finfo(p.dtype).tiny, 1).log().sum(1)
    p_true = _keep_nan((p * targets).sum(1), p)
    return -p_true.clamp(torch.finfo(p.dtype).tiny, 1).log()


def brier(probabilities: Float[Tensor, "B n"], labels: Num[Tensor, "B *n"]) -> Float[Tensor, " B"]:
    """Sum over classes of (probability - target)^2 (Brier 1950): 0 best; at most 2, or n with n independent labels.

    >>> brier(torch.tensor([[0.5, 0.5]]), torch.tensor([1])).item()
    0.5
    """
    p, targets = _targets(probabilities, labels)
    return (p - targets).square().sum(1)


def undefined(probabilities: Float[Tensor, "B n"]) -> dict[str, Bool[Tensor, " B"]]:
    """Which images have no score, for `scores.score(..., reasons=...)`."""
    return {"probability is NaN": probabilities.isnan().any(1)}
