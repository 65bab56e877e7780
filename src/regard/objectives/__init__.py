"""what to learn: task loss, rates and budgets, anchors.

Not here: optimisers and schedules (training), bounds measured after training (metrics).
"""

from regard.objectives.anchors import AnchorLosses, anchor_losses
from regard.objectives.budget import Multiplier
from regard.objectives.information import Losses, Weights, information_loss, warmup_share
from regard.objectives.task import task_loss

__all__ = [
    "AnchorLosses",
    "Losses",
    "Multiplier",
    "Weights",
    "anchor_losses",
    "information_loss",
    "task_loss",
    "warmup_share",
]
