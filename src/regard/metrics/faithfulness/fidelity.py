"""F-Fidelity: little is removed at a time, at random among what a map ranks high, from a network that knows such gaps.

    fid+ = mean over s, k of  p(x) - p(x without a random part of the s most relevant pixels)
    fid- = the same with the s least relevant,          share of the part: min(alpha, beta / s)

Zheng et al. 2025 (ICLR, arXiv:2410.02970). At most the share beta of an image is ever removed. The network has been
fine-tuned on images of which up to beta was removed at random (`regard.judge.fine_tune` makes such a copy), so that
what it is shown is nothing new to it. Whole cells are removed, as in that training. With the network as it is, the same
is R-Fidelity.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from jaxtyping import Bool, Float
from torch import Tensor

from regard.metrics.imputation import Baseline
from regard.metrics.perturbation import Filling, base_images, replaced
from regard.metrics.predicting import of_class
from regard.metrics.ranking import nearest_counts, removal_order
from regard.types import Classes, Images, Map, PerImage, Predict, RegardError, as_map

_ALPHA, _BETA = 0.5, 0.1
"""The paper's: share removed of an explanation, and of an image at most."""


@dataclass(frozen=True)
class Fidelity:
    """F-Fidelity of each image.

    Attributes:
        plus: how far the probability falls when parts of the most relevant pixels leave (B,); larger is better.
        minus: likewise of the least relevant ones (B,); smaller is better.
        gap: plus - minus (B,): 0 for a map without information, larger is better; NaN where the map is not finite.
    """

    plus: PerImage
    minus: PerImage
    gap: PerImage


def removed_cells(
    chance: Float[Tensor, " n"], size: tuple[int, int], cell: int, generator: torch.Generator
) -> Bool[Tensor, "n 1 H W"]:
    """Masks (n,1,H,W) in which each square cell of ``cell`` pixels is removed with a mask's own chance (n,).

    >>> removed_cells(torch.tensor([0.0, 1.0]), (2, 4), 2, torch.Generator().manual_seed(0)).flatten(1).sum(1).tolist()
    [0, 8]
    """
    return _fields(len(chance), size, cell, generator) < chance[:, None, None, None]


def _fields(count: int, size: tuple[int, int], cell: int, generator: torch.Generator) -> Float[Tensor, "n 1 H W"]:
    """Uniform in [0,1), one value a cell."""
    h, w = ((side + cell - 1) // cell for side in size)
    field = torch.rand(count, 1, h, w, generator=generator)
    return field.repeat_interleave(cell, 2).repeat_interleave(cell, 3)[:, :, : size[0], : size[1]]


@torch.no_grad()
def f_fidelity(
    predict: Predict,
    images: Images,
    map: Map | Tensor,
    classes: Classes,
    *,
    alpha: float = _ALPHA,
    beta: float = _BETA,
    steps: int = 10,
    samples: int = 20,
    cell: int = 1,
    baseline: Baseline | Tensor | Filling = "mean",
    batch_size: int = 64,
    seed: int = 0,
) -> Fidelity:
    """Whether random parts of what a map ranks high count more than parts of what it ranks low.

    The cells that may leave are drawn once, the same for every image, size and map, so that maps differ by themselves
    alone. It takes 1 + 2 samples (steps - 1) forwards for an image.

    Args:
        predict: images -> probabilities (n, classes) of a network that was fine-tuned on images with such gaps.
        images: (B,C,H,W) in [0,1].
        map: one map per image, on any grid.
        classes: whose probability is followed (B,).
        alpha: share removed of the explanation.
        beta: share removed of the image at most; what the network was fine-tuned with.
        steps: s is 1/steps, 2/steps, up to 1, where both orders are the same and which therefore is left out.
        samples: random parts for each s.
        cell: side of what is removed at once, in pixels; what the network was fine-tuned with.
        baseline: what stands at removed pixels, as in `Removal`.
        batch_size: images predicted at once.
        seed: of the random parts.

    Raises:
        RegardError: shares outside (0,1], counts below 1, or fewer maps or classes than images.

    >>> images = torch.ones(1, 3, 1, 4)
    >>> left = lambda x: x[:, :, :, :2].mean((1, 2, 3))[:, None]
    >>> how = {"baseline": 0 * images, "steps": 2, "alpha": 1.0, "beta": 1.0}
    >>> map = Map(torch.tensor([[[[4.0, 3.0, 2.0, 1.0]]]]), "relevance")
    >>> found = f_fidelity(left, images, map, torch.tensor([0]), **how)
    >>> found.plus.item(), found.minus.item(), found.gap.item()
    (1.0, 0.0, 1.0)
    """
    map = as_map(map)
    if not len(images) == len(map.values) == len(classes):
        raise RegardError(f"{len(images)} images, {len(map.values)} maps and {len(classes)} classes; give one each")
    if not (0 < alpha <= 1 and 0 < beta <= 1) or steps < 2 or min(samples, cell, batch_size) < 1:
        raise RegardError(
            f"f_fidelity: alpha={alpha}, beta={beta}, steps={steps}, samples={samples}, cell={cell}; shares in (0,1], "
            "at least two steps, and counts of at least 1"
        )
    size = (images.shape[2], images.shape[3])
    fields = _fields(samples, size, cell, torch.Generator().manual_seed(seed)).to(images.device)
    base = base_images(images, baseline)
    own = torch.cat([of_class(predict(x), c) for x, c in _batches(images, classes, batch_size)])

    def fall(least_first: bool) -> PerImage:
        order = removal_order(map, size, least_first=least_first).to(images.device)
        counts = nearest_counts(order, steps)[:, 1:-1]
        total = torch.zeros_like(own)
        # images of one (image, size, sample) after another
        for part in torch.arange(counts.numel() * samples, device=images.device).split(batch_size):
            pair, sample = part // samples, part % samples
            i, count = pair // counts.shape[1], counts.flatten()[pair]
            top = (order[i] <= count[:, None]).view(-1, 1, *size)
            share = (beta * size[0] * size[1] / count.clamp_min(1)).clamp_max(alpha)
            removed = top & (fields[sample] < share[:, None, None, None])
            shown = replaced(images[i], removed, baseline if base is None else base[i], seed=seed)
            total.index_add_(0, i, of_class(predict(shown), classes.to(i.device)[i]).to(total))
        return own - total / (counts.shape[1] * samples)

    plus, minus = fall(False), fall(True)
    finite = map.values.flatten(1).isfinite().all(1).to(plus.device)
    gap = (plus - minus).masked_fill(~finite, torch.nan)
    return Fidelity(plus, minus, gap)


def _batches(images: Tensor, classes: Tensor, size: int) -> list[tuple[Tensor, Tensor]]:
    return list(zip(images.split(size), classes.to(images.device).split(size), strict=True))
