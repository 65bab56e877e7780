"""What the tab *Run* does: the curves of a run while it trains, and maps of its last checkpoint."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import gradio as gr

from regard.app.cards import cards_html, charts_html, notes_html
from regard.app.context import AppContext, why
from regard.app.run_view import run_gallery, signature, view_run
from regard.types import RegardError

SeenRun = tuple[str, tuple[float, ...]]
"""The run that is shown, and the times of its files when it was read."""


def list_runs(context: AppContext) -> Any:
    """The runs that can be chosen, the one that was written to last first."""
    names = context.shelf.run_names()
    latest = sorted(names, key=lambda name: max(signature(Path(name)), default=0.0), reverse=True)
    return gr.update(choices=latest, value=latest[0] if latest else None)


def show_run(context: AppContext, name: str | None, seen: SeenRun | None) -> tuple[SeenRun | None, Any, Any]:
    """State and curves of a run; nothing is drawn again while its files stay as they were."""
    if not name:
        return None, notes_html([], f"No run below {context.settings.runs}; `regard train` makes one."), ""
    try:
        folder = _folder(context, name)
        now = (name, signature(folder))
        if seen is not None and (seen[0], tuple(seen[1])) == now:
            return seen, gr.skip(), gr.skip()
        view = view_run(folder)
    except Exception as error:
        return None, notes_html([why(error)]), ""
    return now, notes_html([], f"{name}: {view.state}"), charts_html(view.charts)


def show_run_gallery(context: AppContext, name: str | None) -> tuple[str, str]:
    """Maps of some images, and notes."""
    if not name:
        return "", notes_html([], "Choose a run first.")
    try:
        gallery = run_gallery(_folder(context, name))
    except Exception as error:
        return "", notes_html([why(error)])
    return cards_html(gallery.cards, gallery.heading, gallery.lead), notes_html([])


def _folder(context: AppContext, name: str) -> Path:
    """The folder of a run; where others reach the app, one of those that are listed."""
    if not context.settings.local and name not in context.shelf.run_names():
        raise RegardError(f"run {name!r} is not offered here; the app's owner names another folder when starting it")
    return Path(name)
