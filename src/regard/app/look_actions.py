"""What the tab *Look* does: pictures through a model, maps side by side, what it still knows, patches taken away."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, NamedTuple

import gradio as gr

from regard.app.cards import chart_html, clickable, closed_over, maps_html, notes_html
from regard.app.context import NOBODY, PREDICTED, AppContext, class_choices, class_number, why
from regard.app.export import export_looked
from regard.app.knows import SHARES, Position, answer_without, cell_at, keep, picture_without
from regard.app.look import OFFERED, Looked, LookedMap, chances, default_methods, look
from regard.app.uploads import given_files
from regard.app.work import StoppedError
from regard.plot import Picture, Series, picture_of
from regard.report import number
from regard.types import RegardError


@dataclass(frozen=True)
class LookState:
    """What one user sees: the picture with its maps, and the patches that were taken away."""

    looked: Looked | None = None
    removed: frozenset[Position] = frozenset()


class LookShown(NamedTuple):
    """What follows from looking at a picture, in the order of the page's parts."""

    state: LookState
    notes: str
    chances: dict[str, float] | None
    maps: str
    by: Any
    clickable: Picture | None
    answer: str
    answer_chances: dict[str, float] | None
    files: Any


def choose_model(context: AppContext, name: str | None) -> tuple[Any, Any, Any, str]:
    """The choices of methods, of the explained class and of the other one of a model, and notes."""
    try:
        subject = context.shelf.open(name)
    except Exception as error:
        empty = gr.update(choices=[], value=None)
        return gr.update(), empty, empty, notes_html([why(error)])
    classes = subject.classes
    return (
        gr.update(choices=list(OFFERED), value=default_methods(subject)),
        gr.update(choices=class_choices(classes, PREDICTED), value=""),
        gr.update(choices=class_choices(classes, NOBODY), value=""),
        notes_html([], f"{subject.name}: {len(classes)} classes, images of {subject.size[1]} × {subject.size[0]}"),
    )


def choose_files(context: AppContext, values: Any) -> tuple[Any, str]:
    """The choice among the pictures that were given, the first of them chosen."""
    try:
        files = given_files(values, context.settings.limits)
    except RegardError as error:
        return gr.update(choices=[], value=None, visible=False), notes_html([error])
    choices = [(file.name, str(file)) for file in files]
    first = choices[0][1] if choices else None
    return gr.update(choices=choices, value=first, visible=len(choices) > 1), notes_html([])


def show_looked(
    context: AppContext,
    model: str | None,
    picture: str | None,
    methods: list[str] | None,
    target: str | None,
    against: str | None,
    top_bits: float | None,
    request: Any = None,
    progress: Any = None,
) -> LookShown:
    """Looks at a picture; what is wrong is said in the notes, and nothing else is shown then."""
    if not picture:
        return _nothing(notes_html([], "Give a picture: drop files, choose a folder, or use the webcam."))
    work = context.begin(request, progress)
    try:
        subject = context.shelf.open(model)
        looked = look(
            subject,
            Path(picture),
            methods or default_methods(subject),
            target=class_number(target),
            against=class_number(against),
            work=work,
        )
    except Exception as error:
        stopped = isinstance(error, StoppedError)
        return _nothing(notes_html([] if stopped else [why(error)], "Stopped." if stopped else ""))
    names = [map.method for map in looked.maps]
    return LookShown(
        LookState(looked),
        notes_html(looked.problems),
        looked.chances(),
        maps_html(looked, top_bits=top_bits or 0.0),
        gr.update(choices=[(map.label, map.method) for map in looked.maps], value=names[0] if names else None),
        _clickable(looked, _map_of(looked, names[0] if names else None), frozenset(), "blur"),
        "",
        None,
        gr.update(value=None, visible=False),
    )


def redraw(state: LookState | None, top_bits: float | None) -> str:
    """The maps again, with bits on another scale."""
    return maps_html(None if state is None else state.looked, top_bits=top_bits or 0.0)


def show_kept(state: LookState | None, method: str | None, percent: float) -> tuple[str, Picture | None]:
    """What the network says of the highest positions of a map alone, and the picture with the others darkened."""
    found = _chosen(state, method)
    if found is None:
        return notes_html([], "Look at a picture first."), None
    looked, map = found
    try:
        (kept,) = keep(looked, map, [percent / 100])
    except Exception as error:
        return notes_html([why(error)]), None
    best, classes = int(kept.probabilities.argmax()), looked.subject.classes
    total = float(map.values.sum())
    held = f"{number(kept.bits)} of {number(total)} bits, " if kept.bits is not None else ""
    how = "closed at the learned gate" if kept.at_gate else "blurred"
    text = f"{held}{100 * kept.positions:.0f} % of the positions kept, the others {how}: "
    text += f"{classes[best]}, probability {number(float(kept.probabilities[best]))}"
    if best != looked.target:
        text += f"; {classes[looked.target]} has {number(float(kept.probabilities[looked.target]))}"
    return notes_html([], text), clickable(closed_over(looked.picture, kept.mask.numpy()))


