"""The columns that a table may have: where each comes from in a cell's result, and which way is better."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from regard.evaluation.observe import SAMPLES

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


SEVERAL = f"accuracy_{SAMPLES}_samples"
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
    SEVERAL: _images(
        f"{SAMPLES} samples",
        f"Accuracy averaged over {SAMPLES} sampled maps and latents, last epoch.",
        SEVERAL,
        "higher",
        percent=True,
    ),
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
    "code_bits": _images("map code", "Code length of the quantized map, one sample.", "code_bits", unit="bits"),
    "label_bits": _images(
        "about the label",
        "Lower bound on I(Z;Y): H(Y) minus the cross-entropy of one sample.",
        "label_bits",
        "higher",
        "bits",
    ),
    "label_entropy_bits": _number("H(Y)", "All there is to say of the label.", "label_entropy_bits", unit="bits"),
    "energy_inside": _images("energy inside", "Share of the map on the object.", "energy_inside", "higher"),
    "area_share": _images("area share", "What a uniform map scores as energy inside.", "area_share"),
    "pointing": _images("pointing", "Share of images whose map peaks on the object.", "pointing", "higher"),
    "deletion_gap": _images(
        "deletion gap",
        "LeRF minus MoRF, mean colour, first images: is the map heeded?",
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
