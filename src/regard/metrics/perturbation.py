"""The curve of a class's probability while pixels leave or return in the order of a map: streamed, any device."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

import torch
from jaxtyping import Bool, Float
from torch import Tensor

from regard.metrics.imputation import BASELINES, Baseline, blurred_image, mean_image, noisy_linear
from regard.metrics.predicting import of_class
from regard.metrics.ranking import nearest_counts, removal_order
from regard.types import Classes, Images, Map, PerImage, Predict, RegardError, as_map

Ties = Literal["group", "random"]
Filling = Callable[[Images, Bool[Tensor, "B 1 H W"]], Images]
"""Images (B,C,H,W) and what is removed of each (B,1,H,W) -> images with something else there: a baseline that depends
on what was removed, such as an inpainting network."""


@dataclass(frozen=True)
class Curve:
    """One curve per image.

    Attributes:
        fractions: share of pixels removed (deletion) or restored (insertion), 0 to 1, non-decreasing (B,T); points may
            repeat where a tie group is large.
        probabilities: of the fixed class (B,T).
        area: trapezoid area under the curve (B,); NaN where the map is not finite.
    """

    fractions: Float[Tensor, "B T"]
    probabilities: Float[Tensor, "B T"]
    area: PerImage


@dataclass(frozen=True)
class Removal:
    """How pixels are removed; the same for every map that is compared.

    Attributes:
        steps: equal shares aimed at, T - 1; each is moved to the nearest end of a tie group.
        baseline: what stands at removed pixels: a name from `imputation.BASELINES`, images (B,C,H,W), or a function of
            images and what is removed (`Filling`), of whose result only the removed pixels are used.
        ties: ``group`` removes tied pixels together; ``random`` averages over `orders` random orders within ties.
        orders: number of random orders; without meaning for ``group``.
        batch_size: images predicted at once; memory is this many images, whatever the number of steps.
        seed: of random orders and of the imputation's noise.
    """

    steps: int = 20
    baseline: Baseline | Tensor | Filling = "mean"
    ties: Ties = "group"
    orders: int = 5
    batch_size: int = 64
    seed: int = 0

    def __post_init__(self) -> None:
        if min(self.steps, self.orders, self.batch_size) < 1:
            raise RegardError(f"Removal: steps, orders and batch_size must be at least 1; got {self}")
        if isinstance(self.baseline, str) and self.baseline not in BASELINES:
            raise RegardError(
                f"Removal: baseline={self.baseline!r}; use one of {BASELINES}, images (B,C,H,W), "
                "or a function of images and what is removed"
            )
        if self.ties not in ("group", "random"):
            raise RegardError(f"Removal: ties={self.ties!r}; use 'group' or 'random'")


@torch.no_grad()
def path_curve(
    predict: Predict,
    images: Images,
    map: Map | Tensor,
    classes: Classes,
    how: Removal,
    *,
    insert: bool,
    least_first: bool,
) -> Curve:
    """The curve behind `deletion` and `insertion`; arguments as there, `least_first` turns the order round."""
    map = as_map(map)
    if not len(images) == len(map.values) == len(classes):
        raise RegardError(f"{len(images)} images, {len(map.values)} maps and {len(classes)} classes; give one each")
    size = (images.shape[2], images.shape[3])
    base = base_images(images, how.baseline)
    stride = size[0] * size[1] + 1
    image = torch.arange(len(images), device=images.device)[:, None]

    def follow(order: Tensor, counts: Tensor) -> Tensor:
        """Probability of each image's class after each count (B,T); equal counts of an image are predicted once."""
        if not len(images):
            return images.new_zeros(counts.shape)
        pairs, where = (image * stride + counts).unique(return_inverse=True)
        probabilities = []
        for pair in pairs.split(how.batch_size):
            i, count = pair // stride, pair % stride
            changed = (order[i] <= count[:, None]).view(-1, 1, *size)
            removed = ~changed if insert else changed
            partial = replaced(images[i], removed, how.baseline if base is None else base[i], seed=how.seed)
            probabilities.append(of_class(predict(partial), classes.to(i.device)[i]))
        return torch.cat(probabilities)[where]

    seeds = [how.seed + k for k in range(how.orders)] if how.ties == "random" else [None]
    total = images.new_zeros(len(images), how.steps + 1, dtype=torch.float32)
    for shuffle in seeds:
        order = removal_order(map, size, least_first=least_first, shuffle=shuffle).to(images.device)
        counts = nearest_counts(order, how.steps)  # with random orders the same for each, as no ties are left
        total = total + follow(order, counts)
    finite = map.values.flatten(1).isfinite().all(1).to(total.device)
    probabilities = (total / len(seeds)).masked_fill(~finite[:, None], torch.nan)
    fractions = counts / order.shape[1]
    return Curve(fractions, probabilities, torch.trapezoid(probabilities, fractions))


def replaced(
    images: Images, removed: Bool[Tensor, "B 1 H W"], baseline: Baseline | Tensor | Filling, *, seed: int = 0
) -> Images:
    """The images with something else at removed pixels; all other pixels are the same bit for bit.

    Args:
        images: (B,C,H,W).
        removed: one mask for all channels.
        baseline: as in `Removal`.
        seed: of the imputation's noise.

    Raises:
        RegardError: baseline images, or a function's result, of another shape.

    >>> left = torch.tensor([[[[True, False]]]])
    >>> replaced(torch.tensor([[[[0.0, 1.0]]]]), left, "mean").tolist()
    [[[[0.5, 1.0]]]]
    """
    if isinstance(baseline, str) and baseline == "noisy_linear":
        return noisy_linear(images, removed, seed=seed)
    base = base_images(images, baseline)
    if base is None:
        assert callable(baseline)
        base = baseline(images, removed)
        if base.shape != images.shape:
            raise RegardError(f"baseline returned {tuple(base.shape)} for images {tuple(images.shape)}; use that shape")
    return torch.where(removed, base, images)


def base_images(images: Tensor, baseline: Baseline | Tensor | Filling) -> Tensor | None:
    """Images (B,C,H,W) that stand at removed pixels; None where they depend on what was removed."""
    if isinstance(baseline, Tensor):
        if baseline.shape != images.shape:
            raise RegardError(f"baseline {tuple(baseline.shape)} for images {tuple(images.shape)}; use that shape")
        return baseline.to(images)
    fixed = {"mean": mean_image, "blur": blurred_image}
    return fixed[baseline](images) if isinstance(baseline, str) and baseline in fixed else None
