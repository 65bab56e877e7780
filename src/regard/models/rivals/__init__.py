"""networks that others proposed for the same purpose: each in one file, on any backbone, behind the same types.

Two kinds. Some are attention at a layer (``ATTACHED``). The others read layers and classify themselves (``READOUTS``):
their layers are tapped, and the network's classifier gives way to theirs.
"""

from regard.models.rivals.abn import AttentionBranch, branch_of
from regard.models.rivals.cbam import Cbam
from regard.models.rivals.gap import GapReadout
from regard.models.rivals.ltpa import LtpaReadout
from regard.models.rivals.registry import ATTACHED, READOUTS, RIVALS
from regard.models.rivals.tap import Read, Readout, Tap
from regard.models.rivals.vit_ib import MessageBottleneck

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
