"""Columns as the rows of evaluation.json: every score with its interval, what it is held against, and its label.

`row_table` says in one place what the scores of a run are called, in the order in which they are written.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np
from torch import Tensor

from regard.evaluation.context import Columns, Value
from regard.files import write_arrays
from regard.metrics import paired_difference, score
from regard.reading import read_arrays
from regard.report import BootstrapMean, Difference, Group, Reference, Score
from regard.types import Scores

MEAN_MASK = "mean mask of the training images"
TWIN = "plain twin"
PROBE = "linear probe"
RANDOM, ANOTHER = "random, same bandwidth", "another image's map"
UNIFORM_BOX, CENTRE_BOX = "uniform in the box", "centre of the box"
CENTRE_PRIOR = "centre prior of the training images"
BOX_PRIOR = "viewers of training images, in the box"
OBSERVERS = "viewings of each other"


@dataclass(frozen=True)
class RowSpec:
    """What the score ``key`` of `Columns` means: its section, its name for people (braces name `Columns.details`), one
    sentence (empty: that of `_MEANINGS`), its unit, and which way is better, if one is. Of the labels of references in
    ``against``, the first that was measured is what the paired difference is taken to.
    """

    key: str
    group: Group
    label: str
    meaning: str = ""
    unit: str = ""
    better: Literal["higher", "lower"] | None = None
    against: tuple[str, ...] = ()


def _accuracy(samples: int) -> RowSpec:
    return RowSpec(
        f"accuracy_{samples}_samples",
        "prediction",
        f"Accuracy, {samples} samples averaged",
        f"Share of right answers with the prediction averaged over {samples} random maps and latents.",
        better="higher",
    )


def _stream(key: str, stream: str) -> RowSpec:
    meaning = f"Share of right answers of {stream}, before the two streams are averaged."
    return RowSpec(key, "prediction", f"Accuracy, {stream}", meaning, better="higher", against=("both, averaged",))


def _mask(key: str, label: str, meaning: str, better: Literal["higher", "lower"] = "higher") -> RowSpec:
    return RowSpec(key, "prediction", label, meaning, better=better, against=(TWIN, MEAN_MASK))


def _gap(baseline: str, label: str) -> RowSpec:
    count = "{images}" if baseline == "mean" else "{fewer}"
    meaning = f"Area between removing the least (LeRF) and the most relevant pixels first (MoRF); {count} images."
    key = f"lerf_morf_{baseline}"
    return RowSpec(key, "faithfulness", f"LeRF minus MoRF, {label}", meaning, better="higher", against=(RANDOM,))


def _area(key: str, label: str, better: Literal["higher", "lower"]) -> RowSpec:
    meaning = "Area under the class's probability while pixels leave or return; {images} images."
    return RowSpec(key, "faithfulness", label, meaning, better=better, against=(RANDOM,))


def _intervention(key: str, map: str, meaning: str) -> RowSpec:
    label, meaning = f"Accuracy with {map}", f"Accuracy as the model is used. {meaning}"
    return RowSpec(f"accuracy_{key}", "interventions", label, meaning, against=("its own map",))


def _gaze(key: str, label: str) -> RowSpec:
    return RowSpec(key, "gaze", label, better="higher", against=(BOX_PRIOR, CENTRE_BOX, CENTRE_PRIOR))


_MEANINGS = {
    "map": "Area under precision and recall of each label's ranking of all clips, mean over labels.",
    "accuracy_mean": "Share of right answers as the model is used: {path_means}.",
    "nll": "Minus the logarithm of the true label's probability (0: certain of it), {path} prediction.",
    "calibration_error": "Mean distance between confidence and accuracy over 15 bins of confidence.",
    "max_f_one_threshold": "Largest of 256 thresholds' F averaged over images: one threshold for all images.",
    "mask_iou": "Intersection over union above a probability of {mask_threshold:g}, chosen on validation images.",
    "accuracy_one_sample": "Share of right answers with one sampled map and latent: the channel whose bits are given.",
    "latent_bits": "Information of the latent about image and map, upper bound on I(Z;X,A): exact KL to the prior.",
    "gate_bits": "Bits that pass the noise gate, which training keeps low: upper bound, channels as if independent.",
    "code_bits": "What it costs to send the map: its anchors under their learned prior, or which of all choices it is.",
    "expected_share": "Share of positions that random maps leave open, expected; a budget is on this one.",
    "kept_share": "Share of positions that the map leaves open as the model predicts.",
    "label_bits": "Lower bound on I(Z;Y), H(Y) minus the cross-entropy of one sampled latent.",
    "auc_inside": "Chance that the map is higher on the object than elsewhere; the same in any unit of the map.",
    "auc_near_parts": "Chance that the map is higher near a visible part than elsewhere; the same in any unit.",
    "energy_inside": "Share of the map's {what} that lies on the object, its mask dilated by {pixels} pixels.",
    "energy_over_area": "Share of the map on the object over the object's share of the image (1 by chance); mean.",
    "pointing": "Share of images whose largest map value lies on the object, its mask dilated by {pixels} pixels.",
    "iou": "Intersection over union of mask and map at {threshold:.3g} {unit}, chosen on validation images.",
    "energy_near_parts": "Share of the map near a visible part: within {reach:g} of the box's size (root of its area).",
    "gaze_nss": "Mean of the standardised map at the fixated pixels; it depends on the map's unit.{where}",
    "gaze_auc": "Chance that the map is higher at a fixated than at any pixel.{where}",
    "gaze_cc": "Correlation of the map with the density of all fixations.{where}",
    "gaze_ig": "Bits per fixation; {calibrated} training images say how maps are read as densities.{where}",
}
"""Score -> what it is, in one sentence, unless its row says so; braces name `Columns.details`."""


def row_table(samples: Iterable[int]) -> tuple[RowSpec, ...]:
    """Every row that a run's page may have, in order; ``samples`` are the numbers of samples averaged over."""
    return (
        RowSpec("map", "prediction", "Mean average precision (mAP)", better="higher"),
        RowSpec("accuracy_mean", "prediction", "Accuracy, {path} prediction", better="higher", against=(TWIN,)),
        *map(_accuracy, samples),
        RowSpec("nll", "prediction", "Negative log-likelihood", unit="nats", better="lower", against=(TWIN, PROBE)),
        RowSpec("calibration_error", "prediction", "Calibration error", better="lower"),
        _stream("accuracy_flow", "the flow alone"),
        _stream("accuracy_rgb", "the image alone"),
        _mask("s", "S-measure", "Structure of object, ground and quarters (Fan et al. 2017)."),
        _mask("mean_f", "F, mean over thresholds", "Precision and recall (beta squared .3), mean of 256 thresholds."),
        _mask("max_f", "F, best threshold per image", "F at the threshold that is best for each image."),
        _mask("adaptive_f", "F, adaptive threshold", "F at twice the mean of the prediction."),
        _mask("weighted_f", "F, weighted", "F whose errors weigh by place and neighbourhood (Margolin et al. 2014)."),
        _mask("mae", "MAE", "Mean absolute error of the probabilities.", "lower"),
        _mask("max_e", "E, best threshold per image", "Agreement of thresholded prediction and mask (Fan 2018)."),
        _mask("mean_e", "E, mean over thresholds", "The same, averaged over 256 thresholds."),
        _mask("adaptive_e", "E, adaptive threshold", "The same, at twice the mean of the prediction."),
        RowSpec("max_f_one_threshold", "prediction", "maxF, as published", better="higher"),
        RowSpec(
            "mask_iou", "prediction", "Overlap with the object's mask (IoU)", better="higher", against=(MEAN_MASK,)
        ),
        RowSpec("accuracy_one_sample", "information", "Accuracy at these bits", better="higher"),
        RowSpec("latent_bits", "information", "Latent rate", unit="bits"),
        RowSpec("gate_bits", "information", "Gate price", unit="bits"),
        RowSpec("code_bits", "information", "Map code length", unit="bits"),
        RowSpec("expected_share", "information", "Positions kept by random maps"),
        RowSpec("kept_share", "information", "Positions kept"),
        RowSpec("label_bits", "information", "Information about the label", unit="bits", better="higher"),
        RowSpec("auc_inside", "localization", "Object against other pixels (AUC)", better="higher"),
        RowSpec("pointing", "localization", "Pointing game", better="higher"),
        RowSpec("energy_inside", "localization", "Energy of the map's {what} inside the object", better="higher"),
        RowSpec("energy_over_area", "localization", "Energy over area share", better="higher"),
        RowSpec("iou", "localization", "Overlap with the object (IoU)", better="higher"),
        RowSpec("auc_near_parts", "localization", "Near the object's parts against elsewhere (AUC)", better="higher"),
        RowSpec("energy_near_parts", "localization", "Energy of {what} near the object's parts", better="higher"),
        _gaze("gaze_auc", "Fixated against other pixels (AUC)"),
        _gaze("gaze_nss", "Map at people's fixations (NSS)"),
        _gaze("gaze_cc", "Correlation with people's map (CC)"),
        RowSpec(
            "gaze_ig",
            "gaze",
            "Information gain over the centre prior",
            unit="bits",
            better="higher",
            against=(CENTRE_PRIOR,),
        ),
        _gap("mean", "mean colour"),
        _area("deletion", "Deletion area", "lower"),
        _area("insertion", "Insertion area", "higher"),
        _gap("blur", "blurred image"),
        _gap("noisy_linear", "noisy linear imputation"),
        _intervention("uniform", "a uniform map", "Every position gets the image's own mean."),
        _intervention("shuffled", "its map shuffled", "The image's own values at random positions."),
        _intervention("another", "another image's map", "The map that the network made for another image."),
    )


