"""regard: spatial attention for vision networks, learned under an information budget and read in bits.

What a user types is here and is loaded when it is first used: importing ``regard`` imports no torch. ``__init__.pyi``
lists the names and the room that each comes from.
"""

import lazy_loader

from regard.__about__ import __version__ as __version__

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
