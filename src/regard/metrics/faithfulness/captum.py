"""Infidelity: does the map's mass in a patch say how far the probability falls without it? (Yeh et al. 2019; captum)

Max-sensitivity: how far a map moves when its image hardly does (Yeh et al. 2019; captum).
"""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

from regard.metrics.faithfulness.paths import map_conditions
from regard.metrics.imputation import Baseline
from regard.metrics.perturbation import base_images
from regard.metrics.predicting import of_class
from regard.types import Classes, Explain, Images, Map, PerImage, Predict, RegardError, as_map


def infidelity(
    predict: Predict,
    images: Images,
    map: Map | Tensor,
    classes: Classes,
    *,
    baseline: Baseline | Tensor = "mean",
    draws: int = 50,
    batch_size: int = 64,
    seed: int = 0,
) -> PerImage:
    """Mean squared error of the map's mass in a square as a forecast of the fall in probability without it (B,).

        min over c of E[(c * sum of the map in the square - (p(image) - p(image without the square)))^2]

    Maps have no unit, so each is scaled by the c that suits it best (captum's ``normalize``): a map whose sign is
    turned scores the same. 0 is perfect; the value is at most E[(fall)^2], what a map without information has.

    Args:
        predict: images -> probabilities.
        images: (B,C,H,W) in [0,1].
        map: one map per image, on any grid; a pixel's value is shared by its channels.
        classes: whose probability is followed (B,).
        baseline: what stands in the square: ``mean``, ``blur`` or images (B,C,H,W).
        draws: squares per image, with sides from an eighth to a half of the image's; the same for all images.
        batch_size: images predicted at once.
        seed: of the squares.

    >>> brightness = lambda x: x.mean((1, 2, 3))[:, None]
    >>> x = torch.rand(1, 3, 8, 8).double()
    >>> exact = Map(x.mean(1, keepdim=True), "relevance")
    >>> infidelity(brightness, x, exact, torch.tensor([0]), baseline=0 * x).item() < 1e-9
    True
    """
    from captum.metrics import infidelity as captum_infidelity

    map = as_map(map)
    base = base_images(images, baseline)
    if base is None:
        raise RegardError(f"infidelity: baseline={baseline!r} is not known beforehand; use 'mean', 'blur' or images")
    if min(draws, batch_size) < 1:
        raise RegardError(f"infidelity: draws={draws}, batch_size={batch_size}; both must be at least 1")
    size = (images.shape[2], images.shape[3])
    share = map.resize(size).values.to(images).nan_to_num(0, 0, 0).expand_as(images) / images.shape[1]
    if not len(images):
        return images.new_zeros(0)
    parts = [
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
    values = torch.cat(parts).float().clamp_min(0)  # the difference of large sums may fall below 0 by rounding
    return values.masked_fill(map_conditions(map)["map not finite"].to(values.device), torch.nan)


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


def max_sensitivity(
    explain: Explain,
    images: Images,
    classes: Classes,
    *,
    radius: float | int = 0.02,
    draws: int = 10,
    batch_size: int = 64,
    seed: int = 0,
) -> PerImage:
    """How far a map moves at most, relative to itself (B,); NaN for an all-zero map.

        max over draws of |map(image + noise) - map(image)| / |map(image)|, Frobenius norms

    Smaller is steadier, not truer: a constant map has 0.

    Args:
        explain: images, classes -> Map.
        images: (B,C,H,W) in [0,1].
        classes: what is explained (B,).
        radius: the noise is uniform within it; the sum is cut to [0,1].
        draws: noises per image, the same fields for all images.
        batch_size: images explained at once.
        seed: of the noise.

    >>> from regard.types import Map
    >>> steady = lambda x, _: Map(torch.ones(len(x), 1, 2, 2), "relevance")
    >>> max_sensitivity(steady, torch.rand(2, 3, 4, 4), torch.tensor([0, 1])).tolist()
    [0.0, 0.0]
    """
    from captum.metrics import sensitivity_max

    if min(draws, batch_size) < 1 or radius <= 0:
        raise RegardError(f"max_sensitivity: draws={draws}, batch_size={batch_size}, radius={radius}; all must be > 0")

    if not len(images):
        return images.new_zeros(0)
    parts = []
    for part in torch.arange(len(images), device=images.device).split(batch_size):
        maps: list[Tensor] = []
        most = sensitivity_max(
            _recorded(explain, maps),
            images[part],
            perturb_func=_noisy(len(part), radius, seed),
            n_perturb_samples=draws,
            max_examples_per_batch=min(batch_size, draws * len(part)),
            target=classes.to(images.device)[part],
        )
        zero = (maps[0] == 0).flatten(1).all(1)  # captum asks for the images' own maps first
        parts.append(most.float().masked_fill(zero, torch.nan))
    return torch.cat(parts).to(images.device)


def _recorded(explain: Explain, maps: list[Tensor]) -> Callable[..., tuple[Tensor]]:
    """`explain` as captum calls it: tuples in and out; only the first maps are kept."""

    def ask(images: tuple[Tensor, ...], target: Tensor) -> tuple[Tensor]:
        with torch.enable_grad():  # captum calls under no_grad, where gradient methods could not work
            values = explain(images[0], target.long()).values.detach().float()
        if not maps:
            maps.append(values)
        return (values,)

    return ask


def _noisy(count: int, radius: float | int, seed: int) -> Callable[[Tensor], tuple[Tensor, ...]]:
    """Captum's perturbation: `count` images, each repeated -> the same with noise."""
    generator = torch.Generator().manual_seed(seed)

    def perturb(images: Tensor) -> tuple[Tensor, ...]:
        fields = [torch.rand(1, *images.shape[1:], generator=generator) for _ in range(len(images) // count)]
        noise = (2 * torch.cat(fields) - 1).mul(radius).repeat(count, 1, 1, 1)
        return ((images + noise.to(images)).clamp(0, 1),)

    return perturb
