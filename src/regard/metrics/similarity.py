"""How alike two maps of an image are: cosine, Spearman's rank correlation, structural similarity.

Each takes two maps on one grid, as `Map` or as tensors (B,1,h,w), and returns one value per image (B,), NaN where it is
undefined: where a map is not finite and, for the last two, where a map is `constant`.
"""

from __future__ import annotations

import torch
from jaxtyping import Bool, Num
from torch import Tensor

from regard.metrics.rounding import constant, dot, settled, wide
from regard.types import Map, PerImage, RegardError

_Maps = Map | Num[Tensor, "..."]
_Valid = Bool[Tensor, "B 1 h w"]


def cosine(a: _Maps, b: _Maps, *, valid: _Valid | None = None) -> PerImage:
    """<a, b> / (|a| |b|) per image (B,), over the valid positions; NaN where either is zero or not finite.

    Constant maps are alike whatever they show: beside a cosine belongs that of a constant map, 1.

    >>> a = Map(torch.tensor([[[[1.0, 0.0]]]]), "relevance")
    >>> cosine(a, a).item(), cosine(a, Map(a.values.flip(3), "relevance")).item()
    (1.0, 0.0)
    """
    x, y = (wide(values).flatten(1) for values in _pair(a, b))
    if valid is not None:
        x, y = (torch.where(valid.to(x.device).flatten(1), values, 0) for values in (x, y))
    return (dot(x, y) / (x.norm(dim=1) * y.norm(dim=1))).float()


def spearman(a: _Maps, b: _Maps, *, valid: _Valid | None = None) -> PerImage:
    """Pearson's correlation of midranks per image (B,) float64, over the valid positions.

    NaN where a map is constant or not finite there.

    >>> a = torch.arange(4.0).view(1, 1, 2, 2)
    >>> spearman(a, a.exp()).item()
    1.0
    """
    x, y = _pair(a, b)
    if valid is None:
        valid = torch.ones_like(x, dtype=torch.bool)
    valid = valid.to(x.device)
    u, v = _midranks(x, valid), _midranks(y, valid)
    return dot(u, v) / (dot(u, u) * dot(v, v)).sqrt()


def ssim(a: _Maps, b: _Maps) -> PerImage:
    """Structural similarity (scikit-image, windows of 7) of maps scaled to [0,1] per image (B,).

    NaN where a map is constant or not finite. On grids below 7 the window is the largest odd number that fits.

    Raises:
        RegardError: maps of less than 3 x 3.

    >>> a = torch.rand(1, 1, 8, 8)
    >>> round(ssim(a, a).item(), 4)
    1.0
    """
    from skimage.metrics import structural_similarity

    x, y = _pair(a, b)
    h, w = x.shape[2:]
    window = min(7, h - 1 + h % 2, w - 1 + w % 2)
    if window < 3:
        raise RegardError(f"ssim: maps of {h} x {w} have no structure; resize them to 3 x 3 or more")
    defined = ~(constant(x) | constant(y)) & (x.isfinite() & y.isfinite()).flatten(1).all(1)
    out = torch.full((len(x),), torch.nan, device=x.device)
    for k in defined.nonzero().flatten().tolist():
        u, v = (((m - m.min()) / (m.max() - m.min())).numpy() for m in (x[k, 0].cpu().double(), y[k, 0].cpu().double()))
        out[k] = structural_similarity(u, v, win_size=window, data_range=1.0)
    return out


def _pair(a: _Maps, b: _Maps) -> tuple[Tensor, Tensor]:
    """Both as tensors (B,1,h,w) on the first one's device."""
    x, y = (m.values.detach() if isinstance(m, Map) else m.detach() for m in (a, b))
    if x.shape != y.shape or x.ndim != 4:
        raise RegardError(
            f"maps {tuple(x.shape)} and {tuple(y.shape)} differ in shape, or are not (B,1,h,w); resize them to one grid"
        )
    return x, y.to(x.device)


def _midranks(maps: Tensor, valid: Tensor) -> Tensor:
    """Mean rank of each valid position less their mean (B,hw), 0 where not valid; NaN for maps that rank nothing."""
    valid = valid.flatten(1)
    lowest = torch.where(valid, maps.flatten(1), torch.inf if maps.is_floating_point() else torch.iinfo(maps.dtype).max)
    inside = torch.where(valid, maps.flatten(1), lowest.amin(1, keepdim=True))  # what does not count may be anything
    values = settled(inside.view(maps.shape)).flatten(1)
    ordered = torch.where(valid, values, torch.inf).sort(1).values.contiguous()
    values = values.to(ordered.dtype).contiguous()
    ranks = wide(torch.searchsorted(ordered, values) + torch.searchsorted(ordered, values, right=True)) / 2
    count = valid.sum(1, keepdim=True)
    centred = torch.where(valid, ranks - torch.where(valid, ranks, 0).sum(1, keepdim=True) / count, 0)
    undefined = ~inside.isfinite().all(1, keepdim=True) | (count == 0)
    return centred.masked_fill(undefined, torch.nan)