def show_curve(state: LookState | None, method: str | None) -> str:
    """The probability of the explained class over what is kept, as a chart."""
    found = _chosen(state, method)
    if found is None:
        return ""
    looked, map = found
    try:
        points = keep(looked, map, SHARES)
    except Exception as error:
        return notes_html([why(error)])
    bits = map.map.unit == "bits"
    x = [point.bits if point.bits is not None else 100 * point.share for point in points]
    classes = looked.subject.classes
    series = [Series(classes[looked.target], x, [float(p.probabilities[looked.target]) for p in points], "main")]
    if looked.against is not None:
        y = [float(p.probabilities[looked.against]) for p in points]
        series.append(Series(classes[looked.against], x, y, "control"))
    return chart_html("Probability", series, xlabel="bits kept" if bits else "share of positions kept, %")


def click_patch(
    state: LookState | None, method: str | None, fill: Any, at: tuple[float, float] | None
) -> tuple[LookState | None, Picture | None, str, dict[str, float] | None]:
    """Takes away the patch under a point of the picture that is shown, or puts it back; None puts all back."""
    found = _chosen(state, method)
    if state is None or found is None:
        return state, None, notes_html([], "Look at a picture first."), None
    looked, map = found
    grid = _grid(map)
    removed: frozenset[Position] = frozenset()
    if at is not None:
        size = clickable(looked.picture).shape[:2]
        removed = state.removed ^ {cell_at(at[0], at[1], (size[0], size[1]), grid)}
    try:
        probabilities = answer_without(looked, _coarse(map), removed, fill)
    except Exception as error:
        return state, None, notes_html([why(error)]), None
    state = replace(state, removed=removed)
    shown = _clickable(looked, map, removed, fill)
    before, after = int(looked.probabilities.argmax()), int(probabilities.argmax())
    classes = looked.subject.classes
    text = f"{len(removed)} of {grid[0] * grid[1]} patches taken away: {classes[after]}, "
    text += f"probability {number(float(probabilities[after]))}"
    if after != before:
        text += f" (before: {classes[before]})"
    return (
        state,
        shown,
        notes_html([], text),
        chances(looked.subject, probabilities, 5, [looked.target, looked.against]),
    )


def export_files(context: AppContext, state: LookState) -> tuple[Any, str]:
    """The files of what is seen."""
    if state is None or state.looked is None:
        return gr.update(), notes_html([], "Look at a picture first.")
    try:
        files = export_looked(state.looked, context.new_folder())
    except Exception as error:
        return gr.update(), notes_html([why(error)])
    return gr.update(value=[str(file) for file in files], visible=True), notes_html([])


_COARSEST = 14
"""Patches along a side that can be clicked: finer maps than this are clicked in blocks."""


def _grid(map: LookedMap) -> tuple[int, int]:
    h, w = map.map.values.shape[-2:]
    return min(h, _COARSEST), min(w, _COARSEST)


def _coarse(map: LookedMap) -> LookedMap:
    """The same map on the grid that is clicked."""
    return replace(map, map=map.map.resize(_grid(map)))


def _map_of(looked: Looked, method: str | None) -> LookedMap | None:
    return next((map for map in looked.maps if map.method == method), looked.maps[0] if looked.maps else None)


def _chosen(state: LookState | None, method: str | None) -> tuple[Looked, LookedMap] | None:
    if state is None or state.looked is None or (map := _map_of(state.looked, method)) is None:
        return None
    return state.looked, map


def _clickable(looked: Looked, map: LookedMap | None, removed: frozenset[Position], fill: Any) -> Picture:
    if map is None:
        return clickable(looked.picture)
    changed = picture_without(looked, _coarse(map), removed, fill)
    return clickable(picture_of(changed if len(changed) == 3 else changed[:1].expand(3, -1, -1)), _grid(map), removed)


def _nothing(notes: str) -> LookShown:
    empty = gr.update(choices=[], value=None)
    return LookShown(LookState(), notes, None, "", empty, None, "", None, gr.update(value=None, visible=False))