def make_rows(measured: Sequence[Columns], *, count: int, samples: Iterable[int] = ()) -> tuple[Score, ...]:
    """Rows of what the measures returned, in the order of `row_table`; columns that are no row of a page are left out.

    ``count`` is the number of items in the split, ``samples`` the numbers of samples that predictions were averaged
    over.
    """
    by_key = {key: columns for columns in measured for key in columns.values}
    return tuple(_row(row, by_key[row.key], count) for row in row_table(samples) if row.key in by_key)


def _row(row: RowSpec, columns: Columns, count: int) -> Score:
    value = columns.values[row.key]
    beside = [other for other in columns.references if row.key in other.values]
    labels = {other.label: other.values[row.key] for other in beside}
    control = next((label for label in row.against if label in labels), None)
    against = None if control is None or not isinstance(labels[control], Tensor) else (control, labels[control])
    return entry(
        row.key,
        row.group,
        row.label.format(**columns.details),
        (row.meaning or _MEANINGS[row.key]).format(**columns.details),
        value,
        count=count,
        unit=row.unit,
        better=row.better,
        reasons=columns.reasons.get(row.key),
        references=[reference(other.label, other.role, labels[other.label]) for other in beside],
        against=against,  # type: ignore[arg-type]
    )


def reference(label: str, role: Literal["control", "floor", "ceiling"], value: Value) -> Reference:
    """What a score is held against: per-item values, or a number of the whole."""
    return Reference(label, role, **vars(mean_interval(value)))


