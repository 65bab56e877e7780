"""Infidelity: does the map's mass in a patch say how far the probability falls without it? (Yeh et al. 2019; captum)"""

from __future__ import annotations

from collections.abc import Callable

import torch
from jaxtyping import Float, Int
from torch import Tensor

from regard.metrics.faithfulness.defects import undefined
from regard.metrics.imputation import Baseline
from regard.metrics.perturbation import base_images
from regard.metrics.predicting import of_class
from regard.types import Map, Predict, RegardError


def infidelity(
    predict: Predict,
    images: Float[Tensor, "B C H W"],
    map: Map,
    classes: Int[Tensor, " B"],
    *,
    baseline: Baseline | Tensor = "mean",
    draws: int = 50,
    batch_size: int = 64,
    seed: int = 0,
) -> Float[Tensor, " B"]:
    """Mean squared error of the map's mass in a square as a forecast of the fall in probability without it (B,).

        min over c of E[(c * sum of the map in the square - (p(image) - p(image without the square)))^2]

    Maps have no unit, so each is scaled by the c that suits it best (captum's ``normalize``): a map whose sign is
    turned scores the same. 0 is perfect; the value is at most E[(fall)^2], what a map without information has.

    Args:
        predict: images -> probabilities.
        images: (B,C,H,W) in [0,1].
        map: one map an image, on any grid; a pixel's value is shared by its channels.
        classes: whose probability is followed (B,).
        baseline: what stands in the square: ``mean``, ``blur`` or images (B,C,H,W).
        draws: squares an image, with sides from an eighth to a half of the image's; the same for all images.
        batch_size: images predicted at once.
        seed: of the squares.

    >>> brightness = lambda x: x.mean((1, 2, 3))[:, None]
    >>> x = torch.rand(1, 3, 8, 8).double()
    >>> exact = Map(x.mean(1, keepdim=True), "relevance")
    >>> infidelity(brightness, x, exact, torch.tensor([0]), baseline=0 * x).item() < 1e-9
    True
    """
    from captum.metrics import infidelity as captum_infidelity

    base = base_images(images, baseline)
    if base is None:
        raise RegardError(f"infidelity: baseline={baseline!r} is not known beforehand; use 'mean', 'blur' or images")
    if min(draws, batch_size) < 1:
        raise RegardError(f"infidelity: draws={draws}, batch_size={batch_size}; both must be at least 1")
    size = (images.shape[2], images.shape[3])
    share = map.resize(size).values.to(images).nan_to_num(0, 0, 0).expand_as(images) / images.shape[1]
    if not len(images):
        return images.new_zeros(0)
    found = [
        captum_infidelity(
            lambda x, target: of_class(predict(x), target.long()).to(x),
            _without_squares(size, len(part), seed),
            images[part],
            share[part],
            baselines=base[part],
            additional_forward_args=classes.to(images.device)[part],
            n_perturb_samples=draws,
            max_examples_per_batch=min(batch_size, draws * len(part)),
            normalize=True,
        )
        for part in torch.arange(len(images), device=images.device).split(batch_size)
    ]
    values = torch.cat(found).float().clamp_min(0)  # the difference of large sums may fall below 0 by rounding
    return values.masked_fill(undefined(map)["map not finite"].to(values.device), torch.nan)


def _without_squares(size: tuple[int, int], count: int, seed: int) -> Callable[[Tensor, Tensor], tuple[Tensor, Tensor]]:
    """Captum's perturbation: `count` images and baselines, each repeated -> (squares, images without them)."""
    generator = torch.Generator().manual_seed(seed)

    def perturb(images: Tensor, baselines: Tensor) -> tuple[Tensor, Tensor]:
        squares = torch.stack([_square(size, generator) for _ in range(len(images) // count)])
        mask = squares.repeat(count, 1, 1, 1).to(images)
        return mask.expand_as(images), torch.lerp(images, baselines, mask)

    return perturb


def _square(size: tuple[int, int], generator: torch.Generator) -> Tensor:
    side, top, left = torch.rand(3, generator=generator).tolist()
    h, w = (max(1, round(n * (1 / 8 + side * 3 / 8))) for n in size)
    y, x = int(top * (size[0] - h + 1)), int(left * (size[1] - w + 1))
    mask = torch.zeros(1, *size)
    mask[:, y : y + h, x : x + w] = 1
    return mask
