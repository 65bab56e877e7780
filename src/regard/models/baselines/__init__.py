"""networks that others proposed for the same purpose: each in one file, on any backbone, behind the same types.

Two kinds. Some are attention at a layer (``ATTACHED``). The others read layers and classify themselves (``READOUTS``):
their layers are tapped, and the network's classifier gives way to theirs.
"""

from regard.models.baselines.abn import AttentionBranch, branch_of
from regard.models.baselines.cbam import Cbam
from regard.models.baselines.readouts import GapReadout, LtpaReadout, Read, Readout, Tap
from regard.models.baselines.registry import ATTACHED, READOUTS, RIVALS
from regard.models.baselines.vit_ib import MessageBottleneck

__all__ = [
    "ATTACHED",
    "READOUTS",
    "RIVALS",
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
