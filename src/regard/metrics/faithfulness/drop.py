"""Average drop and increase: the image seen through its map as a soft mask (Chattopadhyay et al. 2018, Grad-CAM++)."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from regard.metrics.faithfulness.paths import map_conditions
from regard.metrics.imputation import Baseline
from regard.metrics.perturbation import base_images
from regard.metrics.predicting import in_batches, of_class
from regard.metrics.rounding import constant
from regard.types import Classes, Images, Map, PerImage, Predict, RegardError, as_map


@dataclass(frozen=True)
class Drop:
    """What is lost of a class's probability p when only the map's part is shown, probability o.

    Attributes:
        drop: max(0, p - o) / p (B,), smaller is better; NaN where p is 0, or where the map is constant or not finite.
        increase: 1 where o > p by more than rounding (1e-6), else 0 (B,); NaN likewise.
        kept: mean of the mask (B,): a map that keeps nearly everything drops nearly nothing, so read both.
    """

    drop: PerImage
    increase: PerImage
    kept: PerImage


def drop(
    predict: Predict,
    images: Images,
    map: Map | Tensor,
    classes: Classes,
    *,
    baseline: Baseline | Tensor = "mean",
    batch_size: int = 64,
) -> Drop:
    """The class's probability for m * image + (1 - m) * baseline, m the map scaled to [0,1] per image.

    Args:
        predict: images -> probabilities.
        images: (B,C,H,W) in [0,1].
        map: one map per image, on any grid.
        classes: whose probability is followed (B,).
        baseline: ``mean``, ``blur`` or images (B,C,H,W); the original is black. Imputation needs a hard mask.
        batch_size: images predicted at once.

    >>> brightness = lambda x: x.mean((1, 2, 3))[:, None]
    >>> left = Map(torch.tensor([[[[1.0, 0.0]]]]), "relevance")
    >>> d = drop(brightness, torch.ones(1, 3, 1, 2), left, torch.tensor([0]), baseline=torch.zeros(1, 3, 1, 2))
    >>> d.drop.item(), d.increase.item(), d.kept.item()
    (0.5, 0.0, 0.5)
    """
    map = as_map(map)
    base = base_images(images, baseline)
    if base is None:
        raise RegardError(f"drop: baseline={baseline!r} needs pixels that are gone altogether; use 'mean' or 'blur'")
    if not len(images) == len(map.values) == len(classes):
        raise RegardError(f"{len(images)} images, {len(map.values)} maps and {len(classes)} classes; give one each")
    values = map.resize((images.shape[2], images.shape[3])).values.to(images.device)
    values = values.to(torch.promote_types(values.dtype, images.dtype))
    low, high = values.amin((2, 3), keepdim=True), values.amax((2, 3), keepdim=True)
    mask = ((values - low) / (high - low)).nan_to_num(0, 0, 0).to(images)
    before = of_class(in_batches(predict, images, batch_size), classes)
    after = of_class(in_batches(predict, torch.lerp(base, images, mask), batch_size), classes)
    bad = (constant(map.values) | map_conditions(map)["map not finite"]).to(before.device) | (before <= 0)
    fall = ((before - after) / before).clamp_min(0).masked_fill(bad, torch.nan)
    rise = (after > before + 1e-6).float().masked_fill(bad, torch.nan)
    return Drop(fall, rise, mask.mean((1, 2, 3)).to(before.device).masked_fill(bad, torch.nan))
