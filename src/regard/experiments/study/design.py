"""The study's conditions: where the attention map of each comes from.

Sources: arXiv 1906.08764 for `human`, `implicit` and `explicit`; the shuffled, random and mask-supervised controls
answer whether a gain comes from where people look: in VQA, random cues matched the gains of human attention (Shrestha
2020).

The columns of the table of trials, in one place.

A row is one image, seen by one trained network with the map of one condition:

| column | meaning |
|---|---|
| task, backbone, condition, seed, image | which; `condition` is a name of `CONDITIONS` |
| layer | where the map acts, where it is not the study's default place (empty) |
| alpha | dose of the arms `dose-*`: 0 the human map, 1 none of it |
| performance | of the task on this image: 0 or 1 for classes, F-measure, IoU, ...; more is better |
| auc, sauc, nss, cc, sim, kl, ig | similarity of the map to where people look |
| nss_random, nss_center, nss_observers, ... | the same of a random map, the centre prior, other observers |
| difficulty | share of wrong answers, or loss, of an independent plain ensemble on the image |
| faithfulness | of the map to the network (LeRF - MoRF gap), more is better; faithfulness_random: its floor |
| bits | information that the attention let through |
| robust_NAME | performance under the disturbance NAME |
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True)
class Condition:
    """One arm of the study.

    Attributes:
        map: `none`; `imposed` from outside, also while testing; `learned` by the network.
        said: what it is, in a few words.
    """

    map: Literal["none", "imposed", "learned"]
    said: str


CONDITIONS: dict[str, Condition] = {
    "none": Condition("none", "no attention"),
    "uniform": Condition("imposed", "the constant 1"),
    "random": Condition("imposed", "smooth noise, new for each image, with the values of the human map"),
    "center": Condition("imposed", "mean human map of the train split"),
    "implicit": Condition("learned", "learned from the task alone"),
    "bottleneck": Condition("learned", "learned under an information budget"),
    "bottleneck-quantized": Condition("learned", "learned under an information budget, quantized to anchors"),
    "explicit": Condition("learned", "aligned with the human map in training; no gaze at test"),
    "explicit-shuffled": Condition("learned", "aligned with another image's human map in training"),
    "mask-supervised": Condition("learned", "aligned with the object's mask in training: localisation without gaze"),
    "human": Condition("imposed", "the human map, at test too: an oracle that needs gaze"),
    "human-shuffled": Condition("imposed", "another image's human map"),
    "dose-noise": Condition("imposed", "(1-alpha) human map + alpha noise, in the network of `human`"),
    "dose-shuffled": Condition("imposed", "(1-alpha) human map + alpha another image's, in the network of `human`"),
    "dose-displaced": Condition("imposed", "(1-alpha) human map + alpha the same moved, in the network of `human`"),
    "dose-mask": Condition("imposed", "(1-alpha) human map + alpha the object's mask, in the network of `human`"),
}
"""By the name that the column `condition` holds."""

LEARNED = tuple(name for name, condition in CONDITIONS.items() if condition.map == "learned")
"""Arms whose map the network makes: the only ones in which similarity could vary by itself."""
DOSES = ("dose-noise", "dose-shuffled", "dose-displaced", "dose-mask")
"""Arms whose rows carry a dose alpha: 0 the human map, 1 none of it."""


KEYS = ("task", "backbone", "condition", "layer", "alpha", "seed", "image")
"""Together they name a row."""
WORDS = ("task", "backbone", "condition", "layer", "image")
"""Keys that are text."""
METRICS = ("auc", "sauc", "nss", "cc", "sim", "kl", "ig")
LOWER = ("kl",)
"""Metrics of which less is better."""
ANCHORS = ("random", "center", "observers")
"""What similarity stands beside: two floors and the ceiling."""
ANCHORED = tuple(f"{metric}_{anchor}" for metric in METRICS for anchor in ANCHORS)
MEASURED = ("performance", *METRICS, *ANCHORED, "difficulty", "faithfulness", "faithfulness_random", "bits")
ROBUST = "robust_"
"""Prefix of the columns of disturbances."""
UNIT_INTERVAL = ("auc", "sauc", "sim", *(f"{m}_{a}" for m in ("auc", "sauc", "sim") for a in ANCHORS))
