"""Many runs from one list: cells in worker processes, resumed, shared between machines, and none lost with another.

Not here: what a cell does (a callable named in `KINDS`, or as ``module:function``), what is made of the results.
"""

from regard.experiments.grid.cell import KINDS, Cell, Result, cell_path, read_result
from regard.experiments.grid.run import Outcome, estimate, run_grid

__all__ = ["KINDS", "Cell", "Outcome", "Result", "cell_path", "estimate", "read_result", "run_grid"]
