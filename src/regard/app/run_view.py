"""A run as its files tell, also while it trains: how far it is, its curves, and maps of some images."""

from __future__ import annotations

import statistics
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import torch

from regard.app.cards import MapCard, map_card
from regard.app.look import LookedMap
from regard.data import evenly_spaced
from regard.plot import Series, picture_of
from regard.report import BITS, LEARNING, duration, read_history, read_run
from regard.runs import is_run
from regard.training import JOURNAL, RECIPE, RECORD, load_recipe, load_unfinished
from regard.types import Map, RegardError

_EVALUATION = "evaluation.json"
_IMAGES = 6


@dataclass(frozen=True)
class RunView:
    """A run.

    Attributes:
        folder: of it.
        epochs: that are finished.
        planned: epochs of its recipe.
        state: in words: how far it is, and how long it still takes.
        charts: title and lines of each curve over epochs.
    """

    folder: Path
    epochs: int
    planned: int
    state: str
    charts: tuple[tuple[str, tuple[Series, ...]], ...]


@dataclass(frozen=True)
class RunGallery:
    """Maps of some images: a sentence that says of which network, and the cards."""

    heading: str
    lead: str
    cards: tuple[MapCard, ...]


def view_run(folder: Path) -> RunView:
    """The run's curves, and how far it is; nothing but its journal and recipe is read.

    Raises:
        RegardError: no run lies there, or its files are damaged.
    """
    if not is_run(folder):
        raise RegardError(f"{folder}: no run lies there; `regard train` makes one")
    recipe = load_recipe(folder / RECIPE)
    journal = folder / JOURNAL
    lines = read_history(journal).epochs if journal.is_file() else ()
    done, planned = len(lines), recipe.train.epochs
    if (folder / _EVALUATION).is_file():
        state = f"finished and evaluated after {done} epochs; its page: {folder / 'report.html'}"
    elif (folder / RECORD).is_file():
        state = f"trained for {done} epochs; not evaluated yet"
    elif not done:
        state = f"the first of {planned} epochs is under way"
    else:
        seconds = statistics.median(line.get("seconds", 0.0) for line in lines)
        state = f"{done} of {planned} epochs; about {duration(max(planned - done, 0) * seconds)} of training left"
    return RunView(folder, done, planned, state, tuple(_charts(lines, recipe.objective)))


def signature(folder: Path) -> tuple[float, ...]:
    """Changes when the run does: the times of its journal, evaluation and record; empty without a journal."""
    files = (folder / name for name in (JOURNAL, _EVALUATION, RECORD))
    return tuple(file.stat().st_mtime for file in files if file.is_file())


def run_gallery(folder: Path) -> RunGallery:
    """Maps of some test images of an evaluated run, or of validation images by the last checkpoint of one in training.

    Raises:
        RegardError: no run, none with a checkpoint yet, one without maps, or data that are not at hand.
    """
    if (folder / _EVALUATION).is_file():
        return _evaluated(folder)
    run = load_unfinished(folder)
    if not run.model.at:
        raise RegardError(f"{folder}: this run has no attention, so it has no maps of its own")
    index = evenly_spaced(len(run.data.val), _IMAGES)
    batch = run.data.val.batch(index)
    maps = run.model.explain(batch.images)
    classes = run.data.classes if run.recipe.task == "classification" else ()
    cards = []
    for k in range(len(batch.images)):
        one = LookedMap("attention", Map(maps.values[k : k + 1].detach(), maps.unit), 0.0)
        title = classes[int(batch.labels[k])] if classes and batch.labels.ndim == 1 else f"image {int(index[k])}"
        cards.append(map_card(title, picture_of(batch.images[k]), one, timed=False))
    lead = "validation images and their true class" if classes else "validation images"
    return RunGallery(f"After epoch {run.epoch + 1} of {run.recipe.train.epochs}", lead, tuple(cards))


def _evaluated(folder: Path) -> RunGallery:
    run = read_run(folder)
    pictures, meaning = run.pictures, run.evaluation.map
    if pictures is None or meaning is None:
        raise RegardError(f"{folder}: this run has no attention, so its evaluation has no gallery")
    cards = []
    for item in run.evaluation.gallery:
        values = torch.from_numpy(pictures.maps[item.row].copy())[None, None]
        title = f"{item.item}: {item.prediction}" + (
            f" ({item.truth})" if item.truth not in ("", item.prediction) else ""
        )
        one = LookedMap("attention", Map(values, meaning.unit), 0.0)
        cards.append(map_card(title, pictures.images[item.row], one, timed=False))
    return RunGallery(
        "Test images of the evaluation", "prediction, and the true class where it is another", tuple(cards)
    )


def _charts(lines: tuple[Mapping[str, float], ...], objective: object) -> list[tuple[str, tuple[Series, ...]]]:
    charts = []
    for key, title in LEARNING:
        label = "training" if key.startswith("train/") else "validation"
        series = [_series(lines, key, label, "main")]
        if key == "val/accuracy":
            series.append(_series(lines, "train/accuracy", "training", "second"))
        charts.append((title, tuple(series)))
    for key, title, budget in BITS:
        series = [_series(lines, key, "validation", "main")]
        level = getattr(objective, budget, None)
        if isinstance(level, int | float) and series[0].x:
            ends = (min(series[0].x), max(series[0].x))
            series.append(Series(f"budget {level:g}", ends, (float(level), float(level)), "level"))
        charts.append((title, tuple(series)))
    return charts


def _series(lines: tuple[Mapping[str, float], ...], key: str, label: str, style: str) -> Series:
    rows = [(line["epoch"], line[key]) for line in lines if key in line]
    return Series(label, [x for x, _ in rows], [y for _, y in rows], style)
