from .doctor import Check, CheckState, diagnose
from .first import FirstMap, FirstPage, FirstPicture, first_page
from .lesson import SmallNetwork, fit_lesson, scenes, share_correct
from .look import Copies, FolderFacts, look_at
from .proposal import RecipeProposal, facts_lines, propose, training_time, write_proposal

__all__ = [
    "Check",
    "CheckState",
    "Copies",
    "FirstMap",
    "FirstPage",
    "FirstPicture",
    "FolderFacts",
    "RecipeProposal",
    "SmallNetwork",
    "diagnose",
    "facts_lines",
    "first_page",
    "fit_lesson",
    "look_at",
    "propose",
    "scenes",
    "share_correct",
    "training_time",
    "write_proposal",
]
