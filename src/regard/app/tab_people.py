"""The tab *People*, as parts of Gradio and what happens when they are used."""

from __future__ import annotations

from typing import Any

import gradio as gr

from regard.app.context import AppContext


def build_people(context: AppContext) -> list[tuple[Any, list[Any]]]:
    """The tab's parts, and what happens when they are used; (function of the page's load, its outputs)."""
    state = gr.State(None, time_to_live=3600)
    own = context.settings.local
    with gr.Row():
        with gr.Column(scale=1, min_width=250):
            gaze = gr.File(
                file_count="single", label="Fixations: CSV with image, x, y, subject", height=120, elem_id="people-gaze"
            )
            files = gr.File(
                file_count="multiple", label="Pictures that they are on", height=150, elem_id="people-files"
            )
            folder = gr.Textbox(label="or their folder on this machine", visible=own, elem_id="people-folder")
            model = gr.Dropdown([], label="Model", allow_custom_value=own, elem_id="people-model")
            method = gr.Dropdown(["grad_cam"], value="grad_cam", label="Method")
            with gr.Row():
                go = gr.Button("Score", variant="primary", elem_id="people-go")
                stop = gr.Button("Stop")
        with gr.Column(scale=2, min_width=250):
            notes = gr.HTML(elem_id="people-notes")
            image = gr.HTML(elem_id="people-image")
            table = gr.Dataframe(
                headers=["image"], type="array", interactive=False, wrap=True, elem_id="people-table",
                label="Click a row to see the map and the fixations",
            )  # fmt: skip
            with gr.Accordion("All scores over the images, with floors and ceiling", open=False):
                scores = gr.HTML(elem_id="people-scores")
            saved = gr.File(label="Table", visible=False)

    def loading() -> Any:
        from regard.app.compare_actions import suited_methods

        names = context.shelf.names()
        first = names[0] if names else None
        return gr.update(choices=names, value=first), suited_methods(context, first)

    def choosing(name: str | None) -> Any:
        from regard.app.compare_actions import suited_methods

        return suited_methods(context, name)

    def scoring(
        fixations: str | None, values: Any, place: str, name: str | None, by: str | None,
        request: gr.Request, progress: gr.Progress = gr.Progress(),  # noqa: B008  # Gradio finds it by its default
    ) -> Any:  # fmt: skip
        from regard.app.people_actions import show_people

        return show_people(context, fixations, place.strip() or values, name, by, request, progress)

    def choosing_row(found: Any, event: gr.SelectData) -> str:
        from regard.app.people_actions import show_image

        return show_image(found, event.index[0])

    def stopping(request: gr.Request) -> None:
        context.stop(request)

    model.input(choosing, model, method, show_progress="hidden")
    shown = [state, notes, scores, table, image, saved]
    go.click(scoring, [gaze, files, folder, model, method], shown, show_progress="full", show_progress_on=[image])
    stop.click(stopping, None, None, queue=False)
    table.select(choosing_row, state, image, show_progress="hidden")
    return [(loading, [model, method])]
