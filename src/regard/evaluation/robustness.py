"""Performance on disturbed images: corruptions, and attacks on the very network that is asked."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import torch
import torch.nn.functional as F
from captum.robust import FGSM, PGD
from jaxtyping import Float
from torch import Tensor

from regard.data import CORRUPTIONS, Split, corrupted, evenly_spaced
from regard.evaluation.observe import BATCH, answer, performance
from regard.models import Segmenter
from regard.training import forward_batch
from regard.types import Batch, RegardError

RADIUS = 1 / 255
"""Of attacks: no pixel changes by more."""
_STEPS = 7
"""Of PGD, a quarter of the radius each."""


def robust(model: Any, split: Split, name: str, *, severity: int, images: int, seed: int) -> Float[Tensor, " N"]:
    """Performance an image under one disturbance, of so many images, evenly spread; NaN of the others.

    An imposed map stays that of the undisturbed image, and so does the flow of a clip.

    Args:
        model: what is asked, and, by attacks, what is attacked.
        split: N images, with maps where they are imposed.
        name: of `DISTURBANCES`.
        severity: of corruptions, 1 to 5.
        images: how many are asked about.
        seed: of noise.

    Raises:
        RegardError: no such disturbance.
    """
    if name not in DISTURBANCES:
        raise RegardError(f"disturbance {name!r}: there are {', '.join(DISTURBANCES)}")
    out = torch.full((len(split),), torch.nan)
    for index in evenly_spaced(len(split), images).split(BATCH):
        batch = split.batch(index)
        if name in ATTACKS:
            shown = _attacked(model, batch, ATTACKS[name])
        else:
            shown = corrupted(batch.images.cpu(), name, severity, seed=seed + int(index[0]))
        out[index] = performance(model, answer(model, replace(batch, images=shown)), batch).float()
    return out


def _fgsm(network: Callable[[Tensor], Tensor], loss: Any, images: Tensor, target: Tensor) -> Tensor:
    single = FGSM(network, loss, lower_bound=0.0, upper_bound=1.0)
    single.zero_thresh = 0.0  # captum takes small gradients for none, which would spare whoever is sure of itself
    shown: Tensor = single.perturb(images, RADIUS, target)
    return shown


def _pgd(network: Callable[[Tensor], Tensor], loss: Any, images: Tensor, target: Tensor) -> Tensor:
    many = PGD(network, loss, lower_bound=0.0, upper_bound=1.0)
    many.fgsm.zero_thresh = 0.0
    shown: Tensor = many.perturb(images, RADIUS, RADIUS / 4, _STEPS, target)
    return shown


ATTACKS: dict[str, Callable[[Callable[[Tensor], Tensor], Any, Tensor, Tensor], Tensor]] = {"fgsm": _fgsm, "pgd": _pgd}
"""Name -> (network, loss an image, images, targets) -> images that it does worse on."""
DISTURBANCES = (*CORRUPTIONS, *ATTACKS)


def _attacked(model: Any, batch: Batch, attack: Any) -> Tensor:
    """The images, moved to where the loss of the true answer rises; by the mean prediction."""
    batch = batch.to(next(model.parameters()).device)
    target = batch.masks if isinstance(model, Segmenter) else batch.labels
    training, wanted = model.training, [p.requires_grad for p in model.parameters()]
    model.eval().requires_grad_(False)  # the images' gradient alone is asked for

    def logits(images: Tensor) -> Tensor:
        found: Tensor = forward_batch(model, replace(batch, images=images), samples=0).logits[0]
        return found

    try:
        with warnings.catch_warnings():
            warnings.filterwarnings("ignore", message="Input Tensor .* did not already require gradients")
            shown: Tensor = attack(logits, _loss, batch.images, target)
    finally:
        model.train(training)
        for parameter, value in zip(model.parameters(), wanted, strict=True):
            parameter.requires_grad_(value)
    return shown.detach().cpu()


def _loss(logits: Tensor, target: Tensor) -> Float[Tensor, " B"]:
    """Cross-entropy an image, whatever is asked: a class, several labels, or a mask."""
    if target.ndim == 1:
        return F.cross_entropy(logits, target, reduction="none")
    return F.binary_cross_entropy_with_logits(logits, target.to(logits), reduction="none").flatten(1).mean(1)
