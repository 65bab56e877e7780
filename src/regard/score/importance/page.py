"""What `regard importance` shows: scores with floors and ceiling, in a terminal and as a page with the maps."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np
import numpy.typing as npt
from rich.console import Console
from torch import Tensor

from regard.plot import scale_of
from regard.reading import ArrayFile
from regard.report import Panels, panels, plural, render_page, write_page
from regard.score.importance.results import IMPORTANCE_LABELS, IMPORTANCE_REMEDY, read_importance_results
from regard.score.maps import MapFiles
from regard.score.people import ComparedItem, PeopleResults, gallery_cards, print_people, write_people_gallery


@dataclass(frozen=True)
class ImportanceCard:
    """One image of the gallery with people's map and each model's."""

    item: ComparedItem
    maps: tuple[tuple[str, Panels], ...]


def write_importance_gallery(
    results: PeopleResults,
    scores: npt.NDArray[np.float64],
    people: Mapping[str, Tensor],
    models: Mapping[str, MapFiles],
    images: str | Path,
    folder: Path,
) -> PeopleResults:
    """Writes ``gallery.npz`` (image_k, people_k, model_m_k), and lists its rows.

    Args:
        results: without a gallery.
        scores: (models, images) rank correlations, NaN where a model has no map.
        people: image -> people's map (1,1,h,w).
        models: name -> maps.
        images: folder.
        folder: of the file.

    Raises:
        RegardError: an image that cannot be read.
    """

    def drawn(name: str, _size: tuple[int, int]) -> dict[str, npt.NDArray[np.float32]]:
        maps = {"people": people[name]} | {f"model_{m}": files.read(name) for m, files in enumerate(models.values())}
        return {whose: values[0, 0].numpy().astype(np.float32) for whose, values in maps.items()}

    return write_people_gallery(results, scores, list(people), images, folder, drawn)


def write_importance_page(folder: Path) -> Path:
    """Read what `regard importance` wrote into ``folder`` and write ``report.html`` there, whole or not at all.

    Raises:
        RegardError: a file is missing or corrupt, or the page cannot be written.
    """
    results = read_importance_results(folder)
    html = render_page(
        "score/importance/page.html.j2",
        results=results,
        models=[(model, results.rows(model, IMPORTANCE_LABELS)) for model in results.models],
        summary=f"{plural(results.images, 'image')} with {plural(results.people, 'map')} of people."
        + results.summary("spearman", "rank correlation"),
        rules=gallery_cards(results, folder, IMPORTANCE_REMEDY, partial(_card, models=list(results.models))),
    )
    return write_page(folder, html)


def _card(item: ComparedItem, arrays: ArrayFile, models: list[str]) -> ImportanceCard:
    image = arrays[f"image_{item.row}"]
    keys = {"people": f"people_{item.row}"} | {name: f"model_{m}_{item.row}" for m, name in enumerate(models)}
    maps = {name: arrays[key] for name, key in keys.items()}
    drawn = tuple((name, panels(image, values, scale_of([values], "relevance"))) for name, values in maps.items())
    return ImportanceCard(item, drawn)


def print_importance_scores(results: PeopleResults, console: Console | None = None) -> None:
    """The tables of the command."""
    print_people(results, IMPORTANCE_LABELS, console)
