"""How well it predicts, beside its plain twin and the floor of always saying the most frequent class."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from regard.evaluation.entries import entry, reference
from regard.evaluation.observe import Observation
from regard.metrics import accuracy, calibration_error, nll


def prediction_scores(seen: Observation, twin: Observation | None, labels: Tensor) -> list[dict[str, Any]]:
    """Accuracy, NLL and calibration of the mean prediction, accuracy averaged over samples."""
    rows = []
    hits, surprise = accuracy(seen.mean, labels), nll(seen.mean, labels)
    beside = [] if twin is None else [reference("plain twin", "control", accuracy(twin.mean, labels))]
    if labels.ndim == 1:
        common = float(torch.bincount(labels).max() / len(labels))
        beside.append(reference("most frequent class", "floor", common))
    rows.append(
        entry(
            "accuracy_mean",
            "prediction",
            "Accuracy, mean prediction",
            "Share of right answers with the mean map and the mean latent, without noise: how the model is used.",
            hits,
            better="higher",
            references=beside,
            against=None if twin is None else ("plain twin", accuracy(twin.mean, labels)),
        )
    )
    for samples, probabilities in seen.averaged.items():
        rows.append(
            entry(
                f"accuracy_{samples}_samples",
                "prediction",
                f"Accuracy, {samples} samples averaged",
                f"Share of right answers with the prediction averaged over {samples} random maps and latents.",
                accuracy(probabilities, labels),
                better="higher",
            )
        )
    rows.append(
        entry(
            "nll",
            "prediction",
            "Negative log-likelihood",
            "Surprise at the true label, mean prediction.",
            surprise,
            unit="nats",
            better="lower",
            references=[] if twin is None else [reference("plain twin", "control", nll(twin.mean, labels))],
            against=None if twin is None else ("plain twin", nll(twin.mean, labels)),
        )
    )
    if labels.ndim == 1:
        rows.append(_calibration(seen.mean, hits, None if twin is None else twin.mean, labels))
    return rows


def _calibration(mean: Tensor, hits: Tensor, twin: Tensor | None, labels: Tensor) -> dict[str, Any]:
    own = calibration_error(mean.max(1).values, hits)
    floor = {"label": "perfectly calibrated, this many images", "role": "ceiling", "value": own.floor}
    beside: list[dict[str, Any]] = [floor]
    if twin is not None:
        other = calibration_error(twin.max(1).values, accuracy(twin, labels))
        numbers = {"value": other.error, "low": other.low, "high": other.high}
        beside.append({"label": "plain twin", "role": "control", **numbers})
    return {
        "key": "calibration_error",
        "group": "prediction",
        "label": "Calibration error",
        "meaning": "Mean distance between confidence and accuracy over 15 bins of confidence.",
        "unit": "",
        "better": "lower",
        "value": own.error,
        "low": own.low,
        "high": own.high,
        "n": len(hits),
        "undefined": {},
        "references": beside,
        "difference": None,
    }
