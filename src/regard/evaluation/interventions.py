"""Whether the network heeds its map: the map is replaced, everything else stays."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from regard.data import Split
from regard.evaluation.entries import entry, reference
from regard.evaluation.observe import BATCH, Observation
from regard.metrics import accuracy, controls
from regard.models import AttentiveClassifier
from regard.types import Map


def intervention_scores(
    model: AttentiveClassifier, split: Split, seen: Observation, labels: Tensor, *, seed: int
) -> list[dict[str, Any]]:
    """Accuracy of the mean prediction under other maps; with several layers, all are replaced alike."""
    if not seen.gates:
        return []
    own = accuracy(seen.mean, labels)
    rows = []
    for key, label, meaning, maps in (
        (
            "uniform",
            "Accuracy with a uniform map",
            "Every position gets the image's own mean.",
            [_flat(g) for g in seen.gates],
        ),
        (
            "shuffled",
            "Accuracy with its map shuffled",
            "The image's own values at random positions.",
            _shuffled(seen.gates, seed),
        ),
        (
            "another",
            "Accuracy with another image's map",
            "The map that the network made for another image.",
            [controls.permuted(Map(g, "gate"), seed=seed).values for g in seen.gates],
        ),
    ):
        rows.append(
            entry(
                f"accuracy_{key}",
                "interventions",
                label,
                f"Accuracy, mean prediction. {meaning}",
                accuracy(_predict(model, split, maps), labels),
                references=[reference("its own map", "control", own)],
                against=("its own map", own),
            )
        )
    return rows


@torch.no_grad()
def _predict(model: AttentiveClassifier, split: Split, maps: list[Tensor]) -> Tensor:
    model.eval()
    device = next(model.parameters()).device
    parts = []
    for part in torch.arange(len(split)).split(BATCH):
        given = [m[part].to(device) for m in maps]
        output = model(split.batch(part).images.to(device), samples=0, given=given)
        parts.append(output.probabilities(model.multi_label).float().cpu())
    return torch.cat(parts)


def _flat(gate: Tensor) -> Tensor:
    return gate.mean((2, 3), keepdim=True).expand_as(gate)


def _shuffled(gates: tuple[Tensor, ...], seed: int) -> list[Tensor]:
    generator = torch.Generator().manual_seed(seed)
    shuffled = []
    for gate in gates:
        flat = gate.flatten(1)
        order = torch.rand(flat.shape, generator=generator).argsort(1)
        shuffled.append(flat.gather(1, order).reshape(gate.shape))
    return shuffled
