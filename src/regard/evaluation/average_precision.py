"""Mean average precision over labels, by torchmetrics: the number of sets whose items have several labels."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor
from torchmetrics.functional.classification import multilabel_average_precision

ALONE = {"flow": "the flow alone", "rgb": "the image alone"}


def mean_average_precision(probabilities: Tensor, targets: Tensor) -> tuple[float, int]:
    """Mean over the labels that occur of the area under precision and recall, and how many labels do not occur.

    Args:
        probabilities: (N,n).
        targets: 0/1 (N,n).
    """
    known = targets.sum(0) > 0
    if not bool(known.any()):
        return float("nan"), int((~known).sum())
    own = multilabel_average_precision(
        probabilities[:, known].float(), targets[:, known].long(), int(known.sum()), average="none"
    )
    assert isinstance(own, Tensor)
    return float(own.reshape(-1).mean()), int((~known).sum())


def average_precision_score(
    mean: Tensor, targets: Tensor, twin: Tensor | None, streams: Mapping[str, Tensor]
) -> dict[str, Any]:
    """The row of the table: a number of the whole split, so without an interval over items.

    The floor is the mean share of items that have a label: what a random order reaches in the long run.
    """
    value, absent = mean_average_precision(mean, targets)
    present = targets.float().mean(0)
    floor = float(present[present > 0].mean()) if bool((present > 0).any()) else float("nan")
    beside = [{"label": "random order", "role": "floor", "value": floor}]
    if twin is not None:
        beside.append({"label": "plain twin", "role": "control", "value": mean_average_precision(twin, targets)[0]})
    for name, said in streams.items():
        beside.append({"label": ALONE[name], "role": "control", "value": mean_average_precision(said, targets)[0]})
    return {
        "key": "map",
        "group": "prediction",
        "label": "Mean average precision (mAP)",
        "meaning": "Area under precision and recall of each label's ranking of all clips, mean over labels.",
        "unit": "",
        "better": "higher",
        "value": _number(value),
        "low": None,
        "high": None,
        "n": len(targets),
        "undefined": {"labels that no clip has": absent} if absent else {},
        "references": [{**one, "value": _number(one["value"])} for one in beside],
        "difference": None,
    }


def _number(value: Any) -> float | None:
    return None if torch.tensor(float(value)).isnan() else float(value)
