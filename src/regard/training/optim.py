"""Optimiser and learning rate schedule of a recipe: Muon (Jordan et al., 2024), AdamW, Adam or SGD."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import torch
from timm.optim.muon import Muon
from torch import nn
from torch.optim import Optimizer
from torch.optim.lr_scheduler import LambdaLR, LRScheduler, OneCycleLR

from regard.training.forward import TaskModel
from regard.training.recipe_training import OptimRecipe

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
    if recipe.layer_decay < 1:
        groups = layerwise(groups, blocks_of(model), recipe.layer_decay)
    if recipe.name == "muon":
        return _muon(groups, recipe)
    if recipe.name == "sgd":
        return torch.optim.SGD(groups, lr=recipe.lr, momentum=0.9, nesterov=True)
    kind = torch.optim.Adam if recipe.name == "adam" else torch.optim.AdamW
    return kind(groups, lr=recipe.lr, betas=recipe.betas)


def blocks_of(model: nn.Module) -> dict[nn.Parameter, str]:
    """The block of every parameter of a model, in their order in the network: two levels of names below the trunk's,
    such as ``blocks.5`` or ``layer3.0``; what attention adds in between does not count.
    """
    names = {p: name.replace(".module.", ".").split(".")[:-1] for name, p in model.named_parameters()}
    return {p: ".".join(parts[:3]) for p, parts in names.items()}


def layerwise(groups: list[dict[str, Any]], blocks: Mapping[nn.Parameter, str], decay: float) -> list[dict[str, Any]]:
    """The groups of the backbone divided by block, each with ``decay`` times the rate of the next (Howard and Ruder,
    *ULMFiT*, 2018; Bao et al., *BEiT*, 2022). The last block that learns keeps the rate.
    """
    own = {p for group in groups if group["name"].startswith("backbone") for p in group["params"]}
    order = list(dict.fromkeys(block for p, block in blocks.items() if p in own))
    divided: list[dict[str, Any]] = []
    for group in groups:
        if not group["name"].startswith("backbone"):
            divided.append(group)
            continue
        for depth, block in enumerate(reversed(order)):
            params = [p for p in group["params"] if blocks[p] == block]
            if params:
                scaled = {"name": f"{group['name']}, {block}", "params": params, "lr": group["lr"] * decay**depth}
                divided.append(group | scaled)
    return divided


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
