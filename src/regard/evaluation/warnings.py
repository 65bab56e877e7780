"""What a reader must be told in plain words before believing a picture."""

from __future__ import annotations

from typing import Any

from torch import nn

from regard.attention import ResidualGate
from regard.data import Split
from regard.evaluation.observe import Observation
from regard.models import AttentiveClassifier, TwoStream
from regard.training import MapOverrideSplit, Recipe

_FLAT = 1e-3
_TOLERANCE = 0.10
ORACLE = "it needs people's gaze on every test image: an oracle, not a method"
IMPOSED = {
    "human": f"where people looked at this image; {ORACLE}",
    "human-shuffled": f"where people looked at another image; {ORACLE}",
    "random": "smooth noise with the values of a human map",
    "center": "the mean human map of the training images, the same for every image",
    "uniform": "one everywhere",
}
"""What ``impose.map`` gives, as the end of a sentence."""


def imposed_words(recipe: Recipe, split: Split) -> list[str]:
    """Where the map of a run's test split came from, if it is not the network's."""
    given = recipe.impose.map
    if given is None:
        return []
    told = [f"The map is not the network's but imposed, in training and at test: {IMPOSED[given]}."]
    nobody = split.overrides.without_gaze.get(split.name, 0) if isinstance(split, MapOverrideSplit) else 0
    if nobody:
        told.append(f"Nobody looked at {nobody} of {len(split)} test images; they got the mean map of training images.")
    return told


def plain_words(model: AttentiveClassifier | TwoStream, seen: Observation, rows: list[dict[str, Any]]) -> list[str]:
    """Warnings about the map: nothing to see, not heeded, or something goes around it."""
    told: list[str] = []
    for row in rows:
        asked = [r["value"] for r in row["references"] if r["label"] == "asked for"]
        if asked and abs(row["value"] / asked[0] - 1) > _TOLERANCE:
            told_value = f"{row['value']:.1f} bits" if row["unit"] == "bits" else f"{row['value']:.3f}"
            told.append(
                f"The budget was missed: {row['label'].lower()} is {told_value} on test images where "
                f"{asked[0]:g} was asked for. Train longer, so that the search can settle."
            )
    if not seen.gates:
        return told
    gate = seen.gates[-1]
    spread = float((gate.amax((1, 2, 3)) - gate.amin((1, 2, 3))).median())
    if spread < _FLAT:
        told.append("The map is constant: it has the same value everywhere on most images, so it shows nothing.")
    if not model.cut.is_cut:
        ways = "; ".join(model.cut.bypasses)
        told.append(f"The gate is no cut ({ways}): what the map closes may still be used, and no gate bits are given.")
    elif is_residual(model):
        told.append("The residual gate never closes: background passes at half weight, so the map excludes nothing.")
    by = {row["key"]: row for row in rows}
    heeded = [by[f"accuracy_{key}"]["difference"] for key in ("shuffled", "another") if f"accuracy_{key}" in by]
    if heeded and all(d["high"] is not None and d["high"] >= 0 for d in heeded):
        told.append("The network ignores its map: accuracy does not fall when the map is shuffled or exchanged.")
    return told


def is_residual(model: nn.Module) -> bool:
    """Whether the last attended layer multiplies by 1 + a, which never reaches zero."""
    return any(isinstance(module, ResidualGate) for module in model.modules())
