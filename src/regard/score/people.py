"""Models beside people, in any kind of score: means over images, floors, ceiling, the share of the way between."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Literal, TypeVar

import numpy as np
import numpy.typing as npt
import torch
from rich.console import Console
from rich.table import Table
from rich.text import Text
from torch import Tensor

from regard.data import read_image
from regard.files import csv_name, write_arrays
from regard.listing import find_path
from regard.metrics import best_typical_worst, paired_difference, score, share_of_range
from regard.reading import ArrayFile
from regard.report import GALLERY_ORDER, Difference, Reference, Score, Terminal, interval_text, number, plural
from regard.score.results import ScoredMean, scored_mean
from regard.types import Scores

CEILING_KEY = "observers"
"""Key of the ceiling."""
_EACH, _LARGEST = 3, 384  # images per rule; pixels of the longer side
_Card = TypeVar("_Card")
_HEADS = {"center": "centre", "people_elsewhere": "mean", "other_image": "other"}


@dataclass(frozen=True)
class ComparedItem:
    """One image of the gallery, the rule that chose it, and each model's score."""

    row: int
    image: str
    rule: str
    score: Mapping[str, float]


@dataclass(frozen=True)
class PeopleResults:
    """Scores of models against people, as a file holds them.

    Attributes:
        notes: what was not scored and why.
        images: number of images that people have judged or looked at.
        people: number of people's scanpaths or maps.
        missing: model -> images that it has nothing for, which do not count.
        models: model -> metric -> mean over images.
        references: floors and ``observers`` (ceiling) -> metric -> mean.
        floors: the names of the floors.
        ceiling: the name of the ceiling.
        floor: metric -> the highest of the floors.
        minus_floor: model -> metric -> mean difference to that floor, paired by image.
        share: model -> metric -> 0 at that floor, 1 at the ceiling; NaN where the ceiling is not above the floor.
        gallery: images by rule.
    """

    notes: tuple[str, ...]
    images: int
    people: int
    missing: Mapping[str, tuple[str, ...]]
    models: Mapping[str, Mapping[str, ScoredMean]]
    references: Mapping[str, Mapping[str, ScoredMean]]
    floors: Mapping[str, str]
    ceiling: str
    floor: Mapping[str, str]
    minus_floor: Mapping[str, Mapping[str, ScoredMean]]
    share: Mapping[str, Mapping[str, float]]
    gallery: tuple[ComparedItem, ...] = ()

    def rows(self, model: str, labels: Mapping[str, tuple[str, str]]) -> tuple[Score, ...]:
        """The scores of a model as all pages and tables show scores; ``labels``: metric -> label and meaning."""
        scored = {metric: own for metric, own in self.models[model].items() if not math.isnan(own.mean)}
        return tuple(self._row(model, metric, own, *labels[metric]) for metric, own in scored.items())

    def _row(self, model: str, metric: str, own: ScoredMean, label: str, meaning: str) -> Score:
        share, floor = self.share[model][metric], self.floors[self.floor[metric]]
        if not math.isnan(share):
            meaning += f" {number(100 * share)} % of the way from {floor} to {self.ceiling}."
        beyond, references = self.minus_floor[model][metric], []
        for kind, name in {**self.floors, CEILING_KEY: self.ceiling}.items():
            other = self.references[kind][metric]
            if not math.isnan(other.mean):
                role: Literal["floor", "ceiling"] = "ceiling" if kind == CEILING_KEY else "floor"
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

    def summary(self, metric: str, label: str) -> str:
        """How far each model is by one metric, in a sentence each."""
        floor = self.floors[self.floor[metric]]
        return "".join(
            f" By {label}, {model} is {number(100 * share[metric])} % of the way from {floor} to {self.ceiling}."
            for model, share in self.share.items()
            if not math.isnan(share[metric])
        )


KindRows = Mapping[str, Sequence[Mapping[str, float]]]
"""Model, floor or ``observers`` -> one row per image: metric -> value, NaN where undefined."""


def compare_with_people(
    rows: KindRows,
    models: Sequence[str],
    floors: Mapping[str, str],
    ceiling: str,
    *,
    images: int,
    people: int,
    missing: Mapping[str, tuple[str, ...]],
    notes: Sequence[str],
    draws: int,
    seed: int,
) -> PeopleResults:
    """Means with intervals over images, differences to the highest floor, and shares; see `PeopleResults`."""
    metrics = list(next(iter(rows.values()))[0])
    columns = {
        kind: {m: torch.tensor([row[m] for row in of], dtype=torch.float64) for m in metrics}
        for kind, of in rows.items()
    }

    def mean(values: Tensor) -> ScoredMean:
        return scored_mean(score(values, draws=draws, seed=seed))

    def beyond(own: Tensor, floor: Tensor) -> Scores:
        return paired_difference(own, floor, draws=draws, seed=seed)

    means = {kind: {m: mean(values) for m, values in of.items()} for kind, of in columns.items()}
    highest = {m: max(floors, key=lambda kind, m=m: _or_least(means[kind][m].mean)) for m in metrics}
    return PeopleResults(
        notes=tuple(notes),
        images=images,
        people=people,
        missing=missing,
        models={model: means[model] for model in models},
        references={kind: means[kind] for kind in (*floors, CEILING_KEY)},
        floors=floors,
        ceiling=ceiling,
        floor=highest,
        minus_floor={
            model: {m: scored_mean(beyond(columns[model][m], columns[highest[m]][m])) for m in metrics}
            for model in models
        },
        share={
            model: {m: _share(means[model][m], means[highest[m]][m], means[CEILING_KEY][m]) for m in metrics}
            for model in models
        },
    )


