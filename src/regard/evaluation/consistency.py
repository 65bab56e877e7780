"""Whether the map stays under changes of an image: of every image, and the paper's score, of same predictions."""

from __future__ import annotations

import torch
from jaxtyping import Int
from torch import Tensor

from regard.evaluation.context import Columns, EvaluationContext
from regard.evaluation.observe import max_batch_size
from regard.metrics import Consistency, controls, cosine, high_pass, low_pass, overwrite
from regard.training import MapOverrideSplit
from regard.types import Images, Map

_IMAGES, _THRESHOLD = 128, 0.9
_WINDOW, _RADIUS = 4, 4
"""A window's side is a quarter of the image's, 8 of 32 pixels, and frequencies are cut at radius 4, as in the paper."""


def changed_images(images: Images, index: Int[Tensor, " B"], *, seed: int) -> dict[str, Images]:
    """The paper's four changes of an image that leave most of it: a window painted (``colour``) or overwritten with
    another image (``content``), low and high frequencies alone (``low``, ``high``).
    """
    window = (max(1, images.shape[2] // _WINDOW), max(1, images.shape[3] // _WINDOW))
    content = images[controls.derangement(len(images), seed=seed).to(images.device)]
    return {
        "colour": overwrite(images, index=index, window=window, seed=seed),
        "content": overwrite(images, content, index=index, window=window, seed=seed),
        "low": low_pass(images, radius=_RADIUS),
        "high": high_pass(images, radius=_RADIUS),
    }


def interpretability(context: EvaluationContext) -> Columns:
    """Share of maps that stay (cosine above .9) under `changed_images`: of all images, and, as ``..._same``, of those
    whose prediction stays, which is the paper's interpretability score and drops the hard images.

    A constant map has 1, so another image's map is the floor: what maps of this network have in common. Nothing without
    a map, or where it is given from outside and stays whatever changes.
    """
    index = context.subset(_IMAGES)
    if context.map is None or len(index) < 2 or isinstance(context.split, MapOverrideSplit):
        return Columns()
    images, classes = context.split.batch(index).images.cpu(), context.observation.mean[index].argmax(1)
    own = Map(context.map.values[index], context.map.unit)
    kept = {
        name: _kept(context, own, classes, changed)
        for name, changed in changed_images(images, index, seed=context.seed).items()
    }
    chance = cosine(own, controls.permuted(own, seed=context.seed)) > _THRESHOLD
    return Columns(
        {
            **_pooled("consistent_spatial", kept["colour"], kept["content"]),
            **_pooled("consistent_frequency", kept["low"], kept["high"]),
            "consistent_another": chance.double(),
        }
    )


def _pooled(name: str, *changes: Consistency) -> dict[str, Tensor]:
    """Mean over changes of both scores (B,)."""
    every = [change.score(_THRESHOLD) for change in changes]
    same = [change.score_where_same(_THRESHOLD) for change in changes]
    return {name: torch.stack(every).nanmean(0), f"{name}_same": torch.stack(same).nanmean(0)}


def _kept(context: EvaluationContext, own: Map, classes: Tensor, changed: Tensor) -> Consistency:
    """Predictions and maps of the images and of the changed images."""
    parts = torch.arange(len(changed)).split(max_batch_size(context.split, context.device))
    observed = [context.observe_changed(changed[part], classes[part]) for part in parts]
    mean, values = (torch.cat(columns) for columns in zip(*observed, strict=True))
    similarity = cosine(own, Map(values, own.unit))
    return Consistency((mean.argmax(1) == classes).double(), similarity)
