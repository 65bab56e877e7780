"""torchmetrics classes over the functions: they stream and synchronise; they average whole images, never ranks."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor
from torchmetrics import Metric

from regard.metrics.fixation.auc import auc, auc_judd
from regard.metrics.fixation.distribution import cc, kl_divergence, sim
from regard.metrics.fixation.information_gain import information_gain
from regard.metrics.fixation.nss import nss
from regard.metrics.fixation.ranks import spearman, top_iou
from regard.metrics.fixation.shuffled import sauc


class PerImage(Metric):
    """Mean of a per-image function over the images where it is defined; memory does not grow with their number.

    ``update`` takes what the function takes; options of the function are given to the constructor. ``compute`` is NaN
    if no image was defined. ``images`` and ``undefined`` count.
    """

    full_state_update = False
    function: Callable[..., Tensor]
    total: Tensor
    images: Tensor
    undefined: Tensor

    def __init__(self, *, options: dict[str, Any] | None = None, **settings: Any) -> None:
        super().__init__(**settings)
        self.options = options or {}
        self.add_state("total", torch.zeros((), dtype=torch.float64), dist_reduce_fx="sum")
        self.add_state("images", torch.zeros((), dtype=torch.long), dist_reduce_fx="sum")
        self.add_state("undefined", torch.zeros((), dtype=torch.long), dist_reduce_fx="sum")

    def update(self, *args: Tensor) -> None:
        """Add a batch."""
        values = type(self).function(*args, **self.options).detach()
        self.total += values.nansum().to(self.total)
        self.images += len(values)
        self.undefined += values.isnan().sum()

    def compute(self) -> Tensor:
        """Mean over the defined images."""
        return self.total / (self.images - self.undefined)


class AUC(PerImage):
    """`auc` of (maps, fixations)."""

    function = staticmethod(auc)
    higher_is_better = True


class ShuffledAUC(PerImage):
    """`sauc` of (maps, fixations, others)."""

    function = staticmethod(sauc)
    higher_is_better = True


class AUCJudd(PerImage):
    """`auc_judd` of (maps, fixations)."""

    function = staticmethod(auc_judd)
    higher_is_better = True


class NSS(PerImage):
    """`nss` of (maps, fixations)."""

    function = staticmethod(nss)
    higher_is_better = True


class CC(PerImage):
    """`cc` of (maps, gold)."""

    function = staticmethod(cc)
    higher_is_better = True


class SIM(PerImage):
    """`sim` of (maps, gold)."""

    function = staticmethod(sim)
    higher_is_better = True


class KLDivergence(PerImage):
    """`kl_divergence` of (maps, gold)."""

    function = staticmethod(kl_divergence)
    higher_is_better = False


class InformationGain(PerImage):
    """`information_gain` of (log_density, fixations, baseline)."""

    function = staticmethod(information_gain)
    higher_is_better = True


class Spearman(PerImage):
    """`spearman` of (maps, gold)."""

    function = staticmethod(spearman)
    higher_is_better = True


class TopIoU(PerImage):
    """`top_iou` of (maps, gold)."""

    function = staticmethod(top_iou)
    higher_is_better = True
