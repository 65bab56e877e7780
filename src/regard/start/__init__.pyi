from .doctor import Check, CheckState, diagnose
from .look import Copies, FolderFacts, look_at
from .proposal import RecipeProposal, facts_lines, propose, training_time, write_proposal

__all__ = [
    "Check",
    "CheckState",
    "Copies",
    "FolderFacts",
    "RecipeProposal",
    "diagnose",
    "facts_lines",
    "look_at",
    "propose",
    "training_time",
    "write_proposal",
]
