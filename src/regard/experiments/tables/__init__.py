"""Tables of arms: a file says what is compared, a grid runs it, paired statistics say what it shows.

Not here: how a table looks (report); the study of human attention, whose statistics are used (study).
"""

from regard.experiments.tables.file import (
    BETA,
    BUDGET,
    TableFile,
    Trials,
    cells_of,
    choose,
    find_table,
    read_table,
    sweep_of,
    trials_of,
)
from regard.experiments.tables.run import lines_of, make_table, plan_lines, run_table
from regard.experiments.tables.table import table_of

__all__ = [
    "BETA",
    "BUDGET",
    "TableFile",
    "Trials",
    "cells_of",
    "choose",
    "find_table",
    "lines_of",
    "make_table",
    "plan_lines",
    "read_table",
    "run_table",
    "sweep_of",
    "table_of",
    "trials_of",
]
