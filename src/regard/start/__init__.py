"""Starting: whether the installation works, what is in a folder of photographs, a first picture, lessons.

Names are imported when they are first used (`__init__.pyi` lists where they live), so that an installation whose torch
is broken can still be looked at. Not here: training, explaining and judging themselves.
"""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
