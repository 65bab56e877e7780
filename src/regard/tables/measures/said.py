"""What a classifier says: how often it is right, how sure it is, and how many bits it takes."""

from __future__ import annotations

import torch
from sklearn.metrics import roc_auc_score
from torch import Tensor

from regard.attention.quantizer import midpoints
from regard.evaluation.judging.sample import open_sample
from regard.evaluation.observe import Observation, observe
from regard.metrics import accuracy, calibration_error, label_entropy, label_information, map_information, nll
from regard.tables.measures.asked import Asked, Measured
from regard.training import WithMaps, sampled_rates, seed_everything
from regard.types import NATS_PER_BIT, RegardError

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
    if isinstance(asked.split, WithMaps):
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
