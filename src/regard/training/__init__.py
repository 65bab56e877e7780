"""Training: recipes, runs and their folders, and what a recipe asks of Lightning.

Names are imported when they are first used (`__init__.pyi` lists where they live), so that reading a recipe imports
neither torch nor a library of networks. Not here: what is measured after training (evaluation).
"""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
