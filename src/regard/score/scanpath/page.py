"""What `regard scanpaths` shows: scores with floors and ceiling, in a terminal and as a page with drawn scanpaths."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np
import numpy.typing as npt
from rich.console import Console

from regard.reading import ArrayFile
from regard.report import picture_uri, plural, render_page, write_page
from regard.score.people import ComparedItem, PeopleResults, gallery_cards, print_people, write_people_gallery
from regard.score.scanpath.results import SCANPATH_LABELS, SCANPATH_REMEDY, read_scanpath_results

_Path = npt.NDArray[np.float64]
_WHY = "by the mean sequence score of the models"


@dataclass(frozen=True)
class DrawnPath:
    """One scanpath: its points as shares of width and height, in percent."""

    name: str
    points: tuple[tuple[float, float], ...]


@dataclass(frozen=True)
class PathCard:
    """One image of the gallery with a scanpath of each model and of one observer."""

    item: ComparedItem
    image: str
    width: int
    height: int
    paths: tuple[DrawnPath, ...]


def write_scanpath_gallery(
    results: PeopleResults,
    scores: npt.NDArray[np.float64],
    people: Mapping[str, Mapping[str, _Path]],
    predicted: Mapping[str, Mapping[str, Mapping[str, _Path]]],
    images: str | Path,
    folder: str | Path,
) -> PeopleResults:
    """Writes ``gallery.npz`` (image_k, person_k, model_k_m: points as shares of the image), and lists its rows.

    Args:
        results: without a gallery.
        scores: (models, images) sequence scores, NaN where a model has no scanpath.
        people: image -> observer -> scanpath.
        predicted: model -> image -> scanpath's name -> scanpath.
        images: folder.
        folder: of the file.

    Raises:
        RegardError: an image that cannot be read.
    """

    def drawn(name: str, size: tuple[int, int]) -> dict[str, npt.NDArray[np.float32]]:
        paths = {"person": next(iter(people[name].values()))}
        paths |= {f"model_{m}": next(iter(of[name].values())) for m, of in enumerate(predicted.values())}
        return {who: (path[:, :2] / size).astype(np.float32) for who, path in paths.items()}

    return write_people_gallery(results, scores, list(people), images, Path(folder), drawn)


def write_scanpath_page(folder: Path) -> Path:
    """Read what `regard scanpaths` wrote into ``folder`` and write ``report.html`` there, whole or not at all.

    Raises:
        RegardError: a file is missing or corrupt, or the page cannot be written.
    """
    results = read_scanpath_results(folder)
    html = render_page(
        "score/scanpath/page.html.j2",
        results=results,
        models=[(model, results.rows(model, SCANPATH_LABELS)) for model in results.models],
        summary=f"{plural(results.images, 'image')} with {plural(results.people, 'viewing')} of people."
        + results.summary("sequence_score", "sequence score"),
        rules=gallery_cards(results, folder, SCANPATH_REMEDY, partial(_card, models=list(results.models))),
        why=_WHY,
    )
    return write_page(folder, html)


def _card(item: ComparedItem, arrays: ArrayFile, models: list[str]) -> PathCard:
    image = arrays[f"image_{item.row}"]
    names = {"a person": f"person_{item.row}"} | {name: f"model_{m}_{item.row}" for m, name in enumerate(models)}
    drawn = tuple(
        DrawnPath(name, tuple((round(100 * float(x), 2), round(100 * float(y), 2)) for x, y in arrays[key]))
        for name, key in names.items()
    )
    return PathCard(item, picture_uri(image), image.shape[1], image.shape[0], drawn)


def print_scanpath_scores(results: PeopleResults, console: Console | None = None) -> None:
    """The tables of the command."""
    print_people(results, SCANPATH_LABELS, console)
