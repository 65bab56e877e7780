"""Contexts of small networks and splits, and rows as JSON has them."""

from typing import Any

import torch

from regard.data import DataSplits, Split
from regard.evaluation import Columns, EvaluationContext, Observation, make_rows
from regard.report import to_json


def context_of(model: Any, split: Split, observation: Observation | None = None, **options: Any) -> EvaluationContext:
    """A context whose splits are all the same, with the given observation, if any."""
    data = DataSplits(split, split, split, torch.zeros(3), torch.ones(3), source="", licence="")
    context = EvaluationContext(model, data, **{"seed": 0, "with_references": True} | options)
    if observation is not None:
        vars(context)["observation"] = observation
    return context


def json_rows(*columns: Columns, count: int = 0, samples: tuple[int, ...] = ()) -> list[dict[str, Any]]:
    """The rows of some measures."""
    return to_json(make_rows(columns, count=count, samples=samples))  # type: ignore[no-any-return]
