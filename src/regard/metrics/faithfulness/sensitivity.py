"""Max-sensitivity: how far a map moves when its image hardly does (Yeh et al. 2019; captum)."""

from __future__ import annotations

from collections.abc import Callable

import torch
from jaxtyping import Float, Int
from torch import Tensor

from regard.types import Explain, RegardError


def max_sensitivity(
    explain: Explain,
    images: Float[Tensor, "B C H W"],
    classes: Int[Tensor, " B"],
    *,
    radius: float | int = 0.02,
    draws: int = 10,
    batch_size: int = 64,
    seed: int = 0,
) -> Float[Tensor, " B"]:
    """How far a map moves at most, relative to itself (B,); NaN for an all-zero map.

        max over draws of |map(image + noise) - map(image)| / |map(image)|, Frobenius norms

    Smaller is steadier, not truer: a constant map has 0.

    Args:
        explain: images, classes -> Map.
        images: (B,C,H,W) in [0,1].
        classes: what is explained (B,).
        radius: the noise is uniform within it; the sum is cut to [0,1].
        draws: noises an image, the same fields for all images.
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
    found = []
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
        found.append(most.float().masked_fill(zero, torch.nan))
    return torch.cat(found).to(images.device)


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
