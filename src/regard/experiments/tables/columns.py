"""The columns of a table: where each comes from in a cell's result, and which way is better."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import partial

from regard.evaluation import ANOTHER, BOX_PRIOR, CENTRE_BOX, EVERY_SAMPLES, GRID_CEILING, OBSERVERS, UNIFORM_BOX
from regard.experiments.tables.results import TableColumn
from regard.report import NOT_STORED


@dataclass(frozen=True, kw_only=True)
class Column(TableColumn):
    """A column, and where its numbers are.

    Attributes:
        per_image: whether there is one value per image, in a cell's arrays; else one per run, in its values.
        source: name in the arrays or values, where it is not the column's own.
        share: whether values lie in [0, 1], where intervals stay then.
    """

    per_image: bool = field(default=True, metadata=NOT_STORED)
    source: str = field(default="", metadata=NOT_STORED)
    share: bool = field(default=False, metadata=NOT_STORED)

    @property
    def stored_as(self) -> str:
        """Name in a cell's arrays or values."""
        return self.source or self.key


_UNITS = {"bits": "", "gate": "", "relevance": ", as Grad-CAM's"}
"""Unit of a map -> who has it, besides attention."""
_accuracy = partial(Column, better="higher", percent=True, share=True)
_bits = partial(Column, unit="bits")
_run = partial(Column, per_image=False)
_score = partial(Column, better="higher")
_share = partial(Column, share=True)
_COLUMNS = (
    _accuracy("accuracy_mean", "accuracy", "Mean map and mean latent, last epoch."),
    _accuracy(
        "accuracy_one_sample",
        "one sample",
        "Accuracy with one sampled map and latent, the channel whose bits are given, last epoch.",
    ),
    *(
        _accuracy(
            f"accuracy_{n}_samples", f"{n} samples", f"Accuracy averaged over {n} sampled maps and latents, last epoch."
        )
        for n in EVERY_SAMPLES
    ),
    _accuracy(
        "best_accuracy_mean",
        "accuracy, best on validation",
        "Mean map and mean latent, epoch with the highest validation accuracy.",
        source="best/accuracy_mean",
    ),
    Column(
        "relative_error",
        "error against the reference",
        "Test errors as a change from the reference's, last epoch: -10 % is one error in ten less.",
        better="lower",
        percent=True,
        source="accuracy_mean",
    ),
    Column("nll", "NLL", "Negative log-likelihood of the true label, mean prediction.", better="lower", unit="nats"),
    _run(
        "calibration_error",
        "ECE",
        "Distance of confidence from accuracy, 15 bins, mean prediction.",
        better="lower",
        share=True,
    ),
    _run(
        "calibration_floor",
        "ECE if calibrated",
        "What so many images would score if confidence were accuracy.",
        share=True,
    ),
    _bits("latent_bits", "latent", "Rate of the latent, exact KL, one sample."),
    _bits(
        "gate_bits",
        "gate",
        "Bits that the noise gate lets through, one sample, channels as if independent.",
    ),
    _bits("code_bits", "map code", "Code length of the quantized map, one sample.", better="lower"),
    _bits(
        "map_bits",
        "map about the image",
        "What the random map's values tell which of these images it is, each position alone, added up; no bound.",
        better="lower",
    ),
    _bits(
        "label_bits",
        "about the label",
        "Lower bound on I(Z;Y): H(Y) minus the cross-entropy of one sample.",
        better="higher",
    ),
    _bits(
        "label_entropy_bits", "H(Y)", "Entropy of the labels: all there is to tell about the label.", per_image=False
    ),
    _share(
        "auc_inside",
        "AUC inside",
        "Chance that the map is higher on the object than elsewhere, whatever its unit; without attention, Grad-CAM's.",
        better="higher",
    ),
    _share(
        "auc_inside_ceiling",
        "AUC inside, ceiling",
        "Of the object's own mask on the map's grid.",
        source=f"auc_inside/{GRID_CEILING}",
    ),
    _score("auc_inside_share", "AUC inside, of ceiling", "From chance (0) to the ceiling of the map's own grid (1)."),
    _share("energy_inside", "energy inside", "Share of the map on the object, in the map's own unit.", better="higher"),
    *(
        _share(
            f"energy_inside_{unit}",
            f"energy inside, {unit}",
            f"Share of the map's {unit} on the object{whose}.",
            better="higher",
        )
        for unit, whose in _UNITS.items()
    ),
    _share("area_share", "area share", "What a uniform map scores as energy inside."),
    _share("pointing", "pointing", "Share of images whose map peaks on the object.", better="higher"),
    _share("auc_near_parts", "AUC near parts", "The same of pixels near the object's visible parts.", better="higher"),
    _share(
        "energy_near_parts",
        "energy near parts",
        "Share of the map near visible parts, in its own unit.",
        better="higher",
    ),
    *(
        _share(
            f"energy_near_parts_{unit}",
            f"energy near parts, {unit}",
            f"Share of the map's {unit}{whose}.",
            better="higher",
        )
        for unit, whose in _UNITS.items()
    ),
    _share(
        "near_parts_area",
        "area near parts",
        "What a uniform map scores.",
        source="energy_near_parts/area share (a uniform map)",
    ),
    _share(
        "near_parts_box", "box near parts", "What a map of the box scores.", source=f"energy_near_parts/{UNIFORM_BOX}"
    ),
    _share(
        "near_parts_center",
        "box centre near parts",
        "What a Gaussian at the box's centre scores.",
        source=f"energy_near_parts/{CENTRE_BOX}",
    ),
    _score("gaze_nss", "NSS", "The standardised map where people looked; without attention, Grad-CAM's."),
    Column("gaze_nss_center", "NSS, box centre", "Of a Gaussian at the box's centre.", source=f"gaze_nss/{CENTRE_BOX}"),
    Column("gaze_nss_another", "NSS, another's map", "Of the map for another image.", source=f"gaze_nss/{ANOTHER}"),
    Column(
        "gaze_nss_observers",
        "NSS, people",
        "Of one viewing by the others, on the map's grid: the ceiling.",
        source=f"gaze_nss/{OBSERVERS}",
    ),
    Column(
        "gaze_nss_prior",
        "NSS, box prior",
        "Of where viewers of training images looked in the box: the strongest map that knows the box alone.",
        source=f"gaze_nss/{BOX_PRIOR}",
    ),
    Column(
        "gaze_ig",
        "information gain",
        "Bits per fixation over the training images' centre prior, maps read as densities by training images.",
        better="higher",
        unit="bits",
    ),
    _bits(
        "gaze_ig_observers",
        "information gain, people",
        "Of one viewing by the others, on the map's grid: the ceiling.",
        source=f"gaze_ig/{OBSERVERS}",
    ),
    _share("gaze_auc", "gaze AUC", "Chance that the map is higher at a fixation than at a pixel.", better="higher"),
    _share("gaze_auc_center", "gaze AUC, box centre", "Of a Gaussian there.", source=f"gaze_auc/{CENTRE_BOX}"),
    _share(
        "gaze_auc_observers",
        "gaze AUC, people",
        "Of one viewing by the others, on the map's grid: the ceiling.",
        source=f"gaze_auc/{OBSERVERS}",
    ),
    _accuracy("accuracy_own_map", "own map", "Accuracy with the network's own map, some images."),
    _share(
        "accuracy_uniform_map", "uniform map", "Accuracy with the map's mean everywhere, some images.", percent=True
    ),
    _share("accuracy_another_map", "another's map", "Accuracy with another image's map, some images.", percent=True),
    _accuracy(
        "consistent_spatial",
        "map stays, window",
        "Share of maps that stay (cosine above .9), whatever is predicted: a window painted or overwritten.",
    ),
    _accuracy("consistent_frequency", "map stays, frequencies", "The same, low and high pass."),
    _accuracy(
        "consistent_spatial_same",
        "map stays, window, of same predictions",
        "The paper's score: only images whose prediction stays count, other images for every arm.",
    ),
    _accuracy("consistent_frequency_same", "map stays, frequencies, of same predictions", "The same, low, high pass."),
    _share(
        "consistent_another",
        "maps alike",
        "Share of maps alike to another image's map: the floor of both.",
        percent=True,
    ),
    _score(
        "deletion_gap",
        "deletion gap",
        "LeRF minus MoRF, mean colour, 500 images: the class's probability while the least relevant pixels are removed "
        "first, minus the same with the most relevant first; above 0 where the network uses what the map marks.",
    ),
    Column("deletion_gap_random", "deletion gap, random maps", "The same of random maps of the same bandwidth."),
    _run(
        "unknown_auroc",
        "unknown images",
        "AUROC of telling another data set by the latent rate alone.",
        better="higher",
        share=True,
    ),
    _run("parameters", "parameters", "Of the whole network."),
    _run("flops", "FLOPs", "Of one image, mean prediction; a multiplication and an addition are two."),
    _run("seconds_an_epoch", "s / epoch", "Median, validation included, with the other workers running."),
)
COLUMNS = {column.key: column for column in _COLUMNS}
"""By the name that a table's file uses."""
