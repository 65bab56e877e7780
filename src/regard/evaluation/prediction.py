"""How well it predicts, beside its plain twin and the floor of always saying the most frequent class.

Mean average precision over labels, by torchmetrics: the number of sets whose items have several labels.

What passes, in bits: of the sampled channel, the one that is priced. Three kinds of bits, never added.

What a classifier says: how often it is right, how sure it is, and how many bits it takes.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import torch
from sklearn.metrics import roc_auc_score
from torch import Tensor
from torchmetrics.functional.classification import multilabel_average_precision

from regard.attention import midpoints
from regard.evaluation.context import Asked, Measured
from regard.evaluation.entries import entry, reference
from regard.evaluation.observe import Observation, observe
from regard.evaluation.sample import open_sample
from regard.metrics import accuracy, bits, calibration_error, label_entropy, label_information, map_information, nll
from regard.training import MapOverrideSplit, Recipe, sampled_rates, seed_everything
from regard.types import NATS_PER_BIT, RegardError


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


ALONE = {"flow": "the flow alone", "rgb": "the image alone"}


def mean_average_precision(probabilities: Tensor, targets: Tensor) -> tuple[float, int]:
    """Mean over the labels that occur of the area under precision and recall, and how many labels do not occur.

    Args:
        probabilities: (N,n).
        targets: 0/1 (N,n).
    """
    known = targets.sum(0) > 0
    if not bool(known.any()):
        return float("nan"), int((~known).sum())
    own = multilabel_average_precision(
        probabilities[:, known].float(), targets[:, known].long(), int(known.sum()), average="none"
    )
    assert isinstance(own, Tensor)
    return float(own.reshape(-1).mean()), int((~known).sum())


def average_precision_score(
    mean: Tensor, targets: Tensor, twin: Tensor | None, streams: Mapping[str, Tensor]
) -> dict[str, Any]:
    """The row of the table: a number of the whole split, so without an interval over items.

    The floor is the mean share of items that have a label: what a random order reaches in the long run.
    """
    value, absent = mean_average_precision(mean, targets)
    present = targets.float().mean(0)
    floor = float(present[present > 0].mean()) if bool((present > 0).any()) else float("nan")
    beside = [{"label": "random order", "role": "floor", "value": floor}]
    if twin is not None:
        beside.append({"label": "plain twin", "role": "control", "value": mean_average_precision(twin, targets)[0]})
    for name, said in streams.items():
        beside.append({"label": ALONE[name], "role": "control", "value": mean_average_precision(said, targets)[0]})
    return {
        "key": "map",
        "group": "prediction",
        "label": "Mean average precision (mAP)",
        "meaning": "Area under precision and recall of each label's ranking of all clips, mean over labels.",
        "unit": "",
        "better": "higher",
        "value": _number(value),
        "low": None,
        "high": None,
        "n": len(targets),
        "undefined": {"labels that no clip has": absent} if absent else {},
        "references": [{**one, "value": _number(one["value"])} for one in beside],
        "difference": None,
    }


def _number(value: Any) -> float | None:
    return None if torch.tensor(float(value)).isnan() else float(value)


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


OTHER_IMAGES = 2000


def prediction(asked: Asked) -> Measured:
    """Accuracy and NLL of the mean, accuracy of one sample; calibration error of the mean."""
    seen, labels = asked.seen, asked.labels
    arrays = {"accuracy_mean": accuracy(seen.mean, labels), "nll": nll(seen.mean, labels)}
    if seen.one is not None:
        arrays["accuracy_one_sample"] = accuracy(seen.one, labels)
    if labels.ndim != 1:
        return {}, arrays
    found = calibration_error(seen.mean.max(1).values, arrays["accuracy_mean"])
    return {"calibration_error": found.error, "calibration_floor": found.floor}, arrays


def samples(asked: Asked) -> Measured:
    """Accuracy averaged over several samples; nothing where nothing is random.

    Apart from `prediction`, as it costs a run of the layers behind the attention for every sample.
    """
    seen = observe(asked.model, asked.split, seed=asked.seed)
    return {}, {f"accuracy_{n}_samples": accuracy(averaged, asked.labels) for n, averaged in seen.averaged.items()}


def information(asked: Asked) -> Measured:
    """One-sample bits an image, three kinds that are never added, what the random map's values say of the image, and
    what one sample says of the label.
    """
    seen, labels = asked.seen, asked.labels
    arrays = seen.rates | _map_bits(seen)
    if seen.one is None or labels.ndim != 1:
        return {}, arrays
    arrays["label_bits"] = label_information(nll(seen.one, labels), labels)
    return {"label_entropy_bits": label_entropy(labels) / NATS_PER_BIT}, arrays


def _map_bits(seen: Observation) -> dict[str, Tensor]:
    """Of the last attended layer, in cells of its anchors, else in fine ones; none where the map is not random."""
    if seen.distribution is None:
        return {}
    boundaries = None if seen.anchors is None else midpoints(seen.anchors)
    return {"map_bits": map_information(*seen.distribution, boundaries) / NATS_PER_BIT}


def unknown(asked: Asked) -> Measured:
    """How well the latent rate tells another data set's images from the test images: AUROC, higher rate = unknown."""
    if asked.other is None:
        raise RegardError("the measure 'unknown' needs another data set; name one of `regard data list`")
    if isinstance(asked.split, MapOverrideSplit):
        raise RegardError("the measure 'unknown' asks about other images, and this run is given its maps (impose.map)")
    if "latent_bits" not in asked.seen.rates:
        return {}, {}
    rate = _rates(asked)
    known = asked.seen.rates["latent_bits"]
    truth = torch.cat([torch.zeros(len(known)), torch.ones(len(rate))])
    return {"unknown_auroc": float(roc_auc_score(truth, torch.cat([known, rate])))}, {"unknown_latent_bits": rate}


@torch.no_grad()
def _rates(asked: Asked) -> Tensor:
    """One-sample latent bits of the other set's images."""
    model, device = asked.model, asked.device
    size = (int(model.shape[1]), int(model.shape[2]))
    images = open_sample(asked.other or "", OTHER_IMAGES, size, seed=asked.seed).images
    seed_everything(asked.seed, -2)
    parts = [sampled_rates(model, model(part.to(device), samples=1))["latent_bits"].cpu() for part in images.split(256)]
    return torch.cat(parts) / NATS_PER_BIT
