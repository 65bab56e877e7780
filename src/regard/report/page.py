"""Pages: templates filled into one self-contained `report.html`, and the page of a run folder.

A page loads nothing from the network; its content security policy allows only its own style and script.
"""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Iterable, Mapping
from functools import cache
from importlib import resources
from pathlib import Path
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

from regard.files import write_atomically
from regard.plot import UNITS, Series, color_stops
from regard.report import charts, words
from regard.report.charts import Chart
from regard.report.classes import class_table
from regard.report.gallery import build_gallery, value_range
from regard.report.glossary import TERMS, terms_in
from regard.report.runs import read_run
from regard.report.schema import Run

BITS = (
    ("val/latent_bits", "Latent rate, bits per image", "budget_bits"),
    ("val/gate_bits", "Gate price, bits per map", "map_budget_bits"),
    ("val/code_bits", "Map code length, bits per map", "code_budget_bits"),
)
LEARNING = (
    ("val/accuracy", "Accuracy"),
    ("val/nll", "Negative log-likelihood, nats"),
    ("val/s", "S-measure"),
    ("val/mae", "Mean absolute error"),
    ("train/loss", "Training loss"),
    ("train/align", "Alignment loss"),
)
SCHEDULE = (
    ("lr", "Learning rate"),
    ("beta", "β, weight of a latent nat in the loss"),
    ("map_beta", "β of the map's bits"),
)
STYLES = ("main", "control", "second", "third")


def write_report(run: Path) -> Path:
    """Read the run folder ``run`` and write its page, atomically; the page shows only what the folder holds.

    Returns:
        ``run / "report.html"``.

    Raises:
        RegardError: a file of the run is missing or corrupt, or the page cannot be written.
    """
    return write_page(run, render_run(read_run(run)))


def write_page(folder: Path, html: str) -> Path:
    """Write ``folder / "report.html"``, whole or not at all, and return its path."""
    return write_atomically(folder / "report.html", html.encode("utf-8", "replace"))


def render_page(template: str, **content: Any) -> str:
    """The HTML of a page; every text is escaped, and the page's own script is the only one that may run.

    Args:
        template: path below the package, as "judge/page.html.j2"; it extends "report/template/base.html.j2", or is a
            piece that stands in a page of another maker.
        content: the names that the template uses; each must be given.
    """
    style, script = _packaged("page.css"), _packaged("page.js")
    own = {
        "css": Markup(style),
        "js": Markup(script),
    }  # our own files, not the run's: the only text that is not escaped
    digest = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
    return _environment().get_template(template).render(own, script_hash=digest, **content)


@cache
def _environment() -> Environment:
    loader = PackageLoader("regard", "")
    environment = Environment(
        loader=loader, autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True
    )
    environment.filters |= {
        "number": words.number,
        "signed": words.signed,
        "listed": words.listed,
        "describe": words.describe,
    }
    environment.globals |= {"interval": words.interval_text, "verdict": words.verdict, "plural": words.plural}
    environment.globals |= {"terms_in": terms_in, "meaning_of": TERMS}
    environment.globals |= {"whiskers": charts.whiskers, "duration": words.duration, "value_range": value_range}
    return environment


def _packaged(name: str) -> str:
    return resources.files("regard.report").joinpath("template", name).read_text(encoding="utf-8")


def render_run(run: Run) -> str:
    """The HTML of a run's page."""
    evaluation = run.evaluation
    return render_page(
        "report/template/page.html.j2",
        run=run,
        evaluation=evaluation,
        summary=words.run_summary(run),
        network=words.describe(evaluation.model),
        warnings=warnings(run),
        gallery=build_gallery(run),
        units=UNITS,
        stops=color_stops(),
        learning=learning_charts(run),
        bits=bits_charts(run),
        schedule=_present(chart_of(run, key, title) for key, title in SCHEDULE),
        paths=path_charts(run),
        classes=class_table(evaluation.data, evaluation.confusion),
        stems=None if evaluation.anchors is None else charts.stems(evaluation.anchors),
    )


def warnings(run: Run) -> tuple[str, ...]:
    """What the reader must know first: the evaluation's warnings, then defects of the folder itself."""
    defects = [f"The last line of {name} was cut off, as when a run is killed; that epoch is not shown."
           for name, history in (("metrics.jsonl", run.history), ("twin/metrics.jsonl", run.twin))
           if history is not None and history.truncated]  # fmt: skip
    if not run.history.epochs:
        defects.append("No epoch of training was recorded, so there are no learning curves.")
    return (*run.evaluation.warnings, *defects)


def learning_charts(run: Run) -> tuple[Chart, ...]:
    """Training and validation over epochs, with the plain twin's curve where the quantity is the same."""
    drawn = []
    for key, title in LEARNING:
        series = [_series(run, key, "training" if key.startswith("train/") else "validation", "main")]
        if key == "val/accuracy":
            series.append(_series(run, "train/accuracy", "training", "second"))
        if key.startswith("val/"):
            series.append(_series(run, key, "plain twin", "control", twin=True))
        drawn.append(charts.chart(title, series))
    return _present(drawn)


def bits_charts(run: Run) -> dict[str, Chart]:
    """Each kind of bits over epochs, by its key, with its budget where the recipe asks for one."""
    drawn, cut = {}, run.evaluation.model.cut
    for key, title, budget in BITS:
        if key == "val/gate_bits" and cut is not None and not cut.is_cut:
            continue  # paths that bypass the gate have no price
        if (chart := chart_of(run, key, title, budget)) is not None:
            drawn[key] = chart
    return drawn


def chart_of(run: Run, key: str, title: str, budget: str = "") -> Chart | None:
    """One recorded quantity over epochs, with a level where the recipe holds the number named ``budget``."""
    series = [_series(run, key, "validation" if key.startswith("val/") else "", "main")]
    level = _find(run.recipe, budget) if budget and series[0].x else None
    if level is not None:
        ends = (min(series[0].x), max(series[0].x))
        series.append(Series(f"budget {words.number(level)}", ends, (level, level), "level"))
    return charts.chart(title, series, decades=True)


def path_charts(run: Run) -> tuple[Chart, ...]:
    """Deletion, insertion and the like: the map's path with its random control."""
    drawn = []
    for curve in run.evaluation.curves.values():
        names = sorted(curve.series, key=lambda n: (n != "map", n != "random"))
        styles = (STYLES[min(i, len(STYLES) - 1)] for i in range(len(names)))
        series = [Series(n, curve.x, curve.series[n], s) for n, s in zip(names, styles, strict=True)]
        drawn.append(charts.chart(curve.label, series, xlabel="share of the image"))
    return _present(drawn)


def _series(run: Run, key: str, label: str, style: str, twin: bool = False) -> Series:
    history = run.twin if twin else run.history
    x, y = ((), ()) if history is None else history.series(key)
    return Series(label, x, y, style)


def _present(drawn: Iterable[Chart | None]) -> tuple[Chart, ...]:
    return tuple(c for c in drawn if c is not None)


def _find(recipe: Mapping[str, object], key: str) -> float | None:
    """The number under ``key`` anywhere in the nested recipe, of a list the sum; None where there is none."""
    value = recipe.get(key)
    if isinstance(value, int | float) and not isinstance(value, bool):
        return float(value)
    if isinstance(value, list) and value and all(isinstance(each, int | float) for each in value):
        return float(sum(value))
    inner = (_find(v, key) for v in recipe.values() if isinstance(v, dict))
    return next((v for v in inner if v is not None), None)
