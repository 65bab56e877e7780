"""scanpaths.json: scores of models' scanpaths, of floors and of people, as means over images."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from regard.report import Difference, Reference, Score, number, read_dataclass
from regard.score.results import ScoredMean

FLOORS: Mapping[str, str] = {"center": "gaze on the centre", "other_image": "people on another image"}
"""The floors and their names."""
SCANPATH_LABELS = {
    "sequence_score": ("Sequence score", "Longest common subsequence of visited clusters of people's fixations."),
    "string_edit": ("String edit", "1 less the share of fixations to edit, on a grid of 5 x 5 cells."),
    "scanmatch": ("ScanMatch", "Alignment in 12 x 8 cells, near ones nearly alike."),
    "scanmatch_time": ("ScanMatch, time", "The same, a fixation once every 50 ms."),
    "multimatch_shape": ("MultiMatch, shape", "Saccades as vectors."),
    "multimatch_direction": ("MultiMatch, direction", "Directions of saccades."),
    "multimatch_length": ("MultiMatch, length", "Lengths of saccades."),
    "multimatch_position": ("MultiMatch, position", "Where saccades start."),
    "multimatch_duration": ("MultiMatch, duration", "Durations of fixations."),
}
"""metric of `regard.metrics.scanpath` -> its label and meaning."""
SCANPATH_REMEDY = "score the scanpaths again with `regard scanpaths`"


@dataclass(frozen=True)
class ScanpathItem:
    """One image of the gallery, the rule that chose it, and each model's sequence score."""

    row: int
    image: str
    rule: str
    score: Mapping[str, float]


@dataclass(frozen=True)
class ScanpathResults:
    """What `score_scanpaths` returns and scanpaths.json holds.

    Attributes:
        notes: what was not scored and why.
        images: number of images that people looked at.
        viewings: number of people's scanpaths.
        missing: model -> images on which it has no scanpath, which do not count.
        models: model -> metric -> mean over images.
        references: ``center``, ``other_image`` (floors) and ``observers`` (ceiling) -> metric -> mean.
        floor: metric -> the higher of both floors.
        minus_floor: model -> metric -> mean difference to that floor, paired by image.
        share: model -> metric -> 0 at that floor, 1 at the observers.
        gallery: images by rule.
    """

    notes: tuple[str, ...]
    images: int
    viewings: int
    missing: Mapping[str, tuple[str, ...]]
    models: Mapping[str, Mapping[str, ScoredMean]]
    references: Mapping[str, Mapping[str, ScoredMean]]
    floor: Mapping[str, str]
    minus_floor: Mapping[str, Mapping[str, ScoredMean]]
    share: Mapping[str, Mapping[str, float]]
    gallery: tuple[ScanpathItem, ...] = ()

    def rows(self, model: str) -> tuple[Score, ...]:
        """The scores of a model in the form in which all pages and tables show scores."""
        scored = {metric: own for metric, own in self.models[model].items() if not math.isnan(own.mean)}
        return tuple(self._row(model, metric, own) for metric, own in scored.items())

    def _row(self, model: str, metric: str, own: ScoredMean) -> Score:
        label, meaning = SCANPATH_LABELS[metric]
        share, floor = self.share[model][metric], FLOORS[self.floor[metric]]
        if not math.isnan(share):
            meaning += f" {number(100 * share)} % of the way from {floor} to the other observers."
        beyond, references = self.minus_floor[model][metric], []
        for kind, name in {**FLOORS, "observers": "other observers"}.items():
            other = self.references[kind][metric]
            if not math.isnan(other.mean):
                role: Literal["floor", "ceiling"] = "ceiling" if kind == "observers" else "floor"
                references.append(Reference(name, role, other.mean, other.low, other.high))
        return Score(
            key=metric,
            group="gaze",
            label=label,
            value=own.mean,
            meaning=meaning,
            low=own.low,
            high=own.high,
            n=self.images - len(self.missing[model]),
            undefined=own.undefined,
            references=tuple(references),
            difference=Difference(f"minus {floor}", beyond.mean, beyond.low, beyond.high),
        )


def read_scanpath_results(folder: Path) -> ScanpathResults:
    """``scanpaths.json`` of a folder that `regard scanpaths` wrote, checked.

    Raises:
        RegardError: the file is missing or corrupt.
    """
    return read_dataclass(folder / "scanpaths.json", ScanpathResults, SCANPATH_REMEDY)
