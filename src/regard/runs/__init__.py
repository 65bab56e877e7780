"""Folders of runs: which there are, which is better, which may go; sharing one. Not here: making and measuring one.

Names are imported when they are first used (`__init__.pyi` lists where they live), so that listing loads no network.
"""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
