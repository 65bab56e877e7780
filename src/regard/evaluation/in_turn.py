"""A metric of maps on a batch, also where each image comes with a map that the network must be given."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

import torch
from torch import Tensor

from regard.metrics import Curve, Gap, Removal
from regard.models import AttentiveClassifier
from regard.types import Batch, Map

Measured = TypeVar("Measured", Curve, Gap)


def judged(
    metric: Callable[..., Measured],
    model: AttentiveClassifier,
    batch: Batch,
    map: Map,
    classes: Tensor,
    removal: Removal,
) -> Measured:
    """``metric(predict, images, map, classes, removal=removal)``, one image at a time where maps are given: a metric
    asks about changed copies of images in an order of its own, and every copy needs its image's map.
    """
    device = next(model.parameters()).device

    def predict_with(given: Tensor | None) -> Callable[[Tensor], Tensor]:
        return lambda x: model.predict(x.to(device), given=given).cpu()

    if batch.given is None:
        return metric(predict_with(None), batch.images, map, classes, removal=removal)
    parts = []
    for i in range(len(batch.images)):
        one = slice(i, i + 1)
        predict = predict_with(batch.given[one].to(device))
        own = Map(map.values[one], map.unit)
        parts.append(metric(predict, batch.images[one], own, classes[one], removal=removal))
    return _joined(parts)


def _joined(parts: list[Any]) -> Any:
    """Per-image values of several results behind each other, however deep they lie."""
    if isinstance(parts[0], Tensor):
        return torch.cat(parts)
    return type(parts[0])(**{name: _joined([getattr(part, name) for part in parts]) for name in vars(parts[0])})
