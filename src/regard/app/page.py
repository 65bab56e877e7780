"""The page of the app: its tabs, its looks, and nothing that is fetched from elsewhere."""

from __future__ import annotations

from importlib import resources
from typing import Any

import gradio as gr

from regard.app.context import AppContext
from regard.app.tab_compare import build_compare
from regard.app.tab_look import build_look
from regard.app.tab_people import build_people
from regard.app.tab_run import build_run

_KEEP_FILES = (300, 3600)
"""Every five minutes, uploaded files that are an hour old are removed."""


def build_page(context: AppContext) -> Any:
    """The page as Gradio's Blocks, not yet served."""

    def leaving(request: gr.Request) -> None:
        context.stop(request)

    with gr.Blocks(title="regard", analytics_enabled=False, delete_cache=_KEEP_FILES, fill_width=True) as page:
        gr.HTML("<h1 class='title'>regard <span>where a network looks, and what it still knows</span></h1>")
        loads: list[tuple[Any, list[Any]]] = []
        with gr.Tab("Look", id="look"):
            loads += build_look(context)
        with gr.Tab("Compare", id="compare"):
            loads += build_compare(context)
        with gr.Tab("People", id="people"):
            loads += build_people(context)
        with gr.Tab("Run", id="run"):
            loads += build_run(context)
        for function, outputs in loads:
            page.load(function, None, outputs, show_progress="hidden")
        page.unload(leaving)
    limits = context.settings.limits
    return page.queue(max_size=limits.wait, default_concurrency_limit=2)


def looks() -> dict[str, Any]:
    """Theme and style for Gradio's ``launch``: the reader's own fonts, the colours of the pages of regard."""
    font = ["system-ui", "-apple-system", "Segoe UI", "Roboto", "Liberation Sans", "Arial", "sans-serif"]
    mono = ["ui-monospace", "Menlo", "Consolas", "Liberation Mono", "monospace"]
    theme = gr.themes.Default(primary_hue="teal", neutral_hue="zinc", font=font, font_mono=mono)
    theme = theme.set(block_info_text_color="*neutral_600", body_text_color_subdued="*neutral_600")
    own, pages = (_packaged(name) for name in ("app/app.css", "report/template/page.css"))
    # the pages' rules count inside of .regard alone: nested, their body, html and :root meet nothing
    style = f"<style>.regard {{\n{pages}\n}}\n{own}</style>"
    return {"theme": theme, "head": style}


def _packaged(name: str) -> str:
    """A file of the package, without importing the room that it belongs to."""
    return resources.files("regard").joinpath(name).read_text(encoding="utf-8")
