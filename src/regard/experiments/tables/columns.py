"""The columns of a table: where each comes from in a cell's result, and which way is better."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from regard.evaluation import ANOTHER, CENTRE_BOX, EVERY_SAMPLES, OBSERVERS, UNIFORM_BOX

Better = Literal["higher", "lower"] | None


@dataclass(frozen=True)
class Column:
    """A column.

    Attributes:
        label: its head.
        meaning: one sentence.
        key: name in a cell's arrays where there is one value per image, else in its values.
        per_image: whether there is one value per image.
        better: which way, if one is.
        unit: of the values.
        percent: shown as one.
    """

    label: str
    meaning: str
    key: str
    per_image: bool = True
    better: Better = None
    unit: str = ""
    percent: bool = False


def _per_image(
    label: str, meaning: str, key: str, better: Better = None, unit: str = "", percent: bool = False
) -> Column:
    return Column(label, meaning, key, True, better, unit, percent)


def _per_run(
    label: str, meaning: str, key: str, better: Better = None, unit: str = "", percent: bool = False
) -> Column:
    return Column(label, meaning, key, False, better, unit, percent)


def _samples(n: int) -> Column:
    meaning = f"Accuracy averaged over {n} sampled maps and latents, last epoch."
    return _per_image(f"{n} samples", meaning, f"accuracy_{n}_samples", "higher", percent=True)


COLUMNS: dict[str, Column] = {
    "accuracy_mean": _per_image(
        "accuracy", "Mean map and mean latent, last epoch.", "accuracy_mean", "higher", percent=True
    ),
    "accuracy_one_sample": _per_image(
        "one sample",
        "Accuracy with one sampled map and latent, the channel that bits price, last epoch.",
        "accuracy_one_sample",
        "higher",
        percent=True,
    ),
    **{f"accuracy_{n}_samples": _samples(n) for n in EVERY_SAMPLES},
    "best_accuracy_mean": _per_image(
        "accuracy, best on validation",
        "Mean map and mean latent, epoch with the highest validation accuracy.",
        "best/accuracy_mean",
        "higher",
        percent=True,
    ),
    "relative_error": _per_image(
        "error against the reference",
        "Test errors as a change from the reference's, last epoch: -10 % is one error in ten less.",
        "accuracy_mean",
        "lower",
        percent=True,
    ),
    "nll": _per_image("NLL", "Negative log-likelihood of the true label, mean prediction.", "nll", "lower", "nats"),
    "calibration_error": _per_run(
        "ECE", "Distance of confidence from accuracy, 15 bins, mean prediction.", "calibration_error", "lower"
    ),
    "calibration_floor": _per_run(
        "ECE if calibrated", "What so many images would score if confidence were accuracy.", "calibration_floor"
    ),
    "latent_bits": _per_image("latent", "Rate of the latent, exact KL, one sample.", "latent_bits", unit="bits"),
    "gate_bits": _per_image("gate", "Price of what the noise gate lets through, one sample.", "gate_bits", unit="bits"),
    "code_bits": _per_image("map code", "Code length of the quantized map, one sample.", "code_bits", "lower", "bits"),
    "map_bits": _per_image(
        "map says",
        "What the random map's values tell about the image, each position alone, added up: an upper bound.",
        "map_bits",
        "lower",
        "bits",
    ),
    "label_bits": _per_image(
        "about the label",
        "Lower bound on I(Z;Y): H(Y) minus the cross-entropy of one sample.",
        "label_bits",
        "higher",
        "bits",
    ),
    "label_entropy_bits": _per_run(
        "H(Y)", "Entropy of the labels: all there is to tell about the label.", "label_entropy_bits", unit="bits"
    ),
    "energy_inside": _per_image(
        "energy inside",
        "Share of the map on the object; without attention, of Grad-CAM's map.",
        "energy_inside",
        "higher",
    ),
    "area_share": _per_image("area share", "What a uniform map scores as energy inside.", "area_share"),
    "pointing": _per_image("pointing", "Share of images whose map peaks on the object.", "pointing", "higher"),
    "energy_near_parts": _per_image(
        "energy near parts",
        "Share of the map near the object's visible parts; without attention, of Grad-CAM's map.",
        "energy_near_parts",
        "higher",
    ),
    "near_parts_area": _per_image(
        "area near parts", "What a uniform map scores.", "energy_near_parts/area share (a uniform map)"
    ),
    "near_parts_box": _per_image("box near parts", "What a map of the box scores.", f"energy_near_parts/{UNIFORM_BOX}"),
    "near_parts_center": _per_image(
        "box centre near parts", "What a Gaussian at the box's centre scores.", f"energy_near_parts/{CENTRE_BOX}"
    ),
    "gaze_nss": _per_image(
        "NSS", "The standardised map where people looked; without attention, Grad-CAM's.", "gaze_nss", "higher"
    ),
    "gaze_nss_center": _per_image("NSS, box centre", "Of a Gaussian at the box's centre.", f"gaze_nss/{CENTRE_BOX}"),
    "gaze_nss_another": _per_image("NSS, another's map", "Of the map for another image.", f"gaze_nss/{ANOTHER}"),
    "gaze_nss_observers": _per_image(
        "NSS, people", "Of one viewing by the others, on the map's grid: the ceiling.", f"gaze_nss/{OBSERVERS}"
    ),
    "gaze_auc": _per_image(
        "gaze AUC", "Chance that the map is higher at a fixation than at a pixel.", "gaze_auc", "higher"
    ),
    "accuracy_own_map": _per_image(
        "own map", "Accuracy with the network's own map, some images.", "accuracy_own_map", "higher", percent=True
    ),
    "accuracy_uniform_map": _per_image(
        "uniform map", "Accuracy with the map's mean everywhere, some images.", "accuracy_uniform_map", percent=True
    ),
    "accuracy_another_map": _per_image(
        "another's map", "Accuracy with another image's map, some images.", "accuracy_another_map", percent=True
    ),
    "consistent_spatial": _per_image(
        "map stays, window",
        "Share of maps that stay (cosine above .9) where the prediction stays: a window painted or overwritten.",
        "consistent_spatial",
        "higher",
        percent=True,
    ),
    "consistent_frequency": _per_image(
        "map stays, frequencies", "The same, low and high pass.", "consistent_frequency", "higher", percent=True
    ),
    "consistent_another": _per_image(
        "maps alike",
        "Share of maps alike to another image's map: the floor of both.",
        "consistent_another",
        percent=True,
    ),
    "deletion_gap": _per_image(
        "deletion gap",
        "LeRF minus MoRF, mean colour, some images: does the network use what the map marks?",
        "deletion_gap",
        "higher",
    ),
    "deletion_gap_random": _per_image(
        "deletion gap, random maps", "The same of random maps of the same bandwidth.", "deletion_gap_random"
    ),
    "unknown_auroc": _per_run(
        "unknown images", "AUROC of telling another data set by the latent rate alone.", "unknown_auroc", "higher"
    ),
    "parameters": _per_run("parameters", "Of the whole network.", "parameters"),
    "flops": _per_run("FLOPs", "Of one image, mean prediction; a multiplication and an addition are two.", "flops"),
    "seconds_an_epoch": _per_run(
        "s / epoch", "Median, validation included, with the other workers running.", "seconds_an_epoch"
    ),
}
"""By the name that a table's file uses."""
