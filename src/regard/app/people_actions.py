"""What the tab *People* does: maps against uploaded fixations, with floor and ceiling of every image."""

from __future__ import annotations

from pathlib import Path
from typing import Any, NamedTuple

import gradio as gr
import numpy as np

from regard.app.cards import cards_html, map_card, notes_html
from regard.app.context import AppContext, why
from regard.app.look import LookedMap
from regard.app.people import SCORED_KINDS, Scored, fixated_points, gather, score_people
from regard.app.uploads import given_files
from regard.app.work import StoppedError
from regard.data import read_image
from regard.files import csv_name, write_atomically
from regard.report import number, render_page
from regard.types import Map, RegardError

_SHOWN = 384


class PeopleShown(NamedTuple):
    """What is shown of scores, in the order of the page's parts."""

    state: tuple[Scored, Path] | None
    notes: str
    scores: str
    table: Any
    image: str
    file: Any


def show_people(
    context: AppContext,
    gaze: str | None,
    images: Any,
    model: str | None,
    method: str | None,
    request: Any = None,
    progress: Any = None,
) -> PeopleShown:
    """Scores maps against fixations; what is wrong is said in the notes.

    Args:
        context: of the app.
        gaze: the file of fixations.
        images: uploaded pictures, or a folder of this machine.
        model: its name.
        method: by which it is explained.
        request: of the user.
        progress: bar of Gradio.
    """
    try:
        if not gaze:
            raise RegardError(
                "give a file of fixations: CSV with the columns image, x, y, and subject where it is known"
            )
        folder = _folder(context, images)
        subject, work = context.shelf.open(model), context.begin(request, progress)
        scored = score_people(subject, method or "grad_cam", Path(gaze), folder, work)
    except StoppedError:
        return _none(notes_html([], "Stopped."))
    except Exception as error:
        return _none(notes_html([why(error)]))
    frame = scored.scores.to_frame()
    frame = frame.assign(image=frame["image"].map(csv_name))
    file = write_atomically(context.new_folder() / "per_image.csv", frame.to_csv(index=False, lineterminator="\n"))
    count = len(scored.scores.images)
    done = f"{count} images, {sum(scored.scores.fixations)} fixations, maps by {scored.method} of {subject.name}."
    return PeopleShown(
        (scored, folder),
        notes_html(scored.notes(), done),
        render_page("app/scores.html.j2", scores=scored.scores.results(name=scored.method).rows()),
        gr.update(value=scored.rows(), headers=scored.columns()),
        show_image((scored, folder), 0),
        gr.update(value=str(file), visible=True),
    )


def show_image(state: tuple[Scored, Path] | None, row: int) -> str:
    """The map of one image, and where people looked on it."""
    if state is None or not 0 <= row < len(state[0].scores.images):
        return ""
    scored, folder = state
    name = scored.scores.images[row]
    picture = read_image(folder / name)
    picture.thumbnail((_SHOWN, _SHOWN))
    shown = np.asarray(picture)
    map = LookedMap(scored.method, Map(scored.maps[name][None, None], "relevance"), 0.0)
    values = scored.scores.values
    found = {label: values[kind]["nss"][row] for kind, label in SCORED_KINDS.items() if "nss" in values.get(kind, {})}
    lead = "NSS " + ", ".join(f"of {label} {number(float(value))}" for label, value in found.items()) if found else ""
    card = map_card(map.label, shown, map, timed=False)
    return cards_html([card], name, lead, fixated_points(scored, name))


def _folder(context: AppContext, images: Any) -> Path:
    """The folder of the images: one of this machine, or a new one with the uploaded pictures."""
    if isinstance(images, str):
        if not context.settings.local:
            raise RegardError("upload the pictures: folders of this machine are not opened for others")
        folder = Path(images.strip()).expanduser()
        if not folder.is_dir():
            raise RegardError(f"{folder}: no such folder; give one of this machine, or upload the pictures")
        return folder
    files = given_files(images, context.settings.limits)
    if not files:
        raise RegardError("give the pictures that the fixations are on")
    return gather(files, context.new_folder())


def _none(notes: str) -> PeopleShown:
    return PeopleShown(None, notes, "", gr.update(value=[]), "", gr.update(value=None, visible=False))
