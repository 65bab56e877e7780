"""What passes, in bits: of the sampled channel, the one that is priced. Three kinds of bits, never added."""

from __future__ import annotations

import math

import torch
from sklearn.metrics import roc_auc_score
from torch import Tensor

from regard.attention import midpoints
from regard.evaluation.context import Columns, EvaluationContext, ReferenceColumns, Value
from regard.evaluation.observe import Observation, batch_of, forward
from regard.evaluation.sample import open_sample
from regard.metrics import accuracy, bits, label_entropy, label_information, map_information, nll
from regard.training import MapOverrideSplit, sampled_rates, seed_everything
from regard.types import NATS_PER_BIT, RegardError

_BUDGETS = {
    "latent_bits": "budget_bits",
    "gate_bits": "map_budget_bits",
    "code_bits": "code_budget_bits",
    "expected_share": "kept_budget",
}
"""Score -> the field of a recipe's ``objective`` that asks for it."""
_OTHER_IMAGES, _BATCH = 2000, 256


def information(context: EvaluationContext) -> Columns:
    """One-sample bits per image, three kinds that are never added, what the random map's values say of the image, and
    what one sample says of the label; the share of positions that random maps keep, and the map that predicts.
    """
    observation = context.observation
    values: dict[str, Value] = {**observation.rates, **_map_bits(observation)}
    references = []
    if context.with_references:
        if observation.one is not None:
            values["accuracy_one_sample"] = accuracy(observation.one, context.labels)
        if observation.kept is not None:
            values["kept_share"] = observation.kept
        if observation.expected is not None:
            values["expected_share"] = observation.expected
    if context.recipe is not None:
        budgets = {name: getattr(context.recipe.objective, field) for name, field in _BUDGETS.items()}
        wanted = {
            name: float(sum(budget) if isinstance(budget, list) else budget)  # of several layers, each its own
            for name, budget in budgets.items()
            if budget is not None
        }
        references.append(ReferenceColumns("asked for", "control", wanted))
    if observation.anchors is not None:
        positions = sum(gate[0].numel() for gate in observation.gates)
        most = {"code_bits": positions * math.log2(len(observation.anchors))}
        references.append(ReferenceColumns("uniform prior", "ceiling", most))
    is_listed = "latent_bits" in values or not context.with_references
    if observation.one is not None and context.labels.ndim == 1 and is_listed:
        entropy = label_entropy(context.labels)
        values["label_entropy_bits"] = entropy / NATS_PER_BIT
        values["label_bits"] = label_information(nll(observation.one, context.labels), context.labels)
        references.append(ReferenceColumns("H(Y), all there is", "ceiling", {"label_bits": float(bits(entropy))}))
        references.append(ReferenceColumns("nothing", "floor", {"label_bits": 0.0}))
    return Columns(values, tuple(references))


def _map_bits(observation: Observation) -> dict[str, Tensor]:
    """Of the last attended layer, in cells of its anchors, else in fine ones; none where the map is not random."""
    if observation.distribution is None:
        return {}
    boundaries = None if observation.anchors is None else midpoints(observation.anchors)
    return {"map_bits": map_information(*observation.distribution, boundaries) / NATS_PER_BIT}


def unknown(context: EvaluationContext) -> Columns:
    """How well the latent rate tells another data set's images from the test images: AUROC, higher rate = unknown."""
    if context.other is None:
        raise RegardError("the measure 'unknown' needs another data set; name one of `regard data list`")
    if isinstance(context.split, MapOverrideSplit):
        raise RegardError("the measure 'unknown' asks about other images, and this run is given its maps (impose.map)")
    if "latent_bits" not in context.observation.rates:
        return Columns()
    rates, known = _other_rates(context, context.other), context.observation.rates["latent_bits"]
    truth = torch.cat([torch.zeros(len(known)), torch.ones(len(rates))])
    auroc = float(roc_auc_score(truth, torch.cat([known, rates])))
    return Columns({"unknown_auroc": auroc, "unknown_latent_bits": rates})


def _other_rates(context: EvaluationContext, other: str) -> Tensor:
    """One-sample latent bits of the other set's images."""
    model, size = context.model, (int(context.model.shape[1]), int(context.model.shape[2]))
    images = open_sample(other, _OTHER_IMAGES, size, seed=context.seed).images
    seed_everything(context.seed, -2)
    parts = []
    for part in images.split(_BATCH):
        output = forward(model, batch_of(part), samples=1)
        parts.append(sampled_rates(model, output)["latent_bits"].cpu())
    return torch.cat(parts) / NATS_PER_BIT
