"""Many runs from one list of cells: processes of Ray, on one machine or a cluster; resuming, failures recorded.

Not here: what a cell does (a callable named in `KINDS`, or as ``module:function``), what is made of the results.
"""

from regard.experiments.grid.cell import (
    FAILED_FILE,
    KINDS,
    RESULT_FILE,
    RUN,
    Cell,
    Result,
    cell_path,
    finished_record,
    read_object,
    read_result,
    slug,
)
from regard.experiments.grid.run import Outcome, State, run_grid
from regard.experiments.grid.store import CellStore

__all__ = [
    "FAILED_FILE",
    "KINDS",
    "RESULT_FILE",
    "RUN",
    "Cell",
    "CellStore",
    "Outcome",
    "Result",
    "State",
    "cell_path",
    "finished_record",
    "read_object",
    "read_result",
    "run_grid",
    "slug",
]
