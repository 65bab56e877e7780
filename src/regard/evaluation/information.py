"""What passes, in bits: of the sampled channel, the one that is priced. Three kinds of bits, never added."""

from __future__ import annotations

import math
from typing import Any

from torch import Tensor

from regard.evaluation.entries import entry, reference
from regard.evaluation.observe import Observation
from regard.metrics import accuracy, bits, label_entropy, label_information, nll
from regard.training import Recipe

RATES = {
    "latent_bits": (
        "Latent rate",
        "What an image's latent may say of image and map, an upper bound on I(Z;X,A): exact KL to the prior.",
        "budget_bits",
    ),
    "gate_bits": (
        "Gate price",
        "What the noise gate lets through, an upper bound on what the features behind it say of those before it.",
        "map_budget_bits",
    ),
    "code_bits": (
        "Map code length",
        "What it costs to send the map's anchors under their learned prior.",
        "code_budget_bits",
    ),
}


def information_scores(seen: Observation, labels: Tensor, recipe: Recipe) -> list[dict[str, Any]]:
    """One-sample accuracy, rates, and the bound on what the latent says of the label."""
    rows: list[dict[str, Any]] = []
    if seen.one is None:
        return rows
    rows.append(
        entry(
            "accuracy_one_sample",
            "information",
            "Accuracy at these bits",
            "Share of right answers with one sampled map and one sampled latent: the channel that the bits price.",
            accuracy(seen.one, labels),
            better="higher",
        )
    )
    for name, (label, meaning, budget) in RATES.items():
        if name not in seen.rates:
            continue
        asked = getattr(recipe.objective, budget)
        beside = [] if asked is None else [reference("asked for", "control", float(asked))]
        if name == "code_bits" and seen.anchors is not None:
            positions = sum(gate[0].numel() for gate in seen.gates)
            beside.append(reference("uniform prior", "ceiling", positions * math.log2(len(seen.anchors))))
        rows.append(entry(name, "information", label, meaning, seen.rates[name], unit="bits", references=beside))
    if seen.kept is not None:
        asked = recipe.objective.kept_budget
        rows.append(
            entry(
                "kept_share",
                "information",
                "Positions kept",
                "Share that the mean map leaves open (a budget is on random ones); of others only the places tell.",
                seen.kept,
                references=[] if asked is None else [reference("asked for", "control", float(asked))],
            )
        )
    if "latent_bits" in seen.rates and labels.ndim == 1:
        entropy = float(bits(label_entropy(labels)))
        rows.append(
            entry(
                "label_bits",
                "information",
                "Said of the label",
                "Lower bound on I(Z;Y), H(Y) minus the cross-entropy of one sampled latent.",
                label_information(nll(seen.one, labels), labels),
                unit="bits",
                better="higher",
                references=[reference("H(Y), all there is", "ceiling", entropy), reference("nothing", "floor", 0.0)],
            )
        )
    return rows
