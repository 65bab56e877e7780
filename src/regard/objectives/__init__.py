"""Objectives: task losses, prices and budgets of information, losses of anchors, alignment with human maps.

Not here: optimisers and schedules (training), bounds measured after training (metrics).
"""

from regard.objectives.alignment import ALIGNMENT, HumanMap, alignment_loss
from regard.objectives.budget import Budget
from regard.objectives.losses import (
    AnchorLosses,
    Losses,
    Weights,
    add_prices,
    anchor_losses,
    information_loss,
    pixel_loss,
    segmentation_loss,
    task_loss,
    warmup_share,
)

__all__ = [
    "ALIGNMENT",
    "AnchorLosses",
    "Budget",
    "HumanMap",
    "Losses",
    "Weights",
    "add_prices",
    "alignment_loss",
    "anchor_losses",
    "information_loss",
    "pixel_loss",
    "segmentation_loss",
    "task_loss",
    "warmup_share",
]
