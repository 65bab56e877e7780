"""Results of scoring maps: options, scores per image, their summary (``scores.json``), and comparisons of models."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from torch import Tensor

from regard.metrics import LOWER_IS_BETTER, paired_difference, share_of_range
from regard.metrics.fixation import Convention
from regard.report import NAN, Difference, Reference, Score, number, read_dataclass, to_json
from regard.types import Scores

if TYPE_CHECKING:
    import pandas as pd

MapKind = Literal["maps", "uniform", "center", "permuted", "observers"]
"""The judged maps; three floors (``permuted`` is the next image's map); and the ceiling of other observers."""
CeilingForm = Literal["crossfit", "fixed"]
"""How observers predict each other: by a density that is fitted across halves, or by one Gaussian of fixed width."""
FLOOR_LABELS: Mapping[MapKind, str] = {
    "center": "centre prior",
    "permuted": "another image's map",
    "uniform": "uniform map",
}
METRIC_LABELS = {
    "auc": ("AUC", "Chance that a fixated pixel lies higher in the map than a pixel of the image."),
    "sauc": ("Shuffled AUC", "Chance that a fixated pixel lies higher than one fixated on another image."),
    "auc_judd": ("AUC, Judd's", "Against unfixated pixels, thresholds at fixated values; above one half at chance."),
    "nss": ("NSS", "The map at the fixations, in its standard deviations above its mean."),
    "cc": ("CC", "Correlation with the density of the fixations."),
    "sim": ("SIM", "Mass that map and density of the fixations share."),
    "kl": ("KL divergence", "What coding the fixations' density by the map costs beyond coding it by itself, nats."),
    "information_gain": ("Information gain", "Bits a fixation beyond the train split's centre prior."),
}
"""metric -> its label and meaning."""
REMEDY = "score the maps again with `regard score`"


@dataclass(frozen=True)
class ScoreOptions:
    """How maps are scored.

    Attributes:
        convention: of the metrics, see `regard.metrics.fixation`.
        sigma: of densities and centre prior, image pixels; None: one degree where known, else
            `regard.gaze.SIGMA` of each image's own width.
        center_prior: None: for each image the density of all other images' fixations; ``train``: the density of the
            train split's fixations, the same for all; else a file of one map (``.npy`` or a picture).
        ceilings: whether to score observers against each other; needs two of them per image.
        ceiling: ``crossfit``, `regard.gaze.cross_fitted`; ``fixed``, the form of 0.1, one Gaussian of ``sigma``
            (`regard.gaze.leave_one_observer_out`, `regard.gaze.split_half`).
        map_colors: colour map of maps that are colour pictures, a name of matplotlib's; None recognises some.
        draws: bootstrap samples over images.
        seed: of bootstrap, halvings, and what the MIT convention draws at random.
    """

    convention: Convention = "tuebingen"
    sigma: float | None = None
    center_prior: str | None = None
    ceilings: bool = True
    ceiling: CeilingForm = "crossfit"
    map_colors: str | None = None
    draws: int = 2000
    seed: int = 0


@dataclass(frozen=True)
class ScoredMean:
    """A mean over images with its bootstrap interval; ``undefined`` counts images by the reason they are left out."""

    mean: float
    low: float = NAN
    high: float = NAN
    undefined: Mapping[str, int] = field(default_factory=dict)


@dataclass(frozen=True)
class ScoredItem:
    """One image of the gallery, the rule that chose it, and its scores."""

    row: int
    image: str
    rule: str
    why: str
    score: Mapping[str, float] = field(default_factory=dict)


@dataclass(frozen=True)
class ScoreResults:
    """scores.json.

    Attributes:
        options: settings that decide the numbers.
        notes: what was not scored and why; how maps were calibrated.
        images: number of scored images.
        fixations: number of fixations on them.
        failed: image -> why it has no score.
        scores: kind of map (`MapKind`) -> metric -> mean.
        minus_center_paired: metric -> mean difference to the centre prior, paired by image.
        share_from_center_to_observers: metric -> 0 at the centre prior, 1 at the other observers.
        gallery: best, typical and worst images.
        name: of the maps; empty in files of version 0.1.
        sigmas: the smallest and the largest sigma of a density, pixels of the image; per_image.csv has each image's.
            Empty in files of version 0.1, as is the next.
        dropped: number of fixations that were left out when the table was read.
    """

    options: Mapping[str, object]
    notes: tuple[str, ...]
    images: int
    fixations: int
    failed: Mapping[str, str]
    scores: Mapping[str, Mapping[str, ScoredMean]]
    minus_center_paired: Mapping[str, ScoredMean]
    share_from_center_to_observers: Mapping[str, float]
    gallery: tuple[ScoredItem, ...] = ()
    name: str = ""
    sigmas: tuple[float, ...] = ()
    dropped: int = 0

    def rows(self) -> tuple[Score, ...]:
        """The scores of the maps in the form in which all pages and tables show scores."""
        return tuple(self._row(metric, own) for metric, own in self.scores.get("maps", {}).items())

    def _observers(self, metric: str) -> str:
        """Whose score the ceiling of a metric is."""
        if metric not in OF_DENSITIES:
            return "other observers"
        return "true density, estimated" if self.options.get("ceiling") == "crossfit" else "half of the observers"

    def _row(self, metric: str, own: ScoredMean) -> Score:
        label, meaning = METRIC_LABELS.get(metric, (metric, ""))
        share = self.share_from_center_to_observers.get(metric, NAN)
        if not math.isnan(share):
            meaning += f" {number(100 * share)} % of the way from the centre prior to the {self._observers(metric)}."
        references = []
        observers = self._observers(metric)
        for kind, name in {**FLOOR_LABELS, "observers": observers}.items():
            if (other := self.scores.get(kind, {}).get(metric)) is not None:
                role: Literal["floor", "ceiling"] = "ceiling" if kind == "observers" else "floor"
                references.append(Reference(name, role, other.mean, other.low, other.high))
        difference = None
        if (beyond := self.minus_center_paired.get(metric)) is not None:
            difference = Difference("minus centre prior", beyond.mean, beyond.low, beyond.high)
        return Score(
            key=metric,
            group="gaze",
            label=label,
            value=own.mean,
            meaning=meaning,
            better="lower" if metric in LOWER_IS_BETTER else "higher",
            low=own.low,
            high=own.high,
            n=self.images,
            undefined=own.undefined,
            references=tuple(references),
            difference=difference,
        )


@dataclass(frozen=True, repr=False)
class MapScores:
    """Scores per image, what `regard.score_maps` returns.

    Attributes:
        images: names of the images, in the order of all values.
        values: kind -> metric -> (N,) float64. ``maps`` are the judged maps; ``uniform``, ``center`` and ``permuted``
            (the map of the next image that has one) are floors, ``observers`` the ceiling, on each map's own grid.
        fixations: number of fixations of each image (N,).
        failed: image -> why it has no score.
        options: settings.
        notes: what was not scored and why; how maps were calibrated.
        summary: kind -> metric -> mean, interval, undefined.
        sigmas: sigma of the density on each image, its pixels (N,).
        dropped: number of fixations that were left out when the table was read.
    """

    images: tuple[str, ...]
    values: Mapping[MapKind, Mapping[str, Tensor]]
    fixations: tuple[int, ...]
    failed: Mapping[str, str]
    options: ScoreOptions
    notes: tuple[str, ...] = ()
    summary: Mapping[MapKind, Mapping[str, Scores]] = field(default_factory=dict)
    sigmas: tuple[float, ...] = ()
    dropped: int = 0

    def __repr__(self) -> str:
        means = ", ".join(f"{metric}={scores.mean:.3g}" for metric, scores in self.summary.get("maps", {}).items())
        failed = f", {len(self.failed)} failed" if self.failed else ""
        return f"MapScores({len(self.images)} images: {means}{failed})"

    def to_frame(self) -> pd.DataFrame:
        """One row per image: name, number of fixations, sigma in pixels, and a column ``<kind>_<metric>`` per score."""
        import pandas as pd

        columns = {
            f"{kind}_{metric}": values.numpy()
            for kind, by_metric in self.values.items()
            for metric, values in by_metric.items()
        }
        return pd.DataFrame({"image": self.images, "fixations": self.fixations, "sigma": self.sigmas} | columns)

    def share(self, metric: str) -> float:
        """Place of the maps' mean between the centre prior (0) and the observers (1); NaN where there is `no_share`."""
        kinds: tuple[MapKind, ...] = ("maps", "center", "observers")
        if no_share(metric, self.summary, self.options.ceiling) or any(
            metric not in self.summary.get(kind, {}) for kind in kinds
        ):
            return math.nan
        return share_of_range(*(self.summary[kind][metric].mean for kind in kinds))

    def results(self, gallery: tuple[ScoredItem, ...] = (), name: str = "") -> ScoreResults:
        """The summary over images, with paired differences to the centre prior."""
        draws, seed = self.options.draws, self.options.seed
        return ScoreResults(
            options=to_json(self.options),
            notes=self.notes,
            images=len(self.images),
            fixations=sum(self.fixations),
            failed=self.failed,
            scores={
                kind: {m: scored_mean(s) for m, s in by_metric.items()} for kind, by_metric in self.summary.items()
            },
            minus_center_paired={
                metric: scored_mean(paired_difference(own, self.values["center"][metric], draws=draws, seed=seed))
                for metric, own in self.values["maps"].items()
                if metric in self.values["center"]
            },
            share_from_center_to_observers={metric: self.share(metric) for metric in self.summary["maps"]},
            gallery=gallery,
            name=name,
            sigmas=(min(self.sigmas), max(self.sigmas)) if self.sigmas else (),
            dropped=self.dropped,
        )


OF_DENSITIES = ("cc", "sim", "kl")
"""Metrics of a map against a density; one half of the observers against the other is no ceiling of these."""


def no_share(metric: str, summary: Mapping[MapKind, Mapping[str, Scores]], ceiling: CeilingForm) -> str:
    """Why a metric has no share of the way from the centre prior to the observers; empty if it has, or has no ceiling.

    Args:
        metric: name.
        summary: kind -> metric -> mean over images.
        ceiling: which one the observers' scores are.
    """
    if metric not in summary.get("center", {}) or metric not in summary.get("observers", {}):
        return ""
    if ceiling == "fixed" and metric in OF_DENSITIES:
        return "one half of the observers against the other is no ceiling of these"
    center, observers = (summary[kind][metric].mean for kind in _ENDS)
    sign = -1 if metric in LOWER_IS_BETTER else 1
    beats = sign * (observers - center) > _ROUNDING * max(abs(observers), abs(center))
    return "" if beats else f"the other observers ({number(observers)}) do not beat the centre prior ({number(center)})"


_ROUNDING = 1e-6
"""Of a mean, relative: observers that beat the centre prior by less do not beat it."""
_ENDS: tuple[MapKind, MapKind] = ("center", "observers")


@dataclass(frozen=True)
class ModelComparison:
    """One metric of two models on the images that both have; a row of comparison.json.

    Attributes:
        metric: name.
        first: name of one model.
        second: name of the other.
        p: two-sided permutation test of the difference.
        adjusted: p corrected by Holm for all comparisons made together.
        better: name of the better model by the sign of the difference; empty where it is 0 or undefined.
        difference_mean: first minus second, paired by image.
        difference_low: lower end of its bootstrap interval.
        difference_high: upper end.
    """

    metric: str
    first: str
    second: str
    p: float
    adjusted: float
    better: str
    difference_mean: float
    difference_low: float = NAN
    difference_high: float = NAN


def read_score_results(folder: Path) -> ScoreResults:
    """``scores.json`` of a folder that `regard score` wrote, checked.

    Raises:
        RegardError: the file is missing or corrupt.
    """
    return read_dataclass(folder / "scores.json", ScoreResults, REMEDY)


def read_comparison(folder: Path) -> tuple[ModelComparison, ...]:
    """``comparison.json`` of a folder in which `regard score` compared models, checked.

    Raises:
        RegardError: the file is missing or corrupt.
    """
    return read_dataclass(folder / "comparison.json", tuple[ModelComparison, ...], REMEDY)


def scored_mean(scores: Scores) -> ScoredMean:
    """A mean as files keep it, without the values of images."""
    return ScoredMean(scores.mean, scores.low, scores.high, dict(scores.undefined))
