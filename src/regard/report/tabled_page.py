"""The page of `regard table`: arms down, columns across, claims, tuning, and what was compared."""

from __future__ import annotations

from pathlib import Path

from regard.report import tabled as words_of
from regard.report.files import write_atomically
from regard.report.page import environment, page_parts
from regard.report.swept import sweep_charts
from regard.report.tabled import Tabled, read_tabled
from regard.report.words import duration, plural


def write_tabled_page(folder: Path) -> Path:
    """Read ``table.json`` in ``folder`` and write ``report.html`` there, whole or not at all.

    Raises:
        RegardError: the table is missing or corrupt, or the page cannot be written.
    """
    tabled = read_tabled(folder)
    template = environment().get_template("tabled.html.j2")
    html = template.render(
        **page_parts(), tabled=tabled, summary=summary(tabled), say=words_of, charts=sweep_charts(tabled)
    )
    return write_atomically(folder / "report.html", html.encode("utf-8", "replace"))


def summary(tabled: Tabled) -> str:
    """What was compared, in two sentences."""
    ran = sum(len(row.seeds) for row in tabled.rows)
    paired = "paired by seed and image" if len(tabled.seeds) > 1 else "with one seed, so nothing is said of retraining"
    return (
        f"{plural(len(tabled.rows), 'arm')}, {plural(len(tabled.seeds), 'seed')} each, {plural(ran, 'run')} in "
        f"{duration(tabled.seconds)} of one worker's time; differences are to {tabled.reference}, {paired}. The last "
        "epoch is reported, and beside it the best on validation images; nothing was chosen on test images."
    )
