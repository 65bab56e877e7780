"""Warnings on a run's page: an imposed map, a missed budget, a map that is constant, without effect or bypassed."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from torch import nn

from regard.attention import ResidualGate
from regard.data import Split
from regard.evaluation.context import EvaluationContext
from regard.evaluation.observe import Observation
from regard.evaluation.rows import TWIN
from regard.metrics import accuracy, paired_difference
from regard.report import Score
from regard.training import MapOverrideSplit, Recipe, divergences, overfitted, read_lines

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


def imposed_warnings(recipe: Recipe, split: Split) -> list[str]:
    """Where the map of a run's test split came from, if it is not the network's."""
    kind = recipe.impose.map
    if kind is None:
        return []
    warnings = [f"The map is not the network's but imposed, in training and at test: {IMPOSED[kind]}."]
    nobody = split.overrides.without_gaze.get(split.name, 0) if isinstance(split, MapOverrideSplit) else 0
    if nobody:
        count = f"{nobody} of {len(split)} test images"
        warnings.append(f"Nobody looked at {count}; they got the mean map of training images.")
    return warnings


def map_warnings(model: Any, observation: Observation, rows: Sequence[Score]) -> list[str]:
    """Warnings about budget and map: missed, constant, without effect, or bypassed."""
    warnings = []
    for row in rows:
        budgets = [r.value for r in row.references if r.label == "asked for"]
        if budgets and abs(row.value / budgets[0] - 1) > _TOLERANCE:
            value = f"{row.value:.1f} bits" if row.unit == "bits" else f"{row.value:.3f}"
            warnings.append(
                f"The budget was missed: {row.label.lower()} is {value} on test images where "
                f"{budgets[0]:g} was asked for. {_remedy(row.key)}"
            )
    if not observation.gates:
        return warnings
    gate = observation.gates[-1]
    if float((gate.amax((1, 2, 3)) - gate.amin((1, 2, 3))).median()) < _FLAT:
        warnings.append("The map is constant: it has the same value everywhere on most images, so it shows nothing.")
    if not model.cut.is_cut:
        ways = "; ".join(model.cut.bypasses)
        effect = "what the map closes may still be used, and no gate bits are given."
        warnings.append(f"Something goes around the gate ({ways}): {effect}")
    elif is_residual(model):
        effect = "background passes at half weight, so the map excludes nothing."
        warnings.append(f"The residual gate never closes: {effect}")
    exchanged = [row.difference for row in rows if row.key in ("accuracy_shuffled", "accuracy_another")]
    if exchanged and all(difference is not None and difference.high >= 0 for difference in exchanged):
        warnings.append(_ignored(rows))
    return warnings


def _ignored(rows: Sequence[Score]) -> str:
    """What an ignored map means beside the plain twin, and the setting to change."""
    by_key = {row.key: row for row in rows}
    text = "The network ignores its map: accuracy does not fall when the map is shuffled or exchanged."
    better = by_key["accuracy_mean"].difference if "accuracy_mean" in by_key else None
    if better is not None and better.sign > 0 and TWIN in better.label:
        text += (
            " That it is clearly better than the plain twin is therefore not due to where it looks: gate and noise also"
            " act alike on all positions."
        )
    if "gate_bits" not in by_key:
        return text
    passing = by_key["gate_bits"]
    asked = [r.value for r in passing.references if r.label == "asked for"]
    lower = f"{(asked[0] if asked else passing.value) / 4:.2g}"
    setting = f"a smaller gate budget than the {asked[0]:g} bits asked for" if asked else "a gate budget"
    return (
        f"{text} Its gate lets {passing.value:,.0f} bits through; where nearly everything passes, the map may be "
        f"anything. Give it {setting}, such as --objective.map_budget_bits {float(lower):g}."
    )


def training_warnings(folder: Path, val_images: int) -> list[str]:
    """Warnings where validation fell while training rose, by the run's journal, and where training diverged."""
    path = folder / "metrics.jsonl"
    warning = overfitted(read_lines(path), val_images) if path.is_file() else None
    remedy = "--optim.lr and --optim.backbone_lr lower, --train.patience, or --train.keep best"
    warnings = [] if warning is None else [f"{warning} Try {remedy}."]
    for record in divergences(folder):
        changes = [
            f"{name} {old:g} to {new:g}" if old is not None else f"{name} to {new:g}"
            for name, (old, new) in record.get("then", {}).items()
        ]
        how = f"with {', '.join(changes)}" if changes else "as before"
        warnings.append(f"Training diverged in epoch {record.get('epoch', 'unknown')} and went on {how}.")
    return warnings


def batch_warnings(recipe: Recipe, train_images: int) -> list[str]:
    """A warning where there were fewer training images than a batch."""
    t = recipe.train
    world = t.devices * t.nodes
    if train_images >= t.batch_size * world:
        return []
    return [
        f"Every step took all {train_images} training images, as they are fewer than a batch ({t.batch_size * world}): "
        "one step an epoch. Give more images, or train for more epochs."
    ]


def probe_warnings(context: EvaluationContext) -> list[str]:
    """A warning where a logistic regression on the frozen features is clearly better than the trained network."""
    if context.probe is None:
        return []
    own, linear = (accuracy(c.observation.mean, context.labels) for c in (context, context.probe))
    difference = paired_difference(own, linear)
    if not difference.high < 0:
        return []
    return [
        f"A linear probe is clearly better: logistic regression on the pretrained features answers "
        f"{float(linear.mean()):.3f} of the test images, this network {float(own.mean()):.3f}. Training destroyed what "
        "the weights knew: start with --model.init probe, lower --optim.backbone_lr, or freeze more (--model.freeze)."
    ]


def _remedy(key: str) -> str:
    if key == "latent_bits":
        return "Train longer, so that the search can settle."
    return "Validation images paid it: give more of them, of the kind that is tested."


def is_residual(model: nn.Module) -> bool:
    """Whether the last attended layer multiplies by 1 + a, which never reaches zero."""
    return any(isinstance(module, ResidualGate) for module in model.modules())
