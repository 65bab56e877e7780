"""Performance on disturbed images: corruptions, and attacks on the network itself."""

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

from regard.backbones import eval_mode
from regard.data import CORRUPTIONS, Split, corrupted, evenly_spaced
from regard.evaluation.observe import device_of, forward
from regard.evaluation.tasks import scoring_of, task_performance
from regard.training import forward_batch
from regard.types import Batch, PerImage, RegardError

RADIUS = 1 / 255
"""Of attacks, times the severity: no pixel changes by more."""
_BATCH = 64
"""Noise of corruptions is a function of the batch, so their size is fixed."""
_STEPS = 7
"""Of PGD, a quarter of the radius each."""


def robust(model: Any, split: Split, name: str, *, severity: int, images: int, seed: int) -> Float[Tensor, " N"]:
    """Performance per image (N,) under one of `DISTURBANCES`, of so many evenly spaced images; NaN for the others.

    Attacks are on the network itself, within ``severity`` (1 to 5) times `RADIUS`; ``seed`` is of the noise of
    corruptions. A map override stays that of the undisturbed image, and so does the flow of a clip.

    Raises:
        RegardError: no such disturbance.
    """
    if name not in DISTURBANCES:
        raise RegardError(f"disturbance {name!r}: there are {', '.join(DISTURBANCES)}")
    out = torch.full((len(split),), torch.nan)
    for index in evenly_spaced(len(split), images).split(_BATCH):
        batch = split.batch(index)
        if name in ATTACKS:
            changed = _attacked(model, batch, ATTACKS[name], severity * RADIUS)
        else:
            changed = corrupted(batch.images.cpu(), name, severity, seed=seed + int(index[0]))
        out[index] = task_performance(model, forward(model, replace(batch, images=changed)), batch).float()
    return out


def _fgsm(network: Callable[[Tensor], Tensor], loss: Any, images: Tensor, target: Tensor, radius: float) -> Tensor:
    step = FGSM(network, loss, lower_bound=0.0, upper_bound=1.0)
    step.zero_thresh = 0.0  # captum takes small gradients for none, which would spare networks that are confident
    attacked: Tensor = step.perturb(images, radius, target)
    return attacked


def _pgd(network: Callable[[Tensor], Tensor], loss: Any, images: Tensor, target: Tensor, radius: float) -> Tensor:
    steps = PGD(network, loss, lower_bound=0.0, upper_bound=1.0)
    steps.fgsm.zero_thresh = 0.0
    attacked: Tensor = steps.perturb(images, radius, radius / 4, _STEPS, target)
    return attacked


ATTACKS: dict[str, Callable[[Callable[[Tensor], Tensor], Any, Tensor, Tensor, float], Tensor]] = {
    "fgsm": _fgsm,
    "pgd": _pgd,
}
"""Name -> (network, loss per image, images, targets, radius) -> images that it does worse on."""
DISTURBANCES = (*CORRUPTIONS, *ATTACKS)


def _attacked(model: Any, batch: Batch, attack: Any, radius: float) -> Tensor:
    """The images, moved to where the loss of the true answer rises; by the declared prediction."""
    batch = batch.to(device_of(model))
    learning = [p.requires_grad for p in model.parameters()]

    def logits(images: Tensor) -> Tensor:
        return forward_batch(model, replace(batch, images=images)).logits[0]

    with eval_mode(model), torch.enable_grad(), warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="Input Tensor .* did not already require gradients")
        model.requires_grad_(False)  # the images' gradient alone is needed
        try:
            attacked: Tensor = attack(logits, _loss, batch.images, scoring_of(model).target(batch), radius)
        finally:
            for parameter, value in zip(model.parameters(), learning, strict=True):
                parameter.requires_grad_(value)
    return attacked.detach().cpu()


def _loss(logits: Tensor, target: Tensor) -> PerImage:
    """Cross-entropy per image of a class, of several labels, or of a mask."""
    if target.ndim == 1:
        return F.cross_entropy(logits, target, reduction="none")
    return F.binary_cross_entropy_with_logits(logits, target.to(logits), reduction="none").flatten(1).mean(1)
