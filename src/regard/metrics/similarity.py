"""How alike two maps of an image are: cosine, rank correlation, structure."""

from __future__ import annotations

import numpy as np
import torch
from jaxtyping import Bool, Float
from scipy.stats import rankdata
from torch import Tensor

from regard.types import Map, RegardError

Valid = Bool[Tensor, "B 1 h w"]


def cosine(a: Map, b: Map, *, valid: Valid | None = None) -> Float[Tensor, " B"]:
    """<a, b> / (|a| |b|) (B,), over the valid positions; NaN where either is zero.

    Constant maps are alike whatever they show: beside a cosine belongs that of a constant map, 1.

    >>> a = Map(torch.tensor([[[[1.0, 0.0]]]]), "relevance")
    >>> cosine(a, a).item(), cosine(a, Map(a.values.flip(3), "relevance")).item()
    (1.0, 0.0)
    """
    x, y = _pair(a, b, valid)
    return ((x * y).sum(1) / (x.norm(dim=1) * y.norm(dim=1))).float()


def spearman(a: Map, b: Map, *, valid: Valid | None = None) -> Float[Tensor, " B"]:
    """Correlation of midranks (B,), over the valid positions; NaN where either map is constant.

    >>> a = Map(torch.arange(4.0).view(1, 1, 2, 2), "relevance")
    >>> spearman(a, Map(a.values.exp(), "bits")).item()
    1.0
    """
    x, y = _pair(a, b, None)
    rows = []
    for k in range(len(x)):
        seen = slice(None) if valid is None else valid[k].flatten().cpu().numpy()
        u, v = (rankdata(values[k].cpu().numpy()[seen]) for values in (x, y))
        u, v = u - u.mean(), v - v.mean()
        size = float(np.sqrt((u @ u) * (v @ v))) if len(u) else 0.0
        rows.append(float(u @ v) / size if size and np.isfinite(u).all() else float("nan"))
    return torch.tensor(rows, device=a.values.device)


def ssim(a: Map, b: Map) -> Float[Tensor, " B"]:
    """Structural similarity (scikit-image, windows of 7) of maps scaled to [0,1] (B,); NaN where either is constant.

    >>> a = Map(torch.rand(1, 1, 8, 8), "relevance")
    >>> round(ssim(a, a).item(), 4)
    1.0
    """
    from skimage.metrics import structural_similarity

    x, y = _pair(a, b, None)
    h, w = a.values.shape[2:]
    window = min(7, h - 1 + h % 2, w - 1 + w % 2)
    if window < 3:
        raise RegardError(f"ssim: maps of {h} x {w} have no structure; resize them to 3 x 3 or more")
    rows = []
    for one, other in zip(x, y, strict=True):
        scaled = [(v - v.min()) / (v.max() - v.min()) for v in (one, other)]
        u, v = (s.reshape(h, w).cpu().numpy() for s in scaled)
        good = np.isfinite(u).all() and np.isfinite(v).all()
        rows.append(structural_similarity(u, v, win_size=window, data_range=1.0) if good else float("nan"))
    return torch.tensor(rows, dtype=torch.float32, device=a.values.device)


def _pair(a: Map, b: Map, valid: Tensor | None) -> tuple[Tensor, Tensor]:
    """Both maps flat (B,N) float64, zero where not valid."""
    if a.values.shape != b.values.shape:
        raise RegardError(f"maps {tuple(a.values.shape)} and {tuple(b.values.shape)}; resize them to one grid")
    flat = [m.values.detach().cpu().double().flatten(1) for m in (a, b)]
    if valid is not None:
        seen = valid.cpu().flatten(1)
        flat = [torch.where(seen, v, 0) for v in flat]
    return flat[0].to(torch.float64), flat[1]
