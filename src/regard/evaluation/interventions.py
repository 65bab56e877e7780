"""Whether the network heeds its map: the map is replaced, everything else stays."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from regard.data import Split
from regard.evaluation.at_once import images_at_once
from regard.evaluation.entries import entry, interval_of, reference
from regard.evaluation.given_maps import given_maps
from regard.evaluation.observe import Observation
from regard.metrics import accuracy, score
from regard.metrics.faithfulness import divergence
from regard.models import AttentiveClassifier
from regard.types import NATS_PER_BIT

SCORED = ("uniform", "shuffled", "another")
LABELS = {"uniform": "a uniform map", "shuffled": "its map shuffled", "another": "another image's map"}


def intervention_scores(
    model: AttentiveClassifier, split: Split, seen: Observation, labels: Tensor, *, seed: int
) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
    """Rows of the table of scores, and every intervention with accuracy, KL and bits.

    KL is from the prediction with the network's own mean map, nats; bits are the latent's exact rate and, where gate
    bits mean something, the gate's price, both with the given map and without noise of the map.
    """
    if not seen.gates:
        return [], []
    own, every = accuracy(seen.mean, labels), torch.arange(len(split))
    rows, all_rows = [], []
    before, bits = ask_with(model, split, list(seen.gates), every)
    all_rows.append(_line("own", "its own map", "As the network made it.", 0.0, own, torch.zeros(len(own)), bits))
    for given in given_maps(seen.gates, seen.anchors, seed=seed):
        after, bits = ask_with(model, split, given.maps, every)
        hits = accuracy(after, labels)
        kl = _divergence(before, after, model.multi_label)
        all_rows.append(_line(given.key, given.label, given.meaning, given.touched, hits, kl, bits))
        if given.key in SCORED:
            rows.append(
                entry(
                    f"accuracy_{given.key}",
                    "interventions",
                    f"Accuracy with {LABELS[given.key]}",
                    f"Accuracy, mean prediction. {given.meaning}",
                    hits,
                    references=[reference("its own map", "control", own)],
                    against=("its own map", own),
                )
            )
    return rows, all_rows


@torch.no_grad()
def ask_with(
    model: AttentiveClassifier, split: Split, maps: list[Tensor], index: Tensor
) -> tuple[Tensor, dict[str, Tensor]]:
    """Probabilities (N,n) and bits an image by name (N,) of some of a split's images, with these maps.

    Args:
        model: put into evaluation mode.
        split: of images.
        maps: an attended layer each (N,1,h,w).
        index: which images (N,).
    """
    model.eval()
    device = next(model.parameters()).device
    parts: list[Tensor] = []
    bits: dict[str, list[Tensor]] = {}
    for part in torch.arange(len(index)).split(images_at_once(split, device)):
        given = [m[part].to(device) for m in maps]
        batch = split.batch(index[part]).to(device)
        output = model(batch.images, samples=0, given=given, stem=batch.stem)
        parts.append(output.probabilities(model.multi_label).float().cpu())
        found = {"latent_bits": output.latent.rate} if output.latent is not None else {}
        prices = [a.price[0].flatten(1).sum(1) for a in output.attention if a.price is not None]
        if prices and model.cut.is_cut:
            found["gate_bits"] = torch.stack(prices).sum(0)
        for name, nats in found.items():
            bits.setdefault(name, []).append(nats.float().cpu() / NATS_PER_BIT)
    return torch.cat(parts), {name: torch.cat(values) for name, values in bits.items()}


def _divergence(before: Tensor, after: Tensor, multi_label: bool) -> Tensor:
    if not multi_label:
        return divergence(before, after)
    pairs = [torch.stack([p, 1 - p], -1).flatten(0, 1) for p in (before, after)]
    return divergence(*pairs).view(before.shape).sum(1)


def _line(
    key: str, label: str, meaning: str, touched: float, hits: Tensor, kl: Tensor, bits: dict[str, Tensor]
) -> dict[str, Any]:
    measured = {"accuracy": hits, "kl": kl} | bits
    numbers = {name: interval_of(score(values)) for name, values in measured.items()}
    return {"key": key, "label": label, "meaning": meaning, "touched": touched} | numbers
