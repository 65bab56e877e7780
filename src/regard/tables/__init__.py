"""Tables of arms: a file says what is compared, a grid runs it, paired statistics say what it shows.

Not here: how a table looks (report); the study of human attention, whose statistics are used (study).
"""

from regard.tables.file import TableFile, find_table, read_table
from regard.tables.plan import Trials, cells_of, choose, trials_of
from regard.tables.sweep import BETA, BUDGET, sweep_of
from regard.tables.table import table_of

__all__ = [
    "BETA",
    "BUDGET",
    "TableFile",
    "Trials",
    "cells_of",
    "choose",
    "find_table",
    "read_table",
    "sweep_of",
    "table_of",
    "trials_of",
]
