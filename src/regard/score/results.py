"""Reading a folder of `regard score`: its scores as the page and the terminal show them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from regard.metrics.fixation import LOWER_IS_BETTER
from regard.report import NAN, Difference, Reference, Score, number, read_dataclass
from regard.types import RegardError

_AGAIN = "score the maps again with `regard score`"
FLOOR_LABELS = {"center": "centre prior", "permuted": "another image's map", "uniform": "uniform map"}
CEILING = "other observers"
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


@dataclass(frozen=True)
class Number:
    """A mean, its interval, and what was left out."""

    mean: float
    low: float = NAN
    high: float = NAN
    undefined: Mapping[str, int] = field(default_factory=dict)


@dataclass(frozen=True)
class Shown:
    """One image of the gallery."""

    row: int
    image: str
    rule: str
    why: str
    score: Mapping[str, float] = field(default_factory=dict)


@dataclass(frozen=True)
class Scored:
    """scores.json."""

    options: Mapping[str, object]
    notes: tuple[str, ...]
    images: int
    fixations: int
    failed: Mapping[str, str]
    scores: Mapping[str, Mapping[str, Number]]
    minus_center_paired: Mapping[str, Number]
    share_from_center_to_observers: Mapping[str, float]
    gallery: tuple[Shown, ...] = ()

    def rows(self) -> tuple[Score, ...]:
        """The scores in the form in which all pages and tables show scores."""
        return tuple(self._row(metric) for metric in self.scores.get("maps", {}))

    def _row(self, metric: str) -> Score:
        label, meaning = METRIC_LABELS.get(metric, (metric, ""))
        own, share = self.scores["maps"][metric], self.share_from_center_to_observers.get(metric, NAN)
        if share == share:
            meaning += f" {number(100 * share)} % of the way from the centre prior to the other observers."
        references = [
            _reference(self.scores.get(kind, {}).get(metric), name, "floor") for kind, name in FLOOR_LABELS.items()
        ]
        references.append(_reference(self.scores.get("observers", {}).get(metric), CEILING, "ceiling"))
        beyond = self.minus_center_paired.get(metric)
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
            references=tuple(r for r in references if r is not None),
            difference=None
            if beyond is None
            else Difference("minus centre prior", beyond.mean, beyond.low, beyond.high),
        )


def read_scored(folder: Path) -> Scored:
    """scores.json of a folder that `regard score` wrote, checked.

    Raises:
        RegardError: the file is missing or corrupt.
    """
    return read_dataclass(folder / "scores.json", Scored, _AGAIN)


def read_arrays(folder: Path, scored: Scored) -> dict[str, Any]:
    """gallery.npz: image_k uint8 (H,W,3), map_k (h,w), points_k (n,2), for each row k of the gallery.

    Raises:
        RegardError: the file is missing, corrupt, or lacks a row.
    """
    if not scored.gallery:
        return {}
    file = folder / "gallery.npz"
    try:
        with np.load(file, allow_pickle=False) as arrays:
            names = [f"{what}_{item.row}" for item in scored.gallery for what in ("image", "map", "points")]
            return {name: arrays[name] for name in names}
    except (OSError, ValueError, KeyError) as error:
        raise RegardError(f"{file}: cannot be read ({error}); {_AGAIN}") from error


def _reference(found: Number | None, label: str, role: Any) -> Reference | None:
    return None if found is None else Reference(label, role, found.mean, found.low, found.high)
