"""The columns of the table of trials, in one place.

A row is one image, seen by one trained network with the map of one condition:

| column | meaning |
|---|---|
| task, backbone, condition, seed, image | which; `condition` is a name of `CONDITIONS` |
| layer | where the map acts, where it is not the study's default place (empty) |
| alpha | dose of the arms `dose-*`: 0 the human map, 1 none of it |
| performance | of the task on this image: 0 or 1 for classes, F-measure, IoU, ...; more is better |
| auc, sauc, nss, cc, sim, kl, ig | similarity of the map to where people look |
| nss_random, nss_center, nss_observers, ... | the same of a random map, the centre prior (floors), other observers (ceiling) |
| difficulty | share of wrong answers, or loss, of an independent plain ensemble on the image |
| faithfulness | of the map to the network (LeRF - MoRF gap), more is better; faithfulness_random: its floor |
| bits | information that the attention let through |
| robust_NAME | performance under the disturbance NAME |
"""  # noqa: E501 (a table)

from __future__ import annotations

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
