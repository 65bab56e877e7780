"""The tab *Run*, as parts of Gradio and what happens when they are used."""

from __future__ import annotations

from typing import Any

import gradio as gr

from regard.app.context import AppContext

_EVERY = 3.0
"""Seconds between two looks at a run's files."""


def build_run(context: AppContext) -> list[tuple[Any, list[Any]]]:
    """The tab's parts, and what happens when they are used; (function of the page's load, its outputs)."""
    state = gr.State(None, time_to_live=3600)
    with gr.Row(equal_height=True):
        run = gr.Dropdown([], label="Run", allow_custom_value=context.settings.local, scale=4, elem_id="run-name")
        again = gr.Button("List again", scale=0, min_width=120)
        live = gr.Checkbox(True, label="Follow it", scale=0, min_width=120, elem_id="run-live")
    notes = gr.HTML(elem_id="run-notes")
    curves = gr.HTML(elem_id="run-curves")
    show = gr.Button("Maps of some images now", size="sm", elem_id="run-maps")
    gallery_notes = gr.HTML()
    gallery = gr.HTML(elem_id="run-gallery")
    timer = gr.Timer(_EVERY)

    def listing() -> Any:
        from regard.app.run_actions import list_runs

        return list_runs(context)

    def reading(name: str | None, seen: Any) -> Any:
        from regard.app.run_actions import show_run

        return show_run(context, name, seen)

    def drawing(name: str | None) -> Any:
        from regard.app.run_actions import show_run_gallery

        return show_run_gallery(context, name)

    shown = [state, notes, curves]
    run.change(reading, [run, state], shown, show_progress="hidden")
    timer.tick(reading, [run, state], shown, show_progress="hidden")
    live.input(lambda on: gr.Timer(active=on), live, timer, show_progress="hidden")
    again.click(listing, None, run)
    show.click(drawing, run, [gallery, gallery_notes], show_progress="full", show_progress_on=[gallery])
    return [(listing, [run])]
