"""what to learn: task loss, rates and budgets, anchors, alignment with people.

Not here: optimisers and schedules (training), bounds measured after training (metrics).
"""

from regard.objectives.alignment import ALIGNMENT, HumanMap, alignment_loss
from regard.objectives.anchors import AnchorLosses, anchor_losses
from regard.objectives.budget import Multiplier, MultiplierUnit
from regard.objectives.information import Losses, Weights, charged, information_loss, warmup_share
from regard.objectives.segmentation import pixel_loss, segmentation_loss
from regard.objectives.task import task_loss

__all__ = [
    "ALIGNMENT",
    "AnchorLosses",
    "HumanMap",
    "Losses",
    "Multiplier",
    "MultiplierUnit",
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
