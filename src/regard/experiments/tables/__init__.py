"""Tables of arms and sweeps: a file says what is compared, a grid runs it, paired statistics say what it shows.

Not here: the human-machine study (study), which trains its own conditions and judges hypotheses.
"""

from regard.experiments.tables.file import (
    BETA,
    BUDGET,
    Claim,
    TableFile,
    best_trials,
    find_table,
    read_table,
    sweep_table,
    table_cells,
    trial_cells,
)
from regard.experiments.tables.page import write_table_page
from regard.experiments.tables.results import TableResults, TuningTrials, read_table_results
from regard.experiments.tables.run import OpenTable, make_table, open_sweep, open_table, table_plan_lines
from regard.experiments.tables.table import difference_p, mean_over_runs, table_of

__all__ = [
    "BETA",
    "BUDGET",
    "Claim",
    "OpenTable",
    "TableFile",
    "TableResults",
    "TuningTrials",
    "best_trials",
    "difference_p",
    "find_table",
    "make_table",
    "mean_over_runs",
    "open_sweep",
    "open_table",
    "read_table",
    "read_table_results",
    "sweep_table",
    "table_cells",
    "table_of",
    "table_plan_lines",
    "trial_cells",
    "write_table_page",
]
