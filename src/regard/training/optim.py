"""Optimiser and learning rate schedule of a recipe."""

from __future__ import annotations

import math

import torch
from torch.optim import Optimizer
from torch.optim.lr_scheduler import LambdaLR, LRScheduler, OneCycleLR

from regard.models import AttentiveClassifier
from regard.training.recipe import OptimRecipe


def build_optimizer(recipe: OptimRecipe, model: AttentiveClassifier) -> Optimizer:
    """One group a part of the model, each with its own learning rate."""
    groups = model.parameter_groups(
        recipe.lr,
        backbone_lr=recipe.backbone_lr,
        anchors_lr=recipe.anchors_lr,
        weight_decay=recipe.weight_decay,
    )
    if recipe.name == "sgd":
        return torch.optim.SGD(groups, lr=recipe.lr, momentum=0.9, nesterov=True)
    if recipe.name == "adam":
        return torch.optim.Adam(groups, lr=recipe.lr)
    return torch.optim.AdamW(groups, lr=recipe.lr)


def build_schedule(recipe: OptimRecipe, optimizer: Optimizer, *, epochs: int, steps_per_epoch: int) -> LRScheduler:
    """The learning rate at every step; all groups keep their ratio."""
    total = max(1, epochs * steps_per_epoch)
    if recipe.schedule == "onecycle":
        peaks = [group["lr"] for group in optimizer.param_groups]
        return OneCycleLR(optimizer, peaks, total_steps=max(total, 4) + 1, pct_start=0.25)
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
