"""Many runs compared: tables, sweeps and the human-machine study, each run as a grid of cells.

Names are imported when they are first used (`__init__.pyi` lists where they live), so that a worker process of the grid
loads no more than its cell needs. Not here: what is measured of one network (evaluation), how it is trained (training).
"""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
