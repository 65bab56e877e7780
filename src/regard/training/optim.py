"""Optimiser and learning rate schedule of a recipe: Muon (Jordan et al., 2024), AdamW, Adam or SGD."""

from __future__ import annotations

import math
from typing import Any

import torch
from timm.optim.muon import Muon
from torch.optim import Optimizer
from torch.optim.lr_scheduler import LambdaLR, LRScheduler, OneCycleLR

from regard.training.forward import TaskModel
from regard.training.recipe import OptimRecipe

MUON_GAIN = 10.0
"""Learning rate of orthogonalised updates over AdamW's: at one rate both have the same size, and these bear more."""


def build_optimizer(recipe: OptimRecipe, model: TaskModel) -> Optimizer:
    """One parameter group per part of the model, each with its own learning rate."""
    groups = model.parameter_groups(
        recipe.lr,
        backbone_lr=recipe.backbone_lr,
        attention_lr=recipe.attention_lr,
        anchors_lr=recipe.anchors_lr,
        weight_decay=recipe.weight_decay,
    )
    if recipe.name == "muon":
        return _muon(groups, recipe)
    if recipe.name == "sgd":
        return torch.optim.SGD(groups, lr=recipe.lr, momentum=0.9, nesterov=True)
    kind = torch.optim.Adam if recipe.name == "adam" else torch.optim.AdamW
    return kind(groups, lr=recipe.lr, betas=recipe.betas)


def _muon(groups: list[dict[str, Any]], recipe: OptimRecipe) -> Optimizer:
    """Orthogonalised updates (Jordan et al., *Muon*, 2024) for the matrices and convolutions of backbone and attention.

    Vectors, anchors, their prior, bottleneck and classifier learn by AdamW at their group's rate.
    """
    for group in groups:
        if group["name"].startswith(("anchors", "prior", "head")):
            group["use_fallback"] = True
        else:
            group["lr"] *= MUON_GAIN
            group["fallback_lr_scale"] = 1 / MUON_GAIN
    return Muon(groups, lr=recipe.lr, ns_steps=3, betas=recipe.betas)


def build_schedule(recipe: OptimRecipe, optimizer: Optimizer, *, epochs: int, steps_per_epoch: int) -> LRScheduler:
    """The learning rate at every step; all groups keep their ratio."""
    total = max(1, epochs * steps_per_epoch)
    if recipe.schedule == "onecycle":
        peaks = [group["lr"] for group in optimizer.param_groups]
        return OneCycleLR(optimizer, peaks, total_steps=max(total, 4) + 1, pct_start=0.25, cycle_momentum=False)
    warmup = round(recipe.warmup_epochs * steps_per_epoch) if recipe.schedule != "constant" else 0

    def factor(step: int) -> float:
        if step < warmup:
            return (step + 1) / warmup
        if recipe.schedule == "cosine":
            return 0.5 * (1 + math.cos(math.pi * (step - warmup) / max(1, total - warmup)))
        if recipe.schedule == "step":
            return float(recipe.gamma ** sum(step >= m * steps_per_epoch for m in recipe.milestones))
        return 1.0

    return LambdaLR(optimizer, factor)
