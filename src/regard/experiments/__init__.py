"""Many runs compared: tables, sweeps and the human-machine study, on one grid of cells.

Not here: what is measured of one trained network (evaluation), how it is trained (training).
"""

from regard.experiments.runner import GridOptions

__all__ = ["GridOptions"]
