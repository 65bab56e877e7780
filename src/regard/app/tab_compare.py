"""The tab *Compare*, as parts of Gradio and what happens when they are used."""

from __future__ import annotations

from typing import Any

import gradio as gr

from regard.app.context import AppContext


def build_compare(context: AppContext) -> list[tuple[Any, list[Any]]]:
    """The tab's parts, and what happens when they are used; (function of the page's load, its outputs)."""
    state = gr.State(None, time_to_live=3600)
    with gr.Row():
        with gr.Column(scale=1, min_width=250):
            files = gr.File(file_count="multiple", label="Pictures", height=150, elem_id="compare-files")
            own = context.settings.local
            sides = []
            for letter in ("A", "B"):
                with gr.Group():
                    model = gr.Dropdown([], label=f"Model {letter}", allow_custom_value=own)
                    method = gr.Dropdown(["grad_cam"], value="grad_cam", label=f"Method {letter}")
                sides += [model, method]
            with gr.Row():
                go = gr.Button("Compare", variant="primary", elem_id="compare-go")
                stop = gr.Button("Stop")
        with gr.Column(scale=2, min_width=250):
            notes = gr.HTML(elem_id="compare-notes")
            pair = gr.HTML(elem_id="compare-pair")
            table = gr.Dataframe(
                headers=["picture"], type="array", interactive=False, wrap=True, elem_id="compare-table",
                label="Click a row to see both maps",
            )  # fmt: skip
            saved = gr.File(label="Table", visible=False)

    def loading() -> Any:
        from regard.app.compare_actions import suited_methods

        names = context.shelf.names()
        first, second = (names[0], names[min(1, len(names) - 1)]) if names else (None, None)
        return (
            gr.update(choices=names, value=first), suited_methods(context, first),
            gr.update(choices=names, value=second), suited_methods(context, second),
        )  # fmt: skip

    def choosing(name: str | None) -> Any:
        from regard.app.compare_actions import suited_methods

        return suited_methods(context, name)

    def comparing(
        values: Any, model_a: str | None, method_a: str | None, model_b: str | None, method_b: str | None,
        request: gr.Request, progress: gr.Progress = gr.Progress(),  # noqa: B008  # Gradio finds it by its default
    ) -> Any:  # fmt: skip
        from regard.app.compare_actions import show_comparison

        return show_comparison(context, values, (model_a, method_a), (model_b, method_b), request, progress)

    def choosing_row(found: Any, event: gr.SelectData) -> str:
        from regard.app.compare_actions import show_pair

        return show_pair(found, event.index[0])

    def stopping(request: gr.Request) -> None:
        context.stop(request)

    sides[0].input(choosing, sides[0], sides[1], show_progress="hidden")
    sides[2].input(choosing, sides[2], sides[3], show_progress="hidden")
    shown = [state, notes, table, pair, saved]
    go.click(comparing, [files, *sides], shown, show_progress="full", show_progress_on=[pair])
    stop.click(stopping, None, None, queue=False)
    table.select(choosing_row, state, pair, show_progress="hidden")
    return [(loading, sides)]
