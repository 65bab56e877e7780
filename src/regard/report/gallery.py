"""The gallery's cards: image, map and overlay as data in the page, chosen rows grouped by the rule that chose them."""

from __future__ import annotations

import base64
import io
import math
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from regard.plot import GREY, Picture, Scale, colorize, enlarge, png, scale_of
from regard.report.schema import BudgetStep, Item, MapMeaning, Pictures, Run
from regard.report.words import interval_text, listed, number

GALLERY_ORDER = ("best", "typical", "worst")
LARGEST = 384  # pixels per side in the page, enough for a phone
MOST_NUMBERS = 100  # patches of a picture whose order is written into them
PHOTOGRAPH = 128  # JPEG from this side on: a tenth of the size of a PNG


@dataclass(frozen=True)
class Panels:
    """Image, map and overlay as data URIs, the image's size, and the map's smallest and largest value."""

    image: str
    map: str
    layer: str
    width: int
    height: int
    low: float
    high: float


@dataclass(frozen=True)
class Card(Panels):
    """One image of the gallery; ``outline`` (of the object) and ``drawn`` (of the predicted mask) are SVG paths.

    ``steps`` are what other budgets would buy, as ``layer`` is, in the order of the item's answers; ``order`` has the
    number of each bought patch and its middle x, y in pixels, where there are few enough to be read.
    """

    item: Item
    outline: str
    drawn: str
    right: bool
    flat: bool
    steps: tuple[str, ...] = ()
    order: tuple[tuple[int, float, float], ...] = ()


@dataclass(frozen=True)
class Rule:
    """The cards that one rule chose; ``why`` states the rule."""

    name: str
    why: str
    cards: tuple[Card, ...]


@dataclass(frozen=True)
class _Gallery:
    """All rules, the maps' one scale, and the maps' grid."""

    rules: tuple[Rule, ...]
    scale: Scale
    meaning: str
    grid: tuple[int, int]
    coarse: bool
    outlined: bool
    choice: bool
    budgets: tuple[BudgetStep, ...]
    ordered: bool  # some card has numbers
    step: int | None  # of the budgets, the trained one; None where there are none


def build_gallery(run: Run) -> _Gallery | None:
    """The gallery of a run, all its maps on one scale; None where it has none."""
    pictures, items, meaning = run.pictures, run.evaluation.gallery, run.evaluation.map
    if pictures is None or meaning is None:
        return None
    scale = scale_of(pictures.maps[[i.row for i in items]], meaning.unit)
    names = {i.rule for i in items}
    rules = []
    for name in [*(rule for rule in GALLERY_ORDER if rule in names), *sorted(names - set(GALLERY_ORDER))]:
        chosen = [i for i in items if i.rule == name]
        reasons = list(dict.fromkeys(i.why for i in chosen))
        rules.append(Rule(name, listed(reasons), tuple(_card(i, pictures, scale, meaning.choice) for i in chosen)))
    h, w = pictures.maps.shape[1:]
    return _Gallery(
        rules=tuple(rules),
        scale=scale,
        meaning=_meaning(meaning),
        grid=(h, w),
        coarse=max(pictures.images.shape[1:3]) < PHOTOGRAPH,
        outlined=pictures.masks is not None,
        choice=meaning.choice,
        budgets=run.evaluation.budgets,
        ordered=any(card.order for rule in rules for card in rule.cards),
        step=next((k for k, b in enumerate(run.evaluation.budgets) if b.trained), None),
    )


def outline(mask: NDArray[np.bool_]) -> str:
    """The border of a mask (H,W) as an SVG path along pixel edges, x right, y down, pixel i covering [i, i+1)."""
    padded = np.pad(mask.astype(np.int8), 1)
    across = np.argwhere(np.diff(padded, axis=0)[:, 1:-1])  # (y, x): an edge from (x, y) to (x+1, y)
    down = np.argwhere(np.diff(padded, axis=1)[1:-1])  # (y, x): an edge from (x, y) to (x, y+1)
    return "".join([f"M{x} {y}h1" for y, x in across.tolist()] + [f"M{x} {y}v1" for y, x in down.tolist()])


