"""Tables of arms and sweeps: a file says what is compared, a grid runs it, paired statistics say what it shows.

Not here: the human-machine study (study), which trains its own conditions and judges hypotheses.
"""

from regard.experiments.tables.claims import difference_p, mean_over_runs
from regard.experiments.tables.file import BETA, BUDGET
from regard.experiments.tables.page import write_table_page
from regard.experiments.tables.results import TableResults, read_table_results
from regard.experiments.tables.run import OpenTable, make_table, open_sweep, open_table, table_plan_lines

__all__ = [
    "BETA",
    "BUDGET",
    "OpenTable",
    "TableResults",
    "difference_p",
    "make_table",
    "mean_over_runs",
    "open_sweep",
    "open_table",
    "read_table_results",
    "table_plan_lines",
    "write_table_page",
]
