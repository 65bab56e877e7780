"""A study that is run: a file says what is compared, a grid trains and measures it, one table of trials comes out.

Not here: what the table allows to say (`regard.study`), how it looks (report).
"""

from regard.study.running.cells import Chosen, Place, cells_of, choose, places, tuning_cells
from regard.study.running.collect import failures, floors_of, remarks_of, scores_of, trials_of
from regard.study.running.file import StudyFile, TaskFile, find_study, read_study

__all__ = [
    "Chosen",
    "Place",
    "StudyFile",
    "TaskFile",
    "cells_of",
    "choose",
    "failures",
    "find_study",
    "floors_of",
    "places",
    "read_study",
    "remarks_of",
    "scores_of",
    "trials_of",
    "tuning_cells",
]