def _card(item: Item, pictures: Pictures, scale: Scale, choice: bool) -> Card:
    image, values = pictures.images[item.row], pictures.maps[item.row]
    shared = panels(image, values, scale)
    size = fitted(image.shape[0], image.shape[1], LARGEST)
    layer = {"layer": uri(_covered(values, size), "png")} if choice else {}
    bought = () if pictures.bought is None else pictures.bought[item.row]
    return Card(
        **vars(shared) | layer,
        item=item,
        outline="" if pictures.masks is None else outline(pictures.masks[item.row]),
        drawn="" if pictures.predictions is None else outline(pictures.predictions[item.row]),
        right=item.truth in ("", item.prediction),
        steps=tuple(uri(_covered(step, size), "png") for step in bought),
        order=() if pictures.order is None else _numbered(pictures.order[item.row], image.shape[0], image.shape[1]),
        flat=not shared.high - shared.low > 0.01 * (scale.high - scale.low),
    )


def _numbered(order: NDArray[np.int64], height: int, width: int) -> tuple[tuple[int, float, float], ...]:
    """Numbers of the patches by which something was bought, in that order, each with its middle in the picture."""
    last = int(order.max())
    if not 1 < last <= MOST_NUMBERS:
        return ()
    h, w = order.shape
    places = ((int(order[r, c]), (c + 0.5) * width / w, (r + 0.5) * height / h) for r, c in np.argwhere(order).tolist())
    return tuple(sorted(places))


def panels(image: Picture, values: NDArray[np.floating], scale: Scale) -> Panels:
    """A picture (H,W,3), its map (h,w) on its own grid, and the map interpolated over the picture.

    Args:
        image: the picture.
        values: the map.
        scale: of the colours.
    """
    height, width = image.shape[:2]
    layer = enlarge(values, fitted(height, width, LARGEST))
    low, high = finite_range(values)
    return Panels(
        image=picture_uri(image),
        map=uri(png(colorize(values, scale)), "png"),
        layer=uri(png(colorize(layer, scale)), "png"),
        width=width,
        height=height,
        low=low,
        high=high,
    )


def _covered(values: NDArray[Any], size: tuple[int, int]) -> bytes:
    """A PNG of some size (H,W): grey over what a map (h,w) of a choice leaves out, nothing over what it takes."""
    grey = np.full((*values.shape, 4), GREY, np.uint8)
    grey[..., 3] = np.where(values > 0, 0, 255)
    file = io.BytesIO()
    Image.fromarray(grey).resize(size[::-1], Image.Resampling.NEAREST).save(file, format="PNG", optimize=True)
    return file.getvalue()


def fitted(height: int, width: int, largest: int) -> tuple[int, int]:
    """A size of the same shape whose longer side is at most ``largest``."""
    shrink = min(1.0, largest / max(height, width))
    return max(1, round(height * shrink)), max(1, round(width * shrink))


def picture_uri(image: Picture) -> str:
    """A picture (H,W,3) as data in the page: a PNG where it is small, else a JPEG of at most ``LARGEST`` pixels."""
    if max(image.shape[:2]) < PHOTOGRAPH:
        return uri(png(image), "png")
    picture, file = Image.fromarray(image), io.BytesIO()
    picture.thumbnail((LARGEST, LARGEST))
    picture.save(file, format="JPEG", quality=88)
    return uri(file.getvalue(), "jpeg")


def uri(content: bytes, kind: str) -> str:
    """The bytes of an image file of that ``kind`` as data in the page."""
    return f"data:image/{kind};base64,{base64.b64encode(content).decode('ascii')}"


def _meaning(meaning: MapMeaning) -> str:
    standard = {
        "gate": "A value is the gate's multiplier: 0 closed, 1 open.",
        "bits": "A value is the information, in bits, that the gate lets through at a position.",
        "relevance": "A value is a method's score of relevance; it has no unit.",
    }
    return meaning.meaning or standard[meaning.unit]


def finite_range(values: NDArray[np.floating]) -> tuple[float, float]:
    """The smallest and the largest finite value; NaN where there is none."""
    finite = values[np.isfinite(values)]
    return (float(finite.min()), float(finite.max())) if finite.size else (float("nan"), float("nan"))


def value_range(low: float, high: float) -> str:
    """The smallest and the largest value of a map as text."""
    return interval_text(low, high) or (f"{number(low)} everywhere" if math.isfinite(low) else "undefined")
