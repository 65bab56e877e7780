"""what to learn: task loss, rates and budgets, anchors, alignment with people.

Not here: optimisers and schedules (training), bounds measured after training (metrics).
"""

from regard.objectives.alignment import ALIGNMENT, HumanMap, alignment_loss
from regard.objectives.budget import Budget, BudgetUnit
from regard.objectives.losses import (
    AnchorLosses,
    Losses,
    Weights,
    anchor_losses,
    charged,
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
    "BudgetUnit",
    "HumanMap",
    "Losses",
    "Weights",
    "alignment_loss",
    "anchor_losses",
    "charged",
    "information_loss",
    "pixel_loss",
    "segmentation_loss",
    "task_loss",
    "warmup_share",
]