def _or_least(value: float) -> float:
    return -math.inf if math.isnan(value) else value


def _share(own: ScoredMean, floor: ScoredMean, ceiling: ScoredMean) -> float:
    return share_of_range(own.mean, floor.mean, ceiling.mean) if ceiling.mean > floor.mean else math.nan


def per_image_table(names: Sequence[str], rows: KindRows) -> str:
    """per_image.csv: one row per image, a column ``<model or reference>_<metric>`` per score."""
    import pandas as pd

    columns = {f"{kind}_{m}": [row[m] for row in of] for kind, of in rows.items() for m in next(iter(of), {})}
    frame = pd.DataFrame({"image": [csv_name(name) for name in names]} | columns)
    return str(frame.to_csv(index=False, lineterminator="\n"))


def write_people_gallery(
    results: PeopleResults,
    scores: npt.NDArray[np.float64],
    names: Sequence[str],
    images: str | Path,
    folder: Path,
    drawn: Callable[[str, tuple[int, int]], Mapping[str, npt.NDArray[np.float32]]],
) -> PeopleResults:
    """Writes ``gallery.npz`` of the best, typical and worst images by the models' mean score, and lists its rows.

    Args:
        results: without a gallery.
        scores: (models, images), NaN where a model has nothing.
        names: of the images.
        images: their folder.
        folder: of the file.
        drawn: (image, its width and height) -> what is shown of it, as arrays that get the row's number after ``_``.

    Raises:
        RegardError: an image that cannot be read.
    """
    arrays: dict[str, Any] = {}
    items: list[ComparedItem] = []
    for rule, indices in best_typical_worst(torch.from_numpy(scores.mean(0)), _EACH).items():
        for k in indices.tolist():
            picture, row = read_image(find_path(Path(images) / names[k])), len(items)
            shown = drawn(names[k], picture.size)
            picture.thumbnail((_LARGEST, _LARGEST))
            arrays |= {f"image_{row}": np.asarray(picture)} | {f"{what}_{row}": shown[what] for what in shown}
            values = {model: float(scores[m, k]) for m, model in enumerate(results.models)}
            items.append(ComparedItem(row, names[k], rule, values))
    if items:
        write_arrays(folder / "gallery.npz", arrays, parents=True)
    return replace(results, gallery=tuple(items))


def gallery_cards(
    results: PeopleResults, folder: Path, remedy: str, card: Callable[[ComparedItem, ArrayFile], _Card]
) -> list[tuple[str, list[_Card]]]:
    """Rule -> its cards, of the rules that have some.

    Raises:
        RegardError: ``gallery.npz`` is missing or damaged; ``remedy`` says what to do.
    """
    cards: dict[str, list[_Card]] = {rule: [] for rule in GALLERY_ORDER}
    if results.gallery:
        with ArrayFile(folder / "gallery.npz", remedy) as arrays:
            for item in results.gallery:
                cards[item.rule].append(card(item, arrays))
    return [(rule, found) for rule, found in cards.items() if found]


def print_people(results: PeopleResults, labels: Mapping[str, tuple[str, str]], console: Console | None = None) -> None:
    """A table per model: value, interval, floors, ceiling, and the share of the way from the highest floor.

    Heads of the floors: ``centre``, ``mean`` (people's on other images), ``other`` (another image).
    """
    console = console or Terminal()
    for model in results.models:
        table = Table(title=model, title_justify="left", title_style="bold", box=None, padding=(0, 1, 0, 0))
        for head in ("score", "value", "interval", *(_HEADS[kind] for kind in results.floors), "people", "share"):
            table.add_column(head, justify="left" if head == "score" else "right", no_wrap=True)
        for row in results.rows(model, labels):
            share = results.share[model][row.key]
            others: list[Any] = [results.references[kind][row.key].mean for kind in (*results.floors, CEILING_KEY)]
            table.add_row(
                Text(row.label),
                Text(number(row.value), style="bold"),
                interval_text(row.low, row.high),
                *("" if math.isnan(value) else number(value) for value in others),
                "" if math.isnan(share) else f"{100 * share:.0f} %",
            )
        console.print(table)
        if missing := results.missing[model]:
            text = f"{model} has nothing for {plural(len(missing), 'image')}, such as {missing[0]}."
            console.print(Text(text, style="dim"))
    for note in results.notes:
        console.print(Text(note, style="dim"))
