"""regard: spatial attention for vision networks, learned under an information budget and read in bits."""

from regard.__about__ import __version__

__all__ = ["__version__"]
