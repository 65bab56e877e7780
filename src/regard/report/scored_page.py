"""The page of `regard score`: scores among their floors and ceiling, images with their maps and fixations."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from regard.report.files import write_atomically
from regard.report.gallery import LARGEST, ORDER, image_uri, uri
from regard.report.overlay import colorize, enlarge, png, scale_of
from regard.report.page import environment, page_parts
from regard.report.scored import METRICS, Scored, Shown, read_arrays, read_scored
from regard.report.words import number, plural


@dataclass(frozen=True)
class FixatedCard:
    """One image: picture, map and overlay as data URIs, fixations as percent of width and height."""

    item: Shown
    image: str
    map: str
    layer: str
    width: int
    height: int
    low: float
    high: float
    points: tuple[tuple[float, float], ...]
    said: str


def write_scored_page(folder: Path, name: str) -> Path:
    """Read what `regard score` wrote into ``folder`` and write ``report.html`` there, whole or not at all.

    Args:
        folder: holds scores.json and gallery.npz.
        name: of the maps, the page's title.

    Raises:
        RegardError: a file is missing or corrupt, or the page cannot be written.
    """
    scored = read_scored(folder)
    arrays = read_arrays(folder, scored)
    html = (
        environment()
        .get_template("scored.html.j2")
        .render(
            **page_parts(),
            name=name,
            scored=scored,
            rows=scored.rows(),
            summary=summary(scored),
            rules=[
                (rule, [_card(item, arrays) for item in scored.gallery if item.rule == rule])
                for rule in ORDER
                if any(item.rule == rule for item in scored.gallery)
            ],
        )
    )
    return write_atomically(folder / "report.html", html.encode("utf-8", "replace"))


def summary(scored: Scored) -> str:
    """What was scored, in a sentence or two."""
    said = f"{plural(scored.images, 'image')} with {plural(scored.fixations, 'fixation')}, "
    said += f"{scored.options.get('convention')} convention."
    share = scored.share_from_center_to_observers.get("nss", float("nan"))
    if share == share:
        said += f" By NSS the maps are {number(100 * share)} % of the way from the centre prior to another observer."
    return said


def _card(item: Shown, arrays: dict[str, Any]) -> FixatedCard:
    image, values = arrays[f"image_{item.row}"], arrays[f"map_{item.row}"]
    height, width = image.shape[:2]
    shrink = min(1.0, LARGEST / max(height, width))
    scale = scale_of([values], "relevance")
    layer = enlarge(values, (max(1, round(height * shrink)), max(1, round(width * shrink))))
    said = [f"{METRICS[k][0] if k in METRICS else k} {number(v)}" for k, v in item.score.items()]
    return FixatedCard(
        item=item,
        image=image_uri(image),
        map=uri(png(colorize(enlarge(values, layer.shape), scale)), "png"),
        layer=uri(png(colorize(layer, scale)), "png"),
        width=width,
        height=height,
        low=float(values.min()),
        high=float(values.max()),
        points=tuple((round(100 * float(x), 2), round(100 * float(y), 2)) for x, y in arrays[f"points_{item.row}"]),
        said=" · ".join(said),
    )
