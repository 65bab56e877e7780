"""Where a classifier's map lies: on the object, near its parts, where people look; beside what knows the box alone."""

from __future__ import annotations

from regard.evaluation.localization import object_masks, tolerance
from regard.evaluation.parts import part_scores, split_parts
from regard.evaluation.people import gaze_scores
from regard.metrics import area_share, dilate, energy_inside, pointing_game
from regard.tables.measures.asked import Asked, Measured


def localization(asked: Asked) -> Measured:
    """Share of the map inside the object, the object's share of the image, and pointing; nothing without masks."""
    masks = object_masks(asked.split)
    if masks is None:
        return {}, {}
    pixels = tolerance(masks)
    wide = dilate(masks, pixels)
    found = {"energy_inside": energy_inside(asked.map, wide, negative="clip"), "area_share": area_share(wide)}
    return {}, found | {"pointing": pointing_game(asked.map, masks, tolerance=pixels)}


def parts(asked: Asked) -> Measured:
    """Share of the map near the object's parts, and of maps that know its box alone; nothing without parts."""
    known = split_parts(asked.split)
    if known is None:
        return {}, {}
    images = asked.split.batch([0]).images
    return {}, part_scores(asked.map, *known, (images.shape[-2], images.shape[-1]), seed=asked.seed)[1]


def gaze(asked: Asked) -> Measured:
    """Agreement with where people looked, beside floors that know the box alone and what viewings reach of each other;
    nothing without gaze and boxes.
    """
    known = split_parts(asked.split)
    if known is None or asked.data.gaze is None:
        return {}, {}
    return {}, gaze_scores(asked.map, asked.data.gaze(), known[1], seed=asked.seed)[1]
