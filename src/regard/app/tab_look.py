"""The tab *Look*, as parts of Gradio and what happens when they are used.

Nothing but Gradio is imported before something is used, so that the page is there at once.
"""

from __future__ import annotations

from typing import Any

import gradio as gr

from regard.app.context import NOBODY, PREDICTED, AppContext

FILLS = [("a blurred copy of the picture", "blur"), ("the picture's mean colour", "mean")]
_OPACITY = "(v) => { document.documentElement.style.setProperty('--opacity', v / 100); }"
"""Of the maps, changed where they are shown, without asking the server."""


def build_look(context: AppContext) -> list[tuple[Any, list[Any]]]:
    """The tab's parts, and what happens when they are used; (function of the page's load, its outputs)."""
    state = gr.State(None, time_to_live=3600)
    with gr.Row():
        with gr.Column(scale=1, min_width=250):
            model = gr.Dropdown(
                [],
                label="Model",
                info="A run's folder, a network of timm or an id of a Hub" if context.settings.local else None,
                allow_custom_value=context.settings.local,
                elem_id="look-model",
            )
            files = gr.File(file_count="multiple", label="Pictures", height=150, elem_id="look-files")
            with gr.Row():
                folder = gr.UploadButton("A folder", file_count="directory", size="sm")
            with gr.Accordion("Webcam", open=False):
                webcam = gr.Image(sources=["webcam"], type="filepath", show_label=False, height=240)
            picture = gr.Dropdown([], label="Picture", visible=False, elem_id="look-picture")
            methods = gr.Dropdown([], multiselect=True, label="Methods", elem_id="look-methods")
            target = gr.Dropdown([(PREDICTED, "")], value="", label="Explained class", elem_id="look-target")
            against = gr.Dropdown([(NOBODY, "")], value="", label="Why not this class", elem_id="look-against")
            with gr.Row():
                go = gr.Button("Look", variant="primary", elem_id="look-go")
                stop = gr.Button("Stop", elem_id="look-stop")
        with gr.Column(scale=2, min_width=250):
            notes = gr.HTML(elem_id="look-notes")
            bars = gr.Label(label="Prediction", num_top_classes=7, elem_id="look-bars")
            maps = gr.HTML(elem_id="look-maps")
            with gr.Row():
                opacity = gr.Slider(0, 100, 60, step=1, label="Opacity of the maps, %", elem_id="look-opacity")
                top_bits = gr.Number(0, label="Bits at the lightest colour", info="0: the map's own largest value")
            by = gr.Dropdown([], label="By the map of", elem_id="look-by")
            with gr.Accordion("What the network still knows", open=True):
                share = gr.Slider(0, 100, 50, step=1, label="Kept, % of the map", elem_id="look-share")
                with gr.Row():
                    kept_picture = gr.Image(label="What is kept", interactive=False, height=260, buttons=[])
                    with gr.Column():
                        kept = gr.HTML(elem_id="look-kept")
                        curve = gr.HTML(elem_id="look-curve")
            with gr.Accordion("Take patches away: click them", open=True), gr.Row():
                patches = gr.Image(
                    label="Click a patch", interactive=False, height=340, buttons=[], elem_id="look-patches"
                )
                with gr.Column():
                    fill = gr.Dropdown(FILLS, value="blur", label="In its place")
                    answer = gr.HTML(elem_id="look-answer")
                    answer_bars = gr.Label(label="Prediction without them", num_top_classes=5)
                    back = gr.Button("Put all back", size="sm")
            save = gr.Button("Save PNG, SVG and CSV", size="sm", elem_id="look-save")
            saved = gr.File(label="Files", visible=False, elem_id="look-saved")

    def opening(name: str | None) -> Any:
        from regard.app.look_actions import choose_model

        return choose_model(context, name)

    def loading() -> Any:
        from regard.app.look_actions import choose_model

        names = context.shelf.names()
        first = names[0] if names else None
        return gr.update(choices=names, value=first), *choose_model(context, first)

    def receiving(values: Any) -> Any:
        from regard.app.look_actions import choose_files

        return choose_files(context, values)

    def looking(
        name: str | None, file: str | None, by_methods: list[str], class_: str, other: str, top: float,
        request: gr.Request, progress: gr.Progress = gr.Progress(),  # noqa: B008  # Gradio finds it by its default
    ) -> Any:  # fmt: skip
        from regard.app.look_actions import show_looked

        return show_looked(context, name, file, by_methods, class_, other, top, request, progress)

    def stopping(request: gr.Request) -> None:
        context.stop(request)

    def drawing(seen: Any, top: float) -> str:
        from regard.app.look_actions import redraw

        return redraw(seen, top)

    def keeping(seen: Any, method: str | None, percent: float) -> Any:
        from regard.app.look_actions import show_kept

        return show_kept(seen, method, percent)

    def following(seen: Any, method: str | None) -> str:
        from regard.app.look_actions import show_curve

        return show_curve(seen, method)

    def clicking(seen: Any, method: str | None, place: str, event: gr.SelectData) -> Any:
        from regard.app.look_actions import click_patch

        return click_patch(seen, method, place, (event.index[0], event.index[1]))

    def restoring(seen: Any, method: str | None, place: str) -> Any:
        from regard.app.look_actions import click_patch

        return click_patch(seen, method, place, None)

    def saving(seen: Any) -> Any:
        from regard.app.look_actions import export_files

        return export_files(context, seen)

    chosen = [model, picture, methods, target, against, top_bits]
    shown = [state, notes, bars, maps, by, patches, answer, answer_bars, saved]
    seen: dict[str, Any] = {"show_progress": "full", "show_progress_on": [maps]}
    quiet: dict[str, Any] = {"show_progress": "hidden"}

    def then_know(event: Any) -> None:
        """What the network still knows follows every look."""
        event.then(keeping, [state, by, share], [kept, kept_picture], **quiet).then(
            following, [state, by], curve, **quiet
        )

    model.input(opening, model, [methods, target, against, notes])
    for event in (
        files.upload(receiving, files, [picture, notes]),
        folder.upload(receiving, folder, [picture, notes]),
        webcam.input(receiving, webcam, [picture, notes]),
    ):
        then_know(event.then(looking, chosen, shown, **seen))
    then_know(picture.input(looking, chosen, shown, **seen))
    then_know(go.click(looking, chosen, shown, **seen))
    stop.click(stopping, None, None, queue=False)
    opacity.input(None, opacity, None, js=_OPACITY)
    top_bits.change(drawing, [state, top_bits], maps, **quiet)
    share.release(keeping, [state, by, share], [kept, kept_picture], **quiet)
    answered = [state, patches, answer, answer_bars]
    then_know(by.input(restoring, [state, by, fill], answered, **quiet))
    patches.select(clicking, [state, by, fill], answered, **quiet)
    back.click(restoring, [state, by, fill], answered, **quiet)
    save.click(saving, state, [saved, notes])
    return [(loading, [model, methods, target, against, notes])]
