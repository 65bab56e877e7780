"""The columns that a table may have: where each comes from in a cell's result, and which way is better."""

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
        key: name in a cell's arrays where there is one value an image, else in its values.
        an_image: whether there is one value an image.
        better: which way, if one is.
        unit: of the values.
        percent: shown as one.
    """

    label: str
    meaning: str
    key: str
    an_image: bool = True
    better: Better = None
    unit: str = ""
    percent: bool = False


def _images(label: str, meaning: str, key: str, better: Better = None, unit: str = "", percent: bool = False) -> Column:
    return Column(label, meaning, key, True, better, unit, percent)


def _number(label: str, meaning: str, key: str, better: Better = None, unit: str = "", percent: bool = False) -> Column:
    return Column(label, meaning, key, False, better, unit, percent)


def _samples(n: int) -> Column:
    meaning = f"Accuracy averaged over {n} sampled maps and latents, last epoch."
    return _images(f"{n} samples", meaning, f"accuracy_{n}_samples", "higher", percent=True)


COLUMNS: dict[str, Column] = {
    "accuracy_mean": _images(
        "accuracy", "Mean map and mean latent, last epoch.", "accuracy_mean", "higher", percent=True
    ),
    "accuracy_one_sample": _images(
        "one sample",
        "Accuracy with one sampled map and latent, the channel that bits price, last epoch.",
        "accuracy_one_sample",
        "higher",
        percent=True,
    ),
    **{f"accuracy_{n}_samples": _samples(n) for n in EVERY_SAMPLES},
    "best_accuracy_mean": _images(
        "accuracy, best on validation",
        "Mean map and mean latent, epoch with the highest validation accuracy.",
        "best/accuracy_mean",
        "higher",
        percent=True,
    ),
    "relative_error": _images(
        "error against the reference",
        "Test errors as a change from the reference's, last epoch: -10 % is one error in ten less.",
        "accuracy_mean",
        "lower",
        percent=True,
    ),
    "nll": _images("NLL", "Surprise at the true label, mean prediction.", "nll", "lower", "nats"),
    "calibration_error": _number(
        "ECE", "Distance of confidence from accuracy, 15 bins, mean prediction.", "calibration_error", "lower"
    ),
    "calibration_floor": _number(
        "ECE if calibrated", "What so many images would score if confidence were accuracy.", "calibration_floor"
    ),
    "latent_bits": _images("latent", "Rate of the latent, exact KL, one sample.", "latent_bits", unit="bits"),
    "gate_bits": _images("gate", "Price of what the noise gate lets through, one sample.", "gate_bits", unit="bits"),
    "code_bits": _images("map code", "Code length of the quantized map, one sample.", "code_bits", "lower", "bits"),
    "map_bits": _images(
        "map says",
        "What the random map's values say of the image, each position alone, added up: an upper bound.",
        "map_bits",
        "lower",
        "bits",
    ),
    "label_bits": _images(
        "about the label",
        "Lower bound on I(Z;Y): H(Y) minus the cross-entropy of one sample.",
        "label_bits",
        "higher",
        "bits",
    ),
    "label_entropy_bits": _number("H(Y)", "All there is to say of the label.", "label_entropy_bits", unit="bits"),
    "energy_inside": _images(
        "energy inside",
        "Share of the map on the object; without attention, of Grad-CAM's map.",
        "energy_inside",
        "higher",
    ),
    "area_share": _images("area share", "What a uniform map scores as energy inside.", "area_share"),
    "pointing": _images("pointing", "Share of images whose map peaks on the object.", "pointing", "higher"),
    "energy_near_parts": _images(
        "energy near parts",
        "Share of the map near the object's visible parts; without attention, of Grad-CAM's map.",
        "energy_near_parts",
        "higher",
    ),
    "near_parts_area": _images(
        "area near parts", "What a uniform map scores.", "energy_near_parts/area share (a uniform map)"
    ),
    "near_parts_box": _images("box near parts", "What a map of the box scores.", f"energy_near_parts/{UNIFORM_BOX}"),
    "near_parts_center": _images(
        "box centre near parts", "What a Gaussian at the box's centre scores.", f"energy_near_parts/{CENTRE_BOX}"
    ),
    "gaze_nss": _images(
        "NSS", "The standardised map where people looked; without attention, Grad-CAM's.", "gaze_nss", "higher"
    ),
    "gaze_nss_center": _images("NSS, box centre", "Of a Gaussian at the box's centre.", f"gaze_nss/{CENTRE_BOX}"),
    "gaze_nss_another": _images("NSS, another's map", "Of the map for another image.", f"gaze_nss/{ANOTHER}"),
    "gaze_nss_observers": _images(
        "NSS, people", "Of one viewing by the others, on the map's grid: the ceiling.", f"gaze_nss/{OBSERVERS}"
    ),
    "gaze_auc": _images(
        "gaze AUC", "Chance that the map is higher at a fixation than at a pixel.", "gaze_auc", "higher"
    ),
    "accuracy_own_map": _images(
        "own map", "Accuracy with the network's own map, some images.", "accuracy_own_map", "higher", percent=True
    ),
    "accuracy_uniform_map": _images(
        "uniform map", "Accuracy with the map's mean everywhere, some images.", "accuracy_uniform_map", percent=True
    ),
    "accuracy_another_map": _images(
        "another's map", "Accuracy with another image's map, some images.", "accuracy_another_map", percent=True
    ),
    "consistent_spatial": _images(
        "map stays, window",
        "Share of maps that stay (cosine above .9) where the prediction stays: a window painted or overwritten.",
        "consistent_spatial",
        "higher",
        percent=True,
    ),
    "consistent_frequency": _images(
        "map stays, frequencies", "The same, low and high pass.", "consistent_frequency", "higher", percent=True
    ),
    "consistent_another": _images(
        "maps alike",
        "Share of maps alike to another image's map: the floor of both.",
        "consistent_another",
        percent=True,
    ),
    "deletion_gap": _images(
        "deletion gap",
        "LeRF minus MoRF, mean colour, some images: is the map heeded?",
        "deletion_gap",
        "higher",
    ),
    "deletion_gap_random": _images(
        "deletion gap, random maps", "The same of random maps of the same bandwidth.", "deletion_gap_random"
    ),
    "unknown_auroc": _number(
        "unknown images", "AUROC of telling another data set by the latent rate alone.", "unknown_auroc", "higher"
    ),
    "parameters": _number("parameters", "Of the whole network.", "parameters"),
    "flops": _number("FLOPs", "Of one image, mean prediction; a multiplication and an addition are two.", "flops"),
    "seconds_an_epoch": _number(
        "s / epoch", "Median, validation included, on the machine and beside the other workers.", "seconds_an_epoch"
    ),
}
"""By the name that a table's file uses."""
