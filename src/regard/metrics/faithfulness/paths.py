"""Does the prediction depend on what a map ranks high? Deletion, insertion and the gap between the two orders.

Every curve starts with nothing and ends with everything changed; its x is the share of pixels that truly changed, with
one mask for all channels and whole tie groups at a time. The class is fixed by the caller. A curve says little alone:
the baseline changes the winner and smooth maps win without knowing more, so report several baselines
(`imputation.BASELINES`) beside the same curve for the maps of `controls.floor_maps`. A map is a `Map` or a tensor
(B,1,h,w).
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from jaxtyping import Bool
from torch import Tensor

from regard.metrics.perturbation import Curve, Removal, path_curve
from regard.types import Classes, Images, Map, PerImage, Predict, as_map


@dataclass(frozen=True)
class Gap:
    """Deletion in both orders.

    Attributes:
        morf: most relevant first.
        lerf: least relevant first.
        gap: lerf.area - morf.area (B,): 0 for a map without information, larger is better.
    """

    morf: Curve
    lerf: Curve
    gap: PerImage


def deletion(
    predict: Predict, images: Images, map: Map | Tensor, classes: Classes, *, removal: Removal | None = None
) -> Curve:
    """Remove the most relevant pixels first; the smaller the area, the more the prediction hung on them.

    Petsiuk et al. 2018 (RISE). A model that ignores its input has area p whatever the map.

    Args:
        predict: images -> probabilities (n, classes); called under no_grad, its model's mode is the caller's.
        images: (B,C,H,W) in [0,1].
        map: one map per image, on any grid.
        classes: whose probability is followed (B,).
        removal: see `Removal`.

    >>> import torch
    >>> images = torch.ones(1, 3, 1, 4)
    >>> brightness = lambda x: x.mean((1, 2, 3))[:, None]
    >>> far_left = Map(torch.tensor([[[[1.0, 0.0, 0.0, 0.0]]]]), "relevance")
    >>> c = deletion(brightness, images, far_left, torch.tensor([0]), removal=Removal(baseline=0 * images, steps=4))
    >>> c.fractions.tolist(), c.probabilities.tolist()
    ([[0.0, 0.25, 0.25, 1.0, 1.0]], [[1.0, 0.75, 0.75, 0.0, 0.0]])
    """
    return path_curve(predict, images, map, classes, removal or Removal(), insert=False, least_first=False)


def insertion(
    predict: Predict, images: Images, map: Map | Tensor, classes: Classes, *, removal: Removal | None = None
) -> Curve:
    """Start from the baseline and restore the most relevant pixels first; the larger the area, the better.

    Arguments as in `deletion`.

    >>> import torch
    >>> images = torch.ones(1, 3, 1, 2)
    >>> brightness = lambda x: x.mean((1, 2, 3))[:, None]
    >>> removal = Removal(baseline=0 * images, steps=2)
    >>> insertion(brightness, images, images[:, :1], torch.tensor([0]), removal=removal).area.item()
    0.5
    """
    return path_curve(predict, images, map, classes, removal or Removal(), insert=True, least_first=False)


def lerf_morf_gap(
    predict: Predict, images: Images, map: Map | Tensor, classes: Classes, *, removal: Removal | None = None
) -> Gap:
    """Area of deletion with the least relevant first minus that with the most relevant first.

    Both orders share image, baseline and end points, so what the baseline alone does to the model cancels in part.
    Arguments as in `deletion`.

    >>> import torch
    >>> images = torch.tensor([1.0, 0.0]).expand(1, 3, 1, 2)
    >>> brightness = lambda x: x.mean((1, 2, 3))[:, None]
    >>> removal = Removal(baseline=torch.zeros(1, 3, 1, 2), steps=2)
    >>> lerf_morf_gap(brightness, images, images[:, :1], torch.tensor([0]), removal=removal).gap.item()
    0.25
    """
    removal = removal or Removal()
    morf = path_curve(predict, images, map, classes, removal, insert=False, least_first=False)
    lerf = path_curve(predict, images, map, classes, removal, insert=False, least_first=True)
    return Gap(morf, lerf, lerf.area - morf.area)


def road(
    predict: Predict, images: Images, map: Map | Tensor, classes: Classes, *, removal: Removal | None = None
) -> Gap:
    """Remove and debias (Rong et al. 2022): `lerf_morf_gap` where removed pixels are imputed from their neighbours.

    A blank or blurred patch tells a network by its outline what was removed; a noisy linear imputation hardly does.
    Rong et al. follow a set's accuracy, this the class's probability, so that every image has a value. Arguments as in
    `deletion`; the removal's baseline has no effect.

    >>> import torch
    >>> images = torch.rand(1, 3, 4, 4)
    >>> ignorant = lambda x: torch.full((len(x), 2), 0.5)
    >>> road(ignorant, images, Map(images[:, :1], "relevance"), torch.tensor([0])).gap.item()
    0.0
    """
    return lerf_morf_gap(predict, images, map, classes, removal=replace(removal or Removal(), baseline="noisy_linear"))


def map_conditions(map: Map | Tensor) -> dict[str, Bool[Tensor, " B"]]:
    """Which images have no area and why, for `scores.score(..., reasons=...)`."""
    return {"map not finite": ~as_map(map).values.flatten(1).isfinite().all(1)}
