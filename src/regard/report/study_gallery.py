"""A study's pictures: an image, where people looked, and the map of every condition, side by side."""

from __future__ import annotations

import io
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw

from regard.report.gallery import uri
from regard.report.overlay import Picture, colorize, enlarge, scale_of
from regard.report.study_page import StudyPicture
from regard.study.conditions import CONDITIONS
from regard.study.running.gallery import Gallery

TILE, LINE, GAP = 112, 14, 4  # pixels
SAID = "Each map from its smallest (dark) to its largest value (light)."


def pictures_of(galleries: Sequence[Gallery]) -> list[StudyPicture]:
    """One picture an image, tiles in the order of the conditions."""
    found = []
    for gallery in galleries:
        order = [name for name in CONDITIONS if name in gallery.maps]
        for i, image in enumerate(gallery.images):
            tiles = [("image", _fit(image))]
            if np.isfinite(gallery.human[i]).all():
                tiles.append(("people", _map(gallery.human[i])))
            tiles += [(name, _map(gallery.maps[name][i])) for name in order]
            names = ", ".join(name for name, _ in tiles)
            found.append(StudyPicture(_uri(_sheet(tiles)), f"{gallery.task}, {gallery.backbone}: {names}", SAID))
    return found


def _sheet(tiles: Sequence[tuple[str, Picture]], across: int = 4) -> Picture:
    """Tiles with their names above them, so many in a row."""
    rows = -(-len(tiles) // across)
    width = min(len(tiles), across) * (TILE + GAP) - GAP
    sheet = Image.new("RGB", (width, rows * (TILE + LINE + GAP) - GAP), "white")
    draw = ImageDraw.Draw(sheet)
    for k, (name, tile) in enumerate(tiles):
        x, y = (k % across) * (TILE + GAP), (k // across) * (TILE + LINE + GAP)
        draw.text((x, y), name, fill="black")
        sheet.paste(Image.fromarray(tile), (x, y + LINE))
    return np.asarray(sheet)


def _uri(sheet: Picture) -> str:
    held = io.BytesIO()
    Image.fromarray(sheet).save(held, format="JPEG", quality=85)
    return uri(held.getvalue(), "jpeg")


def _fit(image: Picture) -> Picture:
    return np.asarray(Image.fromarray(image).resize((TILE, TILE), Image.Resampling.BILINEAR))


def _map(values: NDArray[np.float32]) -> Picture:
    finite = values[np.isfinite(values)]
    low = float(finite.min()) if finite.size else 0.0
    return colorize(enlarge(values - low, (TILE, TILE)), scale_of([values - low], "bits"))
