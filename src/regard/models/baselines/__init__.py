"""Published baselines on any backbone, with the types of regard's own attention.

``ATTACHED`` are attention at a layer (CBAM, ABN, ViT-IB). ``READOUTS`` tap layers and replace the network's classifier
(GAP, Learn to Pay Attention).
"""

from regard.models.baselines.abn import AttentionBranch, branch_of
from regard.models.baselines.cbam import Cbam
from regard.models.baselines.readouts import GapReadout, LtpaReadout, Read, Readout, Tap
from regard.models.baselines.registry import ATTACHED, BASELINE_NAMES, READOUTS
from regard.models.baselines.vit_ib import MessageBottleneck

__all__ = [
    "ATTACHED",
    "BASELINE_NAMES",
    "READOUTS",
    "AttentionBranch",
    "Cbam",
    "GapReadout",
    "LtpaReadout",
    "MessageBottleneck",
    "Read",
    "Readout",
    "Tap",
    "branch_of",
]
