"""The page: a run folder in, one self-contained `report.html` out. It loads nothing from anywhere."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Iterator, Mapping
from importlib import resources
from pathlib import Path

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

from regard.files import write_atomically
from regard.report import charts, words
from regard.report.charts import Chart, Series
from regard.report.gallery import gallery, spread
from regard.report.overlay import UNITS, colour_stops
from regard.report.runs import read_run
from regard.report.schema import Run

BITS = (
    ("val/latent_bits", "Latent rate, bits an image", "budget_bits"),
    ("val/gate_bits", "Gate price, bits a map", "map_budget_bits"),
    ("val/code_bits", "Map code length, bits a map", "code_budget_bits"),
)
SCHEDULE = (("lr", "Learning rate"), ("beta", "β, price of a latent nat"), ("map_beta", "β of the map's price"))
STYLES = ("main", "control", "second", "third")


def write_report(run: Path) -> Path:
    """Read the run folder ``run`` and write its page, atomically; says nothing that the folder does not hold.

    Returns:
        ``run / "report.html"``.

    Raises:
        RegardError: a file of the run is missing or corrupt, or the page cannot be written.
    """
    return write_atomically(run / "report.html", render(read_run(run)).encode("utf-8", "replace"))


def render(run: Run) -> str:
    """The page's HTML. Every text of the run is escaped; the page's own script is the only one that may run."""
    evaluation = run.evaluation
    return (
        environment()
        .get_template("page.html.j2")
        .render(
            **page_parts(),
            run=run,
            evaluation=evaluation,
            environment=run.environment,
            summary=words.summary(run),
            network=words.describe(evaluation.model),
            warnings=warnings(run),
            gallery=gallery(run),
            units=UNITS,
            stops=colour_stops(),
            learning=learning_charts(run),
            bits=bits_charts(run),
            schedule=_present(chart_of(run, key, title) for key, title in SCHEDULE),
            paths=path_charts(run),
            stems=None if evaluation.anchors is None else charts.stems(evaluation.anchors),
        )
    )


def environment() -> Environment:
    """The templates of all pages: every text is escaped, every name must exist."""
    environment = Environment(
        loader=PackageLoader("regard.report", "template"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters |= {"number": words.number, "signed": words.signed, "listed": words.listed}
    environment.globals |= {"interval": words.interval, "verdict": words.verdict, "plural": words.plural}
    environment.globals |= {"whiskers": charts.whiskers, "duration": words.duration, "spread": spread}
    return environment


def page_parts() -> dict[str, str]:
    """Style and script of all pages, and the hash by which the script alone may run."""
    script = _packaged("page.js")
    return {
        "css": Markup(_packaged("page.css")),  # our own files, not the run's
        "js": Markup(script),
        "script_hash": base64.b64encode(hashlib.sha256(script.encode()).digest()).decode(),
    }


def warnings(run: Run) -> tuple[str, ...]:
    """What the reader must know first: the evaluation's warnings, then what the folder itself shows."""
    own = [f"The last line of {name} was cut off, as when a run is killed; that epoch is not shown."
           for name, history in (("metrics.jsonl", run.history), ("twin/metrics.jsonl", run.twin))
           if history is not None and history.truncated]  # fmt: skip
    if not run.history.epochs:
        own.append("No epoch of training was recorded, so there are no learning curves.")
    return (*run.evaluation.warnings, *own)


def learning_charts(run: Run) -> tuple[Chart, ...]:
    """Loss, accuracy and NLL over epochs; the plain twin beside where the two mean the same."""
    loss = charts.chart("Training loss", [_series(run, "train/loss", "training", "main")])
    accuracy = [
        _series(run, "val/accuracy", "validation", "main"),
        _series(run, "train/accuracy", "training", "second"),
        _series(run, "val/accuracy", "plain twin", "control", twin=True),
    ]
    nll = [
        _series(run, "val/nll", "validation", "main"),
        _series(run, "val/nll", "plain twin", "control", twin=True),
    ]
    masks = [
        _series(run, "val/s", "validation", "main"),
        _series(run, "val/s", "plain twin", "control", twin=True),
    ]
    error = [
        _series(run, "val/mae", "validation", "main"),
        _series(run, "val/mae", "plain twin", "control", twin=True),
    ]
    return _present(
        [
            charts.chart("Accuracy", accuracy),
            charts.chart("Negative log-likelihood, nats", nll),
            charts.chart("S-measure", masks),
            charts.chart("Mean absolute error", error),
            loss,
            charts.chart("Alignment loss", [_series(run, "train/align", "training", "main")]),
        ]
    )


def bits_charts(run: Run) -> dict[str, Chart]:
    """Each kind of bits over epochs, by its key, with its budget where the recipe asks for one."""
    found, cut = {}, run.evaluation.model.cut
    for key, title, budget in BITS:
        if key == "val/gate_bits" and cut is not None and not cut.is_cut:
            continue  # what goes round the gate has no price
        drawn = chart_of(run, key, title, budget)
        if drawn is not None:
            found[key] = drawn
    return found


def chart_of(run: Run, key: str, title: str, budget: str = "") -> Chart | None:
    """One recorded quantity over epochs, with a level where the recipe holds the number named ``budget``."""
    series = [_series(run, key, "validation" if key.startswith("val/") else "", "main")]
    level = _find(run.recipe, budget) if budget and series[0].x else None
    if level is not None:
        ends = (min(series[0].x), max(series[0].x))
        series.append(Series(f"budget {words.number(level)}", ends, (level, level), "level"))
    return charts.chart(title, series, decades=True)


def path_charts(run: Run) -> tuple[Chart, ...]:
    """Deletion, insertion and the like: the map's path beside its random control."""
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


def _present(drawn: Iterator[Chart | None] | list[Chart | None]) -> tuple[Chart, ...]:
    return tuple(c for c in drawn if c is not None)


def _find(recipe: Mapping[str, object], key: str) -> float | None:
    """The number under ``key`` anywhere in the nested recipe; None where there is none."""
    value = recipe.get(key)
    if isinstance(value, int | float) and not isinstance(value, bool):
        return float(value)
    inner = (_find(v, key) for v in recipe.values() if isinstance(v, dict))
    return next((v for v in inner if v is not None), None)


def _packaged(name: str) -> str:
    return resources.files("regard.report").joinpath("template", name).read_text(encoding="utf-8")
