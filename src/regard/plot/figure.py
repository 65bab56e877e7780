"""A figure of matplotlib that a notebook shows, although it was made without pyplot."""

from __future__ import annotations

import io
from typing import Any

from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure


class ShownFigure(Figure):
    """As matplotlib's, drawn by Agg; as the last value of a notebook's cell it is shown.

    >>> ShownFigure(figsize=(1, 1), dpi=50)._repr_png_()[1:4]
    b'PNG'
    """

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        FigureCanvasAgg(self)

    def _repr_png_(self) -> bytes:
        file = io.BytesIO()
        self.savefig(file, format="png")
        return file.getvalue()