def entry(
    key: str,
    group: Group,
    label: str,
    meaning: str,
    value: Value,
    *,
    count: int | None = None,
    unit: str = "",
    better: Literal["higher", "lower"] | None = None,
    reasons: Mapping[str, int | Tensor] | None = None,
    references: Sequence[Reference] = (),
    against: tuple[str, Tensor] | None = None,
) -> Score:
    """One row.

    Args:
        key: its name for programs.
        group: the section it stands in.
        label: its name for people.
        meaning: one sentence.
        value: per-item values (N,), NaN where undefined, or a number of the whole.
        count: items behind a number of the whole.
        unit: of the values.
        better: which way is better, if one is.
        reasons: why items are undefined: counts, or flags (N,).
        references: made by `reference`.
        against: label and per-item values of the control that a paired difference is taken to.
    """
    difference = None
    if isinstance(value, Tensor):
        scores = score(value, reasons=dict(reasons) if reasons else None)
        estimate, undefined, count = mean_interval(scores), dict(scores.undefined), len(value)
        if against is not None:
            paired = mean_interval(paired_difference(value, against[1]))
            difference = Difference(f"minus {against[0]}, paired", paired.value, paired.low, paired.high)
    else:
        estimate, undefined = mean_interval(value), {reason: int(n) for reason, n in (reasons or {}).items() if n}
    return Score(
        key=key,
        group=group,
        label=label,
        meaning=meaning,
        unit=unit,
        better=better,
        **vars(estimate),
        n=count,
        undefined=undefined,
        references=tuple(references),
        difference=difference,
    )


def mean_interval(value: Value | Scores) -> BootstrapMean:
    """Mean and bootstrap interval over items; a number of the whole stays what it is."""
    if isinstance(value, Tensor):
        value = score(value)
    if isinstance(value, Scores):
        return BootstrapMean(value.mean, value.low, value.high)
    return value if isinstance(value, BootstrapMean) else BootstrapMean(float(value))


_FILE = "per_image.npz"


def write_per_image(folder: Path, columns: Mapping[str, Tensor]) -> Path:
    """Writes ``per_image.npz``: (N,) float32 per score, NaN where undefined, in the split's order."""
    return write_arrays(folder / _FILE, {name: values.float().cpu().numpy() for name, values in columns.items()})


def read_per_image(folder: Path) -> dict[str, np.ndarray]:
    """Name -> (N,) float32; nothing stored is executed.

    Raises:
        RegardError: the run was not evaluated, or the file is damaged.
    """
    path = folder / _FILE
    return read_arrays(path, f"make it with `regard evaluate {folder}`")
