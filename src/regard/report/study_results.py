"""A study's answers as JSON: what a record of results holds."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import fields, is_dataclass
from typing import Any

from regard.study import Plan, Trials, judge
from regard.study.estimate import Estimate
from regard.study.questions import QUESTIONS


def results_of(trials: Trials, plan: Plan) -> dict[str, Any]:
    """Verdicts with every contrast, and the answers to all questions; numbers that are undefined are null.

    >>> plain(Estimate(0.5, seeds=3, runs=6, images=10))["value"]
    0.5
    """
    similarity = {"similarity": plan.similarity}
    given: dict[str, dict[str, Any]] = dict.fromkeys(("relation", "layers", "transparency"), similarity)
    answers = {name: plain(ask(trials, **given.get(name, {}))) for name, ask in QUESTIONS.items()}
    verdicts = [
        {
            "hypothesis": v.hypothesis.name,
            "claim": v.hypothesis.claim,
            "word": v.word,
            "notes": list(v.notes),
            "findings": [
                {"contrast": f.contrast.said, "case": f.case, "sesoi": f.contrast.sesoi}
                | plain(f.estimate)
                | {"detectable": plain(f.detectable)}
                for f in v.findings
            ],
        }
        for v in judge(trials, plan)
    ]
    return {"verdicts": verdicts} | answers


def plain(value: Any) -> Any:
    """Answers in JSON's types: an estimate with its interval and what went into it, all else as it is."""
    if isinstance(value, Estimate):
        numbers = {"value": value.value, "low": value.low, "high": value.high}
        held = {"seeds": value.seeds, "runs": value.runs, "images": value.images, "left_out": dict(value.left_out)}
        return {name: plain(number) for name, number in numbers.items()} | held
    if is_dataclass(value) and not isinstance(value, type):
        return {f.name: plain(getattr(value, f.name)) for f in fields(value)}
    if isinstance(value, Mapping):
        return {str(key): plain(inner) for key, inner in value.items()}
    if isinstance(value, Sequence) and not isinstance(value, str):
        return [plain(inner) for inner in value]
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    return value
