"""The page of `regard table` and `regard sweep`: charts of a sweep, arms down and columns across, claims, tuning."""

from __future__ import annotations

import math
from pathlib import Path

from regard.experiments.tables import export
from regard.experiments.tables.results import TableResults, read_table_results
from regard.plot import Series
from regard.report import Chart, chart, duration, plural, render_page, write_page

_CHARTS: dict[str, tuple[tuple[str, str, str], ...]] = {
    "Information plane: bits about the label": (
        ("label_bits", "lower bound on I(Z;Y)", "main"),
        ("label_entropy_bits", "H(Y)", "level"),
    ),
    "Accuracy": (("accuracy_mean", "mean", "main"), ("accuracy_one_sample", "one sample", "second")),
    "Map code length, bits": (("code_bits", "map code", "main"),),
    "Gate price, bits": (("gate_bits", "gate", "main"),),
    "Object against other pixels, AUC": (
        ("auc_inside", "map", "main"),
        ("auc_inside_ceiling", "its grid's ceiling", "level"),
    ),
    "Energy of the map inside the object": (
        ("energy_inside", "map", "main"),
        ("area_share", "a uniform map", "control"),
    ),
    "Deletion gap": (("deletion_gap", "map", "main"), ("deletion_gap_random", "random maps", "control")),
    "Calibration error": (
        ("calibration_error", "mean prediction", "main"),
        ("calibration_floor", "if calibrated", "control"),
    ),
    "Unknown images by rate alone, AUROC": (("unknown_auroc", "rate", "main"), ("", "chance", "level")),
}
"""Title -> (column, label, style) of each line; without a column the line is at one half."""
_AXES = (("latent_bits", "latent rate, bits"), ("gate_bits", "gate price, bits"))


def write_table_page(folder: Path) -> Path:
    """Read ``table.json`` in ``folder`` and write ``report.html`` there, whole or not at all.

    Raises:
        RegardError: the table is missing or corrupt, or the page cannot be written.
    """
    results = read_table_results(folder)
    html = render_page(
        "experiments/tables/page.html.j2",
        table=results,
        summary=_summary(results),
        words=export,
        charts=sweep_charts(results),
    )
    return write_page(folder, html)


def _summary(results: TableResults) -> str:
    """What was compared, in two sentences."""
    runs = sum(len(row.seeds) for row in results.rows)
    paired = "paired by seed and image" if len(results.seeds) > 1 else "with one seed, which does not test retraining"
    return (
        f"{plural(len(results.rows), 'arm')}, {plural(len(results.seeds), 'seed')} each, {plural(runs, 'run')} in "
        f"{duration(results.seconds)} of one worker's time; differences are to {results.reference}, {paired}. The last "
        "epoch is reported, and beside it the best on validation images; nothing was chosen on test images."
    )


def sweep_charts(results: TableResults) -> tuple[Chart, ...]:
    """One chart for everything that was measured in a sweep; none of a table that is no sweep."""
    if results.swept is None:
        return ()
    xs, xlabel = sweep_axis(results)
    order = sorted((i for i, x in enumerate(xs) if math.isfinite(x)), key=xs.__getitem__)
    drawn = []
    for title, lines in _CHARTS.items():
        series = [
            Series(label, [xs[i] for i in order], [_value(results, i, key) if key else 0.5 for i in order], style)
            for key, label, style in lines
        ]
        if any(math.isfinite(y) for y in series[0].y):
            drawn.append(chart(title, series, xlabel=xlabel))
    return tuple(c for c in drawn if c is not None)


def sweep_axis(results: TableResults) -> tuple[list[float], str]:
    """Bits of every arm where at least two arms have them, else the field's own values, else their order."""
    arms = range(len(results.rows))
    for key, label in _AXES:
        xs = [_value(results, i, key) for i in arms]
        if sum(math.isfinite(x) for x in xs) > 1:
            return xs, label
    values = [row.changes.get(results.swept or "") for row in results.rows]
    if all(isinstance(x, int | float) for x in values):
        return [float(x) for x in values], str(results.swept)  # type: ignore[arg-type]
    return [float(i) for i in arms], f"{results.swept}, in order"


def _value(results: TableResults, row: int, key: str) -> float:
    """A number of the table; NaN where there is none."""
    cell = results.rows[row].cells.get(key)
    return math.nan if cell is None else cell.value
