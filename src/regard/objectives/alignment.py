"""Alignment losses: the distance of a learned map A from a human map H (or fixations) on the same grid.

    kl          KL(D || A / sum A),  D = H / sum H         cc          1 - corr(A, H)
    nss         - mean z-score of A at the fixations       sim         1 - sum min(A / sum A, D)
    bce, mse    mean over cells                            cosine      1 - cos(A, H)
    combined    10 kl - 2 CC - NSS - SIM                   harmonizer  pyramid of squared differences
    hinge       max(|A - H| - .1, 0)                       (differences below .1 are free; RES, Gao et al. 2022)

``alignment_loss(name, A, target, weight)`` is sum_b w_b l_b / sum_b w_b; an image with weight 0 has no human map and
its target is ignored (it may be NaN); 0 with a zero gradient if all weights are 0. Losses compute in float32 at least
and do not divide by zero: a constant map or an empty target adds at worst a constant.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor

from regard.types import RegardError

_EPS = 1e-7


@dataclass(frozen=True)
class HumanMap:
    """Human map and fixation counts on the grid of the attention map.

    Attributes:
        map: human map in [0,1] (B,1,h,w): the density divided by its maximum.
        counts: number of fixations in each cell (B,1,h,w): coordinates are scaled, never a binary map resized.
    """

    map: Float[Tensor, "B 1 h w"]
    counts: Float[Tensor, "B 1 h w"]


_PerImage = Callable[[Tensor, HumanMap], Tensor]
"""attention (B,1,h,w), human map -> loss per image (B,)"""


def alignment_loss(
    name: str, attention: Float[Tensor, "B 1 h w"], target: HumanMap, weight: Float[Tensor, " B"] | None = None
) -> Float[Tensor, ""]:
    """The loss called ``name`` (a key of `ALIGNMENT`), averaged over images by weight.

    Args:
        name: kl, cc, nss, sim, bce, mse, cosine, combined, harmonizer, hinge.
        attention: in [0,1] (B,1,h,w).
        target: human map and counts.
        weight: (B,) not negative, 0 where there is no human map; None: 1 for all.

    Raises:
        RegardError: an unknown name, or shapes that differ.
    """
    if name not in ALIGNMENT:
        raise RegardError(f"alignment loss {name!r} is unknown: use one of {', '.join(ALIGNMENT)}")
    if attention.shape != target.map.shape or attention.shape != target.counts.shape:
        raise RegardError(
            f"attention {tuple(attention.shape)}, human map {tuple(target.map.shape)} and counts "
            f"{tuple(target.counts.shape)} differ in shape: bring the human map to the attention's grid"
        )
    if weight is None:
        weight = attention.new_ones(len(attention))
    has_map = weight > 0
    # Images without a human map are left out: 0 * NaN would make all gradients NaN.
    if not has_map.any():
        return attention.sum() * 0
    values = ALIGNMENT[name](
        _wide(attention[has_map]), HumanMap(_wide(target.map[has_map]), _wide(target.counts[has_map]))
    )
    share = weight[has_map].to(values)
    return (values * share).sum() / share.sum()


def _kl(attention: Tensor, target: HumanMap) -> Tensor:
    """KL(D || A / sum A), D = H / sum H, in nats. The default."""
    d, a = _density(target.map), _density(attention)
    return (d * ((d + _EPS).log() - (a + _EPS).log())).sum(1)


def _cc(attention: Tensor, target: HumanMap) -> Tensor:
    """1 - Pearson's correlation of A and H."""
    a, h = _standard(attention), _standard(target.map)
    return 1 - (a * h).mean(1)


def _nss(attention: Tensor, target: HumanMap) -> Tensor:
    """-NSS: minus the mean z-score of A at the fixations."""
    counts = target.counts.flatten(1)
    return -(_standard(attention) * counts).sum(1) / counts.sum(1).clamp(min=_EPS)


def _sim(attention: Tensor, target: HumanMap) -> Tensor:
    """1 - sum of the pixelwise minimum of the two densities."""
    return 1 - torch.minimum(_density(attention), _density(target.map)).sum(1)


def _bce(attention: Tensor, target: HumanMap) -> Tensor:
    """Binary cross-entropy of A against the soft labels H, mean over cells."""
    a = attention.clamp(_EPS, 1 - _EPS)
    return F.binary_cross_entropy(a, target.map, reduction="none").flatten(1).mean(1)


def _combined(attention: Tensor, target: HumanMap) -> Tensor:
    """10 KL - 2 CC - NSS - SIM with the weights of STRA-Net (Lai et al. 2019), plus the constant 3."""
    return 10 * _kl(attention, target) + 2 * _cc(attention, target) + _nss(attention, target) + _sim(attention, target)


def harmonizer(attention: Tensor, target: HumanMap, *, levels: int = 5) -> Tensor:
    """Pyramid of mean squared differences of the standardised, rectified maps (Fel et al. 2022, eq. 1).

    Each level halves the maps by averaging after the first; fewer levels where the grid is too small for more.
    """
    a, h = (F.relu(_standard(m)).view_as(m) for m in (attention, target.map))
    total = attention.new_zeros(len(attention))
    for _ in range(levels):
        total = total + (a - h).square().flatten(1).mean(1)
        if min(a.shape[-2:]) < 2:
            break
        a, h = F.avg_pool2d(a, 2), F.avg_pool2d(h, 2)
    return total


ALIGNMENT: Mapping[str, _PerImage] = {
    "kl": _kl,
    "cc": _cc,
    "nss": _nss,
    "sim": _sim,
    "bce": _bce,
    "mse": lambda a, target: (a - target.map).square().flatten(1).mean(1),
    "cosine": lambda a, target: 1 - F.cosine_similarity(a.flatten(1), target.map.flatten(1), eps=_EPS),
    "combined": _combined,
    "harmonizer": harmonizer,
    "hinge": lambda a, target: F.relu((a - target.map).abs() - 0.1).flatten(1).mean(1),
}


def _wide(values: Tensor) -> Tensor:
    return values.float() if values.dtype in (torch.float16, torch.bfloat16) else values


def _density(maps: Tensor) -> Tensor:
    flat = maps.flatten(1)
    return flat / flat.sum(1, keepdim=True).clamp(min=_EPS)


def _standard(maps: Tensor) -> Tensor:
    """(B,hw) with mean 0 and std 1; zeros for a constant map, whose variance is below _EPS^2."""
    flat = maps.flatten(1)
    centred = flat - flat.mean(1, keepdim=True)
    return centred / centred.square().mean(1, keepdim=True).clamp(min=_EPS**2).sqrt()
