"""The table: what every metric said of every method, with floors, intervals, cost, and methods compared in pairs."""

from __future__ import annotations

import math
from itertools import combinations
from pathlib import Path
from typing import Any

import torch

from regard.evaluation import Sample, entry, reference
from regard.explain import METHODS
from regard.files import write_json
from regard.judge.case import JudgeOptions
from regard.judge.folder import JudgeFolder
from regard.judge.measures import METRICS
from regard.judge.subject import Subject
from regard.metrics import paired_difference

_SCHEMA = 1
_DRAWS = 1000


def write_table(folder: JudgeFolder, subject: Subject, sample: Sample, options: JudgeOptions) -> Path:
    """Writes ``judge.json`` out of the folder's cells and returns its path."""
    methods, rows, failed = [], [], []
    measures: dict[str, dict[str, Any]] = {}
    values: dict[tuple[str, str], torch.Tensor] = {}
    for method in options.methods:
        facts = folder.map_facts(method) or {}
        if "error" in facts:
            failed.append(_failed(method, "", facts))
            continue
        methods.append({"name": method, "summary": METHODS[method].summary, "control": METHODS[method].control} | facts)
        for metric in options.metrics:
            cell = folder.read_cell(method, metric) or {"measures": []}
            if "error" in cell:
                failed.append(_failed(method, metric, cell))
                continue
            for found in cell["measures"]:
                spec = {key: found[key] for key in ("key", "label", "meaning", "better")}
                measures.setdefault(found["key"], spec | {"group": METRICS[metric].group, "metric": metric})
                own = _tensor(found["values"])
                values[method, found["key"]] = own
                rows.append({"method": method, "score": _row(found, own)})
    content = {
        "schema": _SCHEMA,
        "model": {"name": subject.name, "parameters": sum(p.numel() for p in subject.model.parameters())},
        "data": {"name": sample.source, "images": len(sample.images), "names": list(sample.names)},
        "options": options.fixed(),
        "asked": asked(options),
        "methods": methods,
        "measures": list(measures.values()),
        "rows": rows,
        "comparisons": compare([m["name"] for m in methods if not m["control"]], list(measures.values()), values),
        "failed": failed,
    }
    write_json(folder.table, content)
    return folder.table


def asked(options: JudgeOptions) -> dict[str, list[str]]:
    """What the table was asked to hold."""
    return {"methods": list(options.methods), "metrics": list(options.metrics)}


def compare(
    methods: list[str], measures: list[dict[str, Any]], values: dict[tuple[str, str], torch.Tensor]
) -> list[dict[str, Any]]:
    """Every pair of methods in every measure that has a better way: first minus second, image by image."""
    rows = []
    for measure in measures:
        key = measure["key"]
        judged = [m for m in methods if (m, key) in values and measure["better"] is not None]
        for first, second in combinations(judged, 2):
            d = paired_difference(values[first, key], values[second, key], draws=_DRAWS)
            if math.isfinite(d.mean):
                numbers = {"value": d.mean, "low": _finite(d.low), "high": _finite(d.high)}
                rows.append({"measure": key, "first": first, "second": second} | numbers)
    return rows


def _failed(method: str, metric: str, failure: dict[str, Any]) -> dict[str, Any]:
    return {"method": method, "metric": metric, "why": failure["error"], "broke": failure.get("broke", False)}


def _row(found: dict[str, Any], own: torch.Tensor) -> dict[str, Any]:
    floors = {label: _tensor(values) for label, values in found["floors"].items()}
    beside = [reference(label, "floor", values) for label, values in floors.items()]
    beside += [reference(label, "control", value) for label, value in found["controls"].items()]
    first = next(iter(floors.items()), None)
    described = (found["key"], "faithfulness", found["label"], found["meaning"])
    reasons = {found["undefined"]: int(own.isnan().sum())}
    return entry(*described, own, better=found["better"], reasons=reasons, references=beside, against=first)


def _tensor(values: list[float | None]) -> torch.Tensor:
    return torch.tensor([math.nan if v is None else v for v in values], dtype=torch.float64)


def _finite(value: float) -> float | None:
    return value if math.isfinite(value) else None
