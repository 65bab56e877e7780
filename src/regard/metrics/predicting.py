"""What a `predict` callable returned, checked: the probability of a class, or a distribution over classes."""

from __future__ import annotations

import torch
from jaxtyping import Float
from torch import Tensor

from regard.types import Classes, Images, PerImage, Predict, RegardError


def of_class(probabilities: Tensor, classes: Classes) -> PerImage:
    """Each image's probability of its class; also for multi-label networks, one question a class.

    >>> of_class(torch.tensor([[0.9, 0.1]]), torch.tensor([1])).item() == torch.tensor(0.1).item()
    True
    """
    _check(probabilities, len(classes))
    if len(classes) and (classes.min() < 0 or classes.max() >= probabilities.shape[1]):
        raise RegardError(
            f"classes {classes.min()}..{classes.max()}, but predict returned {probabilities.shape[1]} classes; "
            f"a target is 0..{probabilities.shape[1] - 1}"
        )
    p = probabilities.float().gather(1, classes.long()[:, None].to(probabilities.device))[:, 0]
    return p.to(classes.device)


def distribution(probabilities: Tensor, count: int) -> Float[Tensor, "B n"]:
    """The same probabilities, if they are one distribution per image; sums away from 1 are an error.

    >>> distribution(torch.tensor([[0.9, 0.1]]), 1).shape
    torch.Size([1, 2])
    """
    _check(probabilities, count)
    p = probabilities.float()
    total = p.sum(1)
    if ((total - 1).abs() > 1e-3).any():
        raise RegardError(
            f"predict returned rows that sum to {total.min():g}..{total.max():g}: a multi-label network has no one "
            "prediction to flip or to diverge from; judge a class of it by deletion, insertion or drop"
        )
    return p


@torch.no_grad()
def in_batches(predict: Predict, images: Images, size: int) -> Tensor:
    """The predictions for all images, `size` at a time.

    >>> in_batches(lambda x: x.mean((2, 3)), torch.zeros(3, 2, 4, 4), 2).shape
    torch.Size([3, 2])
    """
    return torch.cat([predict(part) for part in images.split(max(size, 1))])


def _check(probabilities: Tensor, count: int) -> None:
    shape = tuple(probabilities.shape)
    if len(shape) != 2 or shape[0] != count:
        raise RegardError(f"predict returned {shape} for {count} images; it must return (images, classes)")
    if not probabilities.isfinite().all():
        wrong = int((~probabilities.isfinite()).any(1).sum())
        raise RegardError(f"predict returned values that are not finite for {wrong} of {count} images; check them")
    low, high = (probabilities.min().item(), probabilities.max().item()) if probabilities.numel() else (0.0, 0.0)
    if low < -1e-4 or high > 1 + 1e-4:
        raise RegardError(f"predict returned {low:g} to {high:g}; it must return probabilities, not logits")
