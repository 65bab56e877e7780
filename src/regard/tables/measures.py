"""What a cell measures of a trained classifier: numbers of the whole, and one value a test image."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import torch
from sklearn.metrics import roc_auc_score
from torch import Tensor

from regard.data import Split
from regard.evaluation.judging.sample import open_sample
from regard.evaluation.localization import object_masks, tolerance
from regard.evaluation.observe import SAMPLES, Observation, observe
from regard.metrics import (
    Removal,
    accuracy,
    area_share,
    calibration_error,
    controls,
    dilate,
    energy_inside,
    label_entropy,
    label_information,
    lerf_morf_gap,
    nll,
    pointing_game,
)
from regard.models import AttentiveClassifier
from regard.training import sampled_rates, seed_everything
from regard.types import NATS_PER_BIT, Map, RegardError

FAITHFUL_IMAGES, FAITHFUL_STEPS = 48, 12
OTHER_IMAGES = 2000

Measured = tuple[dict[str, Any], dict[str, Tensor]]
"""Numbers by name, and tensors by name with one value an image (N,)."""


@dataclass(frozen=True)
class Asked:
    """A model and the split that it is asked about.

    Attributes:
        model: in evaluation mode.
        split: N images.
        seed: of what is sampled.
        other: what counts as unknown: a folder of images, or a data set's name.
    """

    model: AttentiveClassifier
    split: Split
    seed: int
    other: str | None = None

    @cached_property
    def seen(self) -> Observation:
        """What the model said, in one pass for all measures."""
        return observe(self.model, self.split, seed=self.seed)

    @property
    def labels(self) -> Tensor:
        """Of the split (N,) or (N,n)."""
        return self.split.labels.cpu()


def prediction(asked: Asked) -> Measured:
    """Accuracy and NLL of the mean, accuracy of one sample and of several; calibration error of the mean."""
    seen, labels = asked.seen, asked.labels
    arrays = {"accuracy_mean": accuracy(seen.mean, labels), "nll": nll(seen.mean, labels)}
    if seen.one is not None and seen.several is not None:
        arrays["accuracy_one_sample"] = accuracy(seen.one, labels)
        arrays[f"accuracy_{SAMPLES}_samples"] = accuracy(seen.several, labels)
    if labels.ndim != 1:
        return {}, arrays
    found = calibration_error(seen.mean.max(1).values, arrays["accuracy_mean"])
    return {"calibration_error": found.error, "calibration_floor": found.floor}, arrays


def information(asked: Asked) -> Measured:
    """One-sample bits an image, three kinds that are never added, and what one sample says of the label."""
    seen, labels = asked.seen, asked.labels
    arrays = dict(seen.rates)
    if seen.one is None or labels.ndim != 1:
        return {}, arrays
    arrays["label_bits"] = label_information(nll(seen.one, labels), labels)
    return {"label_entropy_bits": label_entropy(labels) / NATS_PER_BIT}, arrays


def localization(asked: Asked) -> Measured:
    """Share of the map inside the object, the object's share of the image, and pointing; nothing without masks."""
    map, masks = asked.seen.map, object_masks(asked.split)
    if map is None or masks is None:
        return {}, {}
    pixels = tolerance(masks)
    wide = dilate(masks, pixels)
    found = {"energy_inside": energy_inside(map, wide), "area_share": area_share(wide)}
    return {}, found | {"pointing": pointing_game(map, masks, tolerance=pixels)}


def faithfulness(asked: Asked) -> Measured:
    """Deletion gap, LeRF minus MoRF with the mean colour, of the first images, and that of random maps."""
    seen = asked.seen
    if seen.map is None:
        return {}, {}
    index = torch.arange(min(FAITHFUL_IMAGES, len(asked.split)))
    images, classes = asked.split.batch(index).images, seen.mean[index].argmax(1)
    own = Map(seen.map.values[index], seen.map.unit)
    device = next(asked.model.parameters()).device

    def predict(x: Tensor) -> Tensor:
        return asked.model.predict(x.to(device)).cpu()

    removal = Removal(steps=FAITHFUL_STEPS, baseline="mean", seed=asked.seed, batch_size=256)
    random = controls.random_like(own, index=index, seed=asked.seed)
    gaps = (lerf_morf_gap(predict, images, map, classes, removal=removal).gap for map in (own, random))
    return {}, dict(zip(("deletion_gap", "deletion_gap_random"), gaps, strict=True))


def unknown(asked: Asked) -> Measured:
    """How well the latent rate tells another data set's images from the test images: AUROC, higher rate = unknown."""
    if asked.other is None:
        raise RegardError("the measure 'unknown' needs another data set; name one of `regard data list`")
    if "latent_bits" not in asked.seen.rates:
        return {}, {}
    rate = _rates(asked)
    known = asked.seen.rates["latent_bits"]
    truth = torch.cat([torch.zeros(len(known)), torch.ones(len(rate))])
    return {"unknown_auroc": float(roc_auc_score(truth, torch.cat([known, rate])))}, {"unknown_latent_bits": rate}


@torch.no_grad()
def _rates(asked: Asked) -> Tensor:
    """One-sample latent bits of the other set's images."""
    model, device = asked.model, next(asked.model.parameters()).device
    size = (int(model.shape[1]), int(model.shape[2]))
    images = open_sample(asked.other or "", OTHER_IMAGES, size, seed=asked.seed).images
    seed_everything(asked.seed, -2)
    parts = [sampled_rates(model, model(part.to(device), samples=1))["latent_bits"].cpu() for part in images.split(256)]
    return torch.cat(parts) / NATS_PER_BIT


MEASURES: dict[str, Callable[[Asked], Measured]] = {
    "prediction": prediction,
    "information": information,
    "localization": localization,
    "faithfulness": faithfulness,
    "unknown": unknown,
}
