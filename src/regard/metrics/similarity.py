"""How alike two maps of an image are: cosine, rank correlation, structure."""

from __future__ import annotations

import numpy as np
import torch
from jaxtyping import Bool, Float
from scipy.stats import rankdata
from torch import Tensor

from regard.metrics.rounding import flat
from regard.types import Map, RegardError

Valid = Bool[Tensor, "B 1 h w"]


def cosine(a: Map, b: Map, *, valid: Valid | None = None) -> Float[Tensor, " B"]:
    """<a, b> / (|a| |b|) (B,), over the valid positions; NaN where either is zero or not finite.

    Constant maps are alike whatever they show: beside a cosine belongs that of a constant map, 1.

    >>> a = Map(torch.tensor([[[[1.0, 0.0]]]]), "relevance")
    >>> cosine(a, a).item(), cosine(a, Map(a.values.flip(3), "relevance")).item()
    (1.0, 0.0)
    """
    x, y = _pair(a, b)
    if valid is not None:
        seen = valid.cpu().flatten(1)
        x, y = (torch.where(seen, values, 0) for values in (x, y))
    alike = (x * y).sum(1) / (x.norm(dim=1) * y.norm(dim=1))
    return alike.float().to(a.values.device)


def spearman(a: Map, b: Map, *, valid: Valid | None = None) -> Float[Tensor, " B"]:
    """Correlation of midranks (B,), over the valid positions; NaN where either map ranks nothing.

    A map ranks nothing where it is not finite, or constant but for rounding.

    >>> a = Map(torch.arange(4.0).view(1, 1, 2, 2), "relevance")
    >>> spearman(a, Map(a.values.exp(), "bits")).item()
    1.0
    """
    x, y = _pair(a, b)
    rows = []
    for k in range(len(x)):
        seen = slice(None) if valid is None else valid[k].flatten().cpu()
        u, v = x[k][seen], y[k][seen]
        rows.append(_rank_correlation(u, v) if _ranks(u) and _ranks(v) else float("nan"))
    return torch.tensor(rows, device=a.values.device)


def ssim(a: Map, b: Map) -> Float[Tensor, " B"]:
    """Structural similarity (scikit-image, windows of 7) of maps scaled to [0,1] (B,); NaN where either ranks nothing.

    On grids below 7 the window is the largest odd number that fits.

    >>> a = Map(torch.rand(1, 1, 8, 8), "relevance")
    >>> round(ssim(a, a).item(), 4)
    1.0
    """
    from skimage.metrics import structural_similarity

    x, y = _pair(a, b)
    h, w = a.values.shape[2:]
    window = min(7, h - 1 + h % 2, w - 1 + w % 2)
    if window < 3:
        raise RegardError(f"ssim: maps of {h} x {w} have no structure; resize them to 3 x 3 or more")
    rows = []
    for one, other in zip(x, y, strict=True):
        if _ranks(one) and _ranks(other):
            u, v = (((m - m.min()) / (m.max() - m.min())).reshape(h, w).numpy() for m in (one, other))
            rows.append(structural_similarity(u, v, win_size=window, data_range=1.0))
        else:
            rows.append(float("nan"))
    return torch.tensor(rows, dtype=torch.float32, device=a.values.device)


def _pair(a: Map, b: Map) -> tuple[Tensor, Tensor]:
    """Both maps flat (B,N) float64, on the processor."""
    if a.values.shape != b.values.shape:
        raise RegardError(f"maps {tuple(a.values.shape)} and {tuple(b.values.shape)}; resize them to one grid")
    x, y = (m.values.detach().cpu().double().flatten(1) for m in (a, b))
    return x, y


def _ranks(values: Tensor) -> bool:
    """Whether these values (n,) can be put in an order."""
    return bool(values.numel() and values.isfinite().all() and not flat(values.min(), values.max()))


def _rank_correlation(u: Tensor, v: Tensor) -> float:
    x, y = (rankdata(values.numpy()) - (len(values) + 1) / 2 for values in (u, v))
    return float(x @ y / np.sqrt((x @ x) * (y @ y)))
