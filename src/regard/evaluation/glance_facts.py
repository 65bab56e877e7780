"""A glance on its page: accuracy after each look, the same look at other places, and what each part costs."""

from __future__ import annotations

import math
import platform
import statistics
import time
from collections.abc import Callable, Mapping

import torch
import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor

from regard.backbones import count_flops
from regard.evaluation.context import EvaluationContext
from regard.evaluation.observe import batches
from regard.metrics import accuracy, batch_masks, score
from regard.models import CONTROL_PLACES, GlanceClassifier, control_maps, shrunk_look
from regard.report import BootstrapMean, GlanceRecord, LookStep, OtherPlaces, WorkOfPart

_OWN, _WHOLE, _SHRUNK = "own", "whole", "shrunk"
_LABELS = {
    _OWN: "where the glance says",
    **CONTROL_PLACES,
    _WHOLE: "the whole image, the same look",
    _SHRUNK: "the whole image, made as small as what is bought",
}
_REPEATS = 9


def glance_record(context: EvaluationContext) -> GlanceRecord | None:
    """Of a run of a glance whose images have one label each; None of another."""
    model = context.model
    if not isinstance(model, GlanceClassifier) or context.labels.ndim != 1:
        return None
    right, on_object = _answers(model, context)
    own = right[_OWN]
    counts = model.attention.counts

    def mean_of(values: Tensor) -> BootstrapMean:
        made = score(values, seed=context.seed)
        return BootstrapMean(made.mean, made.low, made.high)

    def covered(name: str) -> float:
        return score(on_object[name], seed=context.seed).mean if name in on_object else math.nan

    looks = tuple(
        LookStep(sum(counts[: k + 1]), mean_of(right[f"look {k}"]), covered(f"look {k}"))
        for k in range(len(counts))
        if f"look {k}" in right
    )
    places = tuple(
        OtherPlaces(label, mean_of(right[name]), None if name == _OWN else mean_of(own - right[name]), covered(name))
        for name, label in _LABELS.items()
        if name in right
    )
    return GlanceRecord(looks, places, _work(model), _machine(context.device))


def _answers(model: GlanceClassifier, context: EvaluationContext) -> tuple[dict[str, Tensor], dict[str, Tensor]]:
    """Of every test image whether the look answers right, and the share of the object that was bought."""
    right: dict[str, list[Tensor]] = {}
    on_object: dict[str, list[Tensor]] = {}
    shrunk = shrunk_look(model)
    for rows, batch in batches(model, context.split):
        labels = context.labels[rows]
        masks = batch_masks(batch)
        maps = _maps(model, batch.images, masks)
        answers = {name: model.predict(batch.images, map_override=map_) for name, map_ in maps.items()}
        if shrunk is not None:
            answers[_SHRUNK] = shrunk(batch.images)
        for name, probabilities in answers.items():
            right.setdefault(name, []).append(accuracy(probabilities.float().cpu(), labels))
        if masks is None:
            continue
        object_ = F.adaptive_avg_pool2d(masks.to(batch.images.device, torch.float32), model.attention.grid)
        for name, map_ in maps.items():
            share = (object_ * (map_ > 0)).sum((1, 2, 3)) / object_.sum((1, 2, 3))
            on_object.setdefault(name, []).append(share.cpu())
    return {name: torch.cat(parts) for name, parts in right.items()}, {
        name: torch.cat(parts) for name, parts in on_object.items()
    }


def _maps(
    model: GlanceClassifier, images: Float[Tensor, "B C H W"], masks: Tensor | None
) -> Mapping[str, Float[Tensor, "B 1 h w"]]:
    """Maps by name: its own, of each look where there are several, of the controls, and of everything."""
    own = model.explain(images).values
    maps = {_OWN: (own > 0).float(), **control_maps(model, images, masks), _WHOLE: torch.ones_like(own)}
    counts = model.attention.counts
    if len(counts) > 1 and model.attention.places == "learned":
        order = model.purchases(images)
        for k in range(len(counts)):
            maps[f"look {k}"] = ((order > 0) & (order <= sum(counts[: k + 1]))).to(own.dtype)
    return maps


@torch.no_grad()
def _work(model: GlanceClassifier) -> tuple[WorkOfPart, ...]:
    """Glance, look, both, and the same look on the whole image, for one image; median times, in turns."""
    C, H, W = model.shape
    device = next(model.parameters()).device
    image = torch.rand(1, C, H, W, generator=torch.Generator().manual_seed(0)).to(device)
    attention = model.attention
    own = (model.explain(image).values > 0).float()
    bought = C * H * W * attention.count // math.prod(attention.grid)
    seen = 0 if attention.glance is None else C * math.prod(attention.glance_size)
    parts: dict[str, tuple[int, Callable[[], object]]] = {
        "glance, and the choice": (seen, lambda: model.choices(image, (attention.budget,))),
        "look": (bought, lambda: model.predict(image, map_override=own)),
        "glance and look": (seen + bought, lambda: model.predict(image)),
        "the same look on the whole image": (
            C * H * W,
            lambda: model.predict(image, map_override=torch.ones_like(own)),
        ),
    }
    taken: dict[str, list[float]] = {label: [] for label in parts}
    for turn in range(_REPEATS + 1):
        for label, (_, work) in parts.items():
            begin = time.perf_counter()
            work()
            if device.type == "cuda":
                torch.cuda.synchronize(device)
            if turn:  # the first is not counted
                taken[label].append(1000 * (time.perf_counter() - begin))
    return tuple(
        WorkOfPart(label, values, statistics.median(taken[label]), count_flops(work))
        for label, (values, work) in parts.items()
    )


def _machine(device: torch.device) -> str:
    if device.type == "cuda":
        return torch.cuda.get_device_name(device)
    threads = torch.get_num_threads()
    return f"{platform.machine()} processor, {threads} thread{'' if threads == 1 else 's'}"
