"""Whether a classifier heeds its map, and whether the map stays where the prediction does: of some test images."""

from __future__ import annotations

import torch
from torch import Tensor

from regard.evaluation.at_once import images_at_once
from regard.evaluation.given_maps import given_maps
from regard.evaluation.in_turn import judged
from regard.evaluation.interventions import ask_with
from regard.metrics import Removal, accuracy, controls, lerf_morf_gap
from regard.metrics.consistency import Consistency, high_pass, low_pass, overwrite
from regard.metrics.similarity import cosine
from regard.tables.measures.asked import Asked, Measured
from regard.training import WithMaps
from regard.types import Map

FAITHFUL_IMAGES, FAITHFUL_STEPS = 48, 12
GIVEN_IMAGES = 512
CONSISTENT_IMAGES, THRESHOLD = 128, 0.9
WINDOW, RADIUS = 4, 4
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
    if len(index) < 2 or isinstance(asked.split, WithMaps):
        return {}, {}
    images, classes = asked.split.batch(index).images.cpu(), asked.seen.mean[index].argmax(1)
    own = Map(asked.map.values[index], asked.map.unit)
    window = (max(1, images.shape[2] // WINDOW), max(1, images.shape[3] // WINDOW))
    content = images[controls.derangement(len(images), seed=asked.seed)]
    changes = {
        "colour": overwrite(images, index=index, window=window, seed=asked.seed),
        "content": overwrite(images, content, index=index, window=window, seed=asked.seed),
        "low": low_pass(images, radius=RADIUS),
        "high": high_pass(images, radius=RADIUS),
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
