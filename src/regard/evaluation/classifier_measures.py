"""Whether a classifier heeds its map, and whether the map stays where the prediction does: of some test images.

Where a classifier's map lies: on the object, near its parts, where people look; beside what knows the box alone.

What a cell measures of a trained classifier: numbers of the whole, and one value a test image; by name.

Not here: the measures themselves (metrics), a run's own page (evaluation).
"""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

from regard.evaluation.context import Asked, Measured
from regard.evaluation.faithfulness import judged
from regard.evaluation.gaze import gaze_scores
from regard.evaluation.interventions import ask_with, given_maps
from regard.evaluation.localization import object_masks, part_scores, split_parts, tolerance
from regard.evaluation.observe import images_at_once
from regard.evaluation.prediction import information, prediction, samples, unknown
from regard.metrics import (
    Consistency,
    Removal,
    accuracy,
    area_share,
    controls,
    cosine,
    dilate,
    energy_inside,
    high_pass,
    lerf_morf_gap,
    low_pass,
    overwrite,
    pointing_game,
)
from regard.training import MapOverrideSplit
from regard.types import Map

FAITHFUL_IMAGES, FAITHFUL_STEPS = 48, 12
GIVEN_IMAGES = 512
CONSISTENT_IMAGES, THRESHOLD = 128, 0.9
_WINDOW, _RADIUS = 4, 4
"""A window's side is a quarter of the image's, 8 of 32 pixels, and frequencies are cut at radius 4, as in the paper."""


def faithfulness(asked: Asked) -> Measured:
    """Deletion gap, LeRF minus MoRF with the mean colour, and that of random maps."""
    index = asked.some(FAITHFUL_IMAGES)
    batch, classes = asked.split.batch(index), asked.seen.mean[index].argmax(1)
    own = Map(asked.map.values[index], asked.map.unit)
    at_once = images_at_once(asked.split, asked.device)
    removal = Removal(steps=FAITHFUL_STEPS, baseline="mean", seed=asked.seed, batch_size=at_once)
    random = controls.random_like(own, index=index, seed=asked.seed)
    gaps = (judged(lerf_morf_gap, asked.model, batch, map, classes, removal).gap for map in (own, random))
    return {}, dict(zip(("deletion_gap", "deletion_gap_random"), gaps, strict=True))


def interventions(asked: Asked) -> Measured:
    """Accuracy with the image's own map, its mean everywhere, and another image's; nothing without a gate."""
    index = asked.some(GIVEN_IMAGES)
    gates = tuple(gate[index] for gate in asked.seen.gates)
    if not gates or len(index) < 2:
        return {}, {}
    labels = asked.labels[index]
    found = {"accuracy_own_map": accuracy(asked.seen.mean[index], labels)}
    for given in given_maps(gates, None, seed=asked.seed):
        if given.key in ("uniform", "another"):
            said, _ = ask_with(asked.model, asked.split, given.maps, index)
            found[f"accuracy_{given.key}_map"] = accuracy(said, labels)
    return {}, found


def interpretability(asked: Asked) -> Measured:
    """The paper's score: share of maps that stay (cosine above .9) where the prediction stays, under four changes.

    A constant map has 1, so another image's map stands beside it: what maps of this network have in common. Nothing
    where the map is imposed: it stays whatever changes.
    """
    index = asked.some(CONSISTENT_IMAGES)
    if len(index) < 2 or isinstance(asked.split, MapOverrideSplit):
        return {}, {}
    images, classes = asked.split.batch(index).images.cpu(), asked.seen.mean[index].argmax(1)
    own = Map(asked.map.values[index], asked.map.unit)
    window = (max(1, images.shape[2] // _WINDOW), max(1, images.shape[3] // _WINDOW))
    content = images[controls.derangement(len(images), seed=asked.seed)]
    changes = {
        "colour": overwrite(images, index=index, window=window, seed=asked.seed),
        "content": overwrite(images, content, index=index, window=window, seed=asked.seed),
        "low": low_pass(images, radius=_RADIUS),
        "high": high_pass(images, radius=_RADIUS),
    }
    kept = {key: _kept(asked, own, classes, changed) for key, changed in changes.items()}
    chance = cosine(own, controls.permuted(own, seed=asked.seed)) > THRESHOLD
    return {}, {
        "consistent_spatial": torch.stack([kept["colour"], kept["content"]]).nanmean(0),
        "consistent_frequency": torch.stack([kept["low"], kept["high"]]).nanmean(0),
        "consistent_another": chance.double(),
    }


def _kept(asked: Asked, own: Map, classes: Tensor, changed: Tensor) -> Tensor:
    """Whether maps stay (B,), NaN where the prediction does not; what images were before is known."""
    parts = torch.arange(len(changed)).split(images_at_once(asked.split, asked.device))
    looked = [asked.look(changed[part], classes[part]) for part in parts]
    said, values = (torch.cat(found) for found in zip(*looked, strict=True))
    similar = cosine(own, Map(values, own.unit))
    return Consistency((said.argmax(1) == classes).double(), similar).score(THRESHOLD)


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


MEASURES: dict[str, Callable[[Asked], Measured]] = {
    "prediction": prediction,
    "samples": samples,
    "information": information,
    "localization": localization,
    "parts": parts,
    "gaze": gaze,
    "faithfulness": faithfulness,
    "interventions": interventions,
    "interpretability": interpretability,
    "unknown": unknown,
}

__all__ = ["MEASURES", "Asked", "Measured"]
