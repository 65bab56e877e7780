"""A sweep's charts: everything against the bits that pass."""

from __future__ import annotations

import math

from regard.report import charts
from regard.report.charts import Chart, Series
from regard.report.tabled import Tabled

Drawn = tuple[tuple[str, str, str], ...]
CHARTS: dict[str, Drawn] = {
    "Information plane: bits about the label": (
        ("label_bits", "lower bound on I(Z;Y)", "main"),
        ("label_entropy_bits", "H(Y)", "level"),
    ),
    "Accuracy": (("accuracy_mean", "mean", "main"), ("accuracy_one_sample", "one sample", "second")),
    "Map code length, bits": (("code_bits", "map code", "main"),),
    "Gate price, bits": (("gate_bits", "gate", "main"),),
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
"""Title -> (column, label, style) of each line; no column is one half."""
AXES = (("latent_bits", "latent rate, bits"), ("gate_bits", "gate price, bits"))


def sweep_charts(tabled: Tabled) -> tuple[Chart, ...]:
    """A chart for everything that was measured; none of a table whose arms are no values of one field."""
    if tabled.swept is None:
        return ()
    xs, xlabel = axis(tabled)
    order = sorted((i for i, x in enumerate(xs) if math.isfinite(x)), key=xs.__getitem__)
    drawn = []
    for title, lines in CHARTS.items():
        series = []
        for key, label, style in lines:
            y = [0.5 if not key else value(tabled, i, key) for i in order]
            series.append(Series(label, [xs[i] for i in order], y, style))
        if any(math.isfinite(y) for y in series[0].y):
            drawn.append(charts.chart(title, series, xlabel=xlabel))
    return tuple(chart for chart in drawn if chart is not None)


def axis(tabled: Tabled) -> tuple[list[float], str]:
    """Bits of every arm that has them, else the field's own values, else their places."""
    count = range(len(tabled.rows))
    for key, label in AXES:
        xs = [value(tabled, i, key) for i in count]
        if sum(math.isfinite(x) for x in xs) > 1:
            return xs, label
    own = [row.changes.get(tabled.swept or "") for row in tabled.rows]
    if all(isinstance(x, int | float) for x in own):
        return [float(x) for x in own], str(tabled.swept)  # type: ignore[arg-type]
    return [float(i) for i in count], f"{tabled.swept}, in order"


def value(tabled: Tabled, row: int, key: str) -> float:
    """A number of the table; NaN where there is none."""
    cell = tabled.rows[row].cells.get(key)
    return math.nan if cell is None else cell.value
