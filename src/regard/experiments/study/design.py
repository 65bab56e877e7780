"""The study's conditions, and the columns of its table of trials.

A condition says where the attention map comes from. Sources: arXiv 1906.08764 for `human`, `implicit` and `explicit`;
the shuffled, random and mask-supervised controls answer whether a gain comes from where people look: in VQA, random
cues matched the gains of human attention (Shrestha 2020).

A row of the table of trials is one image, seen by one trained network with the map of one condition:

| column | meaning |
|---|---|
| task, backbone, condition, seed, image | key; `condition` is a name of `CONDITIONS` |
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
        map: `none`; `override`: given from outside, also at test; `learned` by the network.
        meaning: what it is, in a few words.
    """

    map: Literal["none", "override", "learned"]
    meaning: str


CONDITIONS: dict[str, Condition] = {
    "none": Condition("none", "no attention"),
    "uniform": Condition("override", "the constant 1"),
    "random": Condition("override", "smooth noise, new for each image, with the values of the human map"),
    "center": Condition("override", "mean human map of the train split"),
    "implicit": Condition("learned", "learned from the task alone"),
    "bottleneck": Condition("learned", "learned under an information budget"),
    "bottleneck-quantized": Condition("learned", "learned under an information budget, quantized to anchors"),
    "explicit": Condition("learned", "aligned with the human map in training; no gaze at test"),
    "explicit-shuffled": Condition("learned", "aligned with another image's human map in training"),
    "mask-supervised": Condition("learned", "aligned with the object's mask in training: localisation without gaze"),
    "human": Condition("override", "the human map, at test too: an oracle that needs gaze"),
    "human-shuffled": Condition("override", "another image's human map"),
    "dose-noise": Condition("override", "(1-alpha) human map + alpha noise, in the network of `human`"),
    "dose-shuffled": Condition("override", "(1-alpha) human map + alpha another image's, in the network of `human`"),
    "dose-displaced": Condition("override", "(1-alpha) human map + alpha the same moved, in the network of `human`"),
    "dose-mask": Condition("override", "(1-alpha) human map + alpha the object's mask, in the network of `human`"),
}
"""Name -> condition, in the order of tables."""

LEARNED = tuple(name for name, condition in CONDITIONS.items() if condition.map == "learned")
"""Conditions whose map the network makes: the only ones in which similarity varies by itself."""
DOSES = ("dose-noise", "dose-shuffled", "dose-displaced", "dose-mask")
"""Conditions whose rows have a dose alpha: 0 the human map, 1 none of it."""

KEYS = ("task", "backbone", "condition", "layer", "alpha", "seed", "image")
"""Together they identify a row."""
TEXT_KEYS = ("task", "backbone", "condition", "layer", "image")
"""Keys that are text."""
SIMILARITY_METRICS = ("auc", "sauc", "nss", "cc", "sim", "kl", "ig")
DISTANCES = ("kl",)
"""Metrics that are lower for closer maps."""
ANCHORS = ("random", "center", "observers")
"""References of similarity: two floors and the ceiling."""
ANCHORED = tuple(f"{metric}_{anchor}" for metric in SIMILARITY_METRICS for anchor in ANCHORS)
MEASURED_COLUMNS = (
    "performance",
    *SIMILARITY_METRICS,
    *ANCHORED,
    "difficulty",
    "faithfulness",
    "faithfulness_random",
    "bits",
)
ROBUST_PREFIX = "robust_"
"""Prefix of the columns of disturbances."""
UNIT_INTERVAL = ("auc", "sauc", "sim", *(f"{m}_{a}" for m in ("auc", "sauc", "sim") for a in ANCHORS))
