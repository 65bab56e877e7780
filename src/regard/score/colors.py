"""Heat maps that were saved in colours: which colour map they have, and the values behind it.

A picture in the colours of jet has its largest value in dark red; read as grey it would rank high values low. Values
are found by the nearest colour of the map; a photograph, or a heat map blended with its image, fits no colour map.
"""

from __future__ import annotations

from functools import lru_cache

import numpy as np
import numpy.typing as npt
from scipy.spatial import cKDTree

from regard.types import RegardError

COLOR_MAPS = ("jet", "turbo", "viridis", "plasma", "inferno", "magma", "cividis", "hot", "rainbow", "coolwarm")
"""Colour maps that are recognised; any other of matplotlib's can be named."""
_GREY = 12  # levels by which channels of a grey picture differ after JPEG
_NEAR = 24.0  # levels by which a colour differs from its colour map's after JPEG
_SHARE = 0.98  # of the pixels
_Values = npt.NDArray[np.float64]


def is_grey(colors: npt.NDArray[np.uint8]) -> bool:
    """Whether the channels of a picture (h,w,3) are equal but for compression.

    >>> is_grey(np.full((4, 4, 3), 7, dtype=np.uint8)), is_grey(np.zeros((1, 1, 3), dtype=np.uint8) + [0, 0, 200])
    (True, False)
    """
    channels = colors.astype(np.int16)
    return bool(((channels.max(2) - channels.min(2)) <= _GREY).mean() >= _SHARE)


def values_of_colors(colors: npt.NDArray[np.uint8], what: str, color_map: str | None = None) -> tuple[_Values, str]:
    """Values in [0,1] (h,w) of a picture (h,w,3) in the colours of a colour map, and the name of that.

    Args:
        colors: the picture.
        what: its file, for the error.
        color_map: name of the colour map; None finds it among `COLOR_MAPS`.

    Raises:
        RegardError: the picture has other colours.

    >>> import matplotlib
    >>> ramp = np.linspace(0, 1, 32).reshape(4, 8)
    >>> picture = (matplotlib.colormaps["jet"](ramp)[..., :3] * 255).astype(np.uint8)
    >>> values, name = values_of_colors(picture, "ramp.png")
    >>> name, bool(abs(values - ramp).max() < 0.01)
    ('jet', True)
    """
    different, place = np.unique(colors.reshape(-1, 3), axis=0, return_inverse=True)
    place = place.reshape(-1)
    best: tuple[float, str, _Values] | None = None
    for name in COLOR_MAPS if color_map is None else (color_map,):
        distance, index = _tree(name).query(different.astype(np.float64))
        fits = (distance[place] <= _NEAR).mean()
        if fits >= _SHARE and (best is None or distance[place].mean() < best[0]):
            best = float(distance[place].mean()), name, index[place] / (_LEVELS - 1)
    if best is None:
        known = color_map or ", ".join(COLOR_MAPS)
        raise RegardError(
            f"{what}: a colour picture, but not in the colours of {known}: no map can be read from it. Save the values "
            "as .npy or in grey, or name matplotlib's colour map by --map-colors NAME"
        )
    return best[2].reshape(colors.shape[:2]), best[1]


_LEVELS = 1021


@lru_cache(maxsize=32)
def _tree(name: str) -> cKDTree:
    import matplotlib

    if name not in matplotlib.colormaps:
        raise RegardError(f"--map-colors {name}: no colour map of matplotlib; jet, jet_r and viridis are some")
    return cKDTree(matplotlib.colormaps[name](np.linspace(0, 1, _LEVELS))[:, :3] * 255)
