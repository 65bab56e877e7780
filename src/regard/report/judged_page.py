"""The page of `regard judge`: every measure with all methods on one axis of words, floors beside every number."""

from __future__ import annotations

from pathlib import Path

from regard.report.files import write_atomically
from regard.report.judged import GROUPS, Judged, beyond_floor, read_judged
from regard.report.page import environment, page_parts
from regard.report.words import plural


def write_judged_page(folder: Path) -> Path:
    """Read ``judge.json`` in ``folder`` and write ``report.html`` there, whole or not at all.

    Raises:
        RegardError: the table is missing or corrupt, or the page cannot be written.
    """
    judged = read_judged(folder)
    template = environment().get_template("judged.html.j2")
    html = template.render(
        **page_parts(), judged=judged, groups=GROUPS, summary=summary(judged), beyond_floor=beyond_floor
    )
    return write_atomically(folder / "report.html", html.encode("utf-8", "replace"))


def summary(judged: Judged) -> str:
    """What was judged, in a sentence."""
    methods = plural(sum(not m.control for m in judged.methods), "method")
    return (
        f"{methods} of saying where {judged.model.name} looks, judged on {plural(judged.data.images, 'image')} of "
        f"{judged.data.name}. Each map explains the class that the network predicts. No map is judged by one number, "
        "and none without what a map that knows nothing reaches."
    )
