"""What the tab *Compare* does: two models or two methods on the same pictures."""

from __future__ import annotations

from pathlib import Path
from typing import Any, NamedTuple

import gradio as gr

from regard.app.cards import cards_html, map_card, notes_html
from regard.app.compare import Comparison, Side, columns, compare
from regard.app.context import AppContext, why
from regard.app.look import Looked
from regard.app.uploads import given_files
from regard.files import write_atomically
from regard.report import number, plural


class Compared(NamedTuple):
    """What is shown of a comparison, in the order of the page's parts."""

    state: Comparison | None
    notes: str
    table: Any
    pairs: str
    file: Any


def show_comparison(
    context: AppContext,
    values: Any,
    first: tuple[str | None, str | None],
    second: tuple[str | None, str | None],
    request: Any = None,
    progress: Any = None,
) -> Compared:
    """Compares; what is wrong is said in the notes. What was done before the user stopped it is shown."""
    try:
        files = given_files(values, context.settings.limits)
        work = context.begin(request, progress)
        sides = [Side(context.shelf.open(model), method or "grad_cam") for model, method in (first, second)]
        found = compare(sides[0], sides[1], files, work)
    except Exception as error:
        return Compared(None, notes_html([why(error)]), gr.update(value=[]), "", gr.update(value=None, visible=False))
    file = write_atomically(context.new_folder() / "comparison.csv", found.to_csv())
    return Compared(
        found,
        notes_html(found.problems, summary(found)),
        gr.update(value=found.rows(), headers=list(columns())),
        show_pair(found, 0),
        gr.update(value=str(file), visible=True),
    )


def summary(found: Comparison) -> str:
    """How many predictions differ, and how much the maps agree, with the agreement of maps of other pictures."""
    count, flips = len(found.pairs), found.flips
    text = "Stopped. " if found.stopped else ""
    if not count:
        return text + "No picture was compared."
    if found.comparable:
        text += f"{len(flips)} of {plural(count, 'picture')} predicted differently"
    else:
        text += f"{plural(count, 'picture')}; the models know different classes, so their predictions do not compare"
    own, floor = found.mean(lambda pair: pair.agreement), found.mean(lambda pair: pair.floor)
    if own == own:
        text += f"; rank correlation of the maps {number(own)}"
        text += f", of maps of different pictures {number(floor)}" if floor == floor else ""
    return text + "."


def show_pair(found: Comparison | None, row: int) -> str:
    """Both maps of one picture side by side."""
    if found is None or not 0 <= row < len(found.pairs):
        return ""
    pair = found.pairs[row]
    cards = [
        map_card(_title(letter, one), one.picture, map)
        for letter, one in (("A", pair.a), ("B", pair.b))
        for map in one.maps
    ]
    lead = ("the same prediction" if pair.same else "different predictions") if found.comparable else ""
    lead += f"; rank correlation of the maps {number(pair.agreement)}" if pair.agreement == pair.agreement else ""
    return cards_html(cards, pair.a.name, lead.removeprefix("; "))


def suited_methods(context: AppContext, name: str | None) -> Any:
    """The methods of a side whose model was chosen: its learned attention where it has some."""
    from regard.app.look import OFFERED, default_methods

    try:
        chosen = default_methods(context.shelf.open(name))[0]
    except Exception:
        chosen = "grad_cam"
    return gr.update(choices=list(OFFERED), value=chosen)


def _title(letter: str, one: Looked) -> str:
    method = one.maps[0].label if one.maps else ""
    name = Path(one.subject.name).name or one.subject.name
    return f"{letter}: {name}, {method}: {one.prediction} {number(float(one.probabilities.max()))}"
