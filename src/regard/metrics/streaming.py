"""Thin torchmetrics classes over this room's functions, for streams of batches and several processes.

What is kept adds or concatenates: per-item values with the item's index, or counts. Nothing is averaged before all
processes are joined, and an item that a distributed sampler repeats to fill its last batch counts once.

torchmetrics classes over the functions: they stream and synchronise; they average whole images, never ranks.

torchmetrics classes over the functions: they stream and synchronise.

Means of per-image values are `_PerImage`s. A data set's maxF, and maxE likewise, is another number than the mean of
per-image maxima: one threshold has to serve all images, so the curve is averaged first. Papers print that one.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from jaxtyping import Bool, Float, Int, Num
from torch import Tensor
from torchmetrics import Metric
from torchmetrics.utilities import dim_zero_cat

from regard.metrics.classification import Binning, Calibration, calibration_error
from regard.metrics.fixation.auc import auc, auc_judd, sauc
from regard.metrics.fixation.distribution import cc, kl_divergence, sim, spearman, top_iou
from regard.metrics.fixation.information import information_gain
from regard.metrics.fixation.nss import nss
from regard.metrics.information import anchor_counts
from regard.metrics.salient_object.curves import THRESHOLDS, adaptive_e, adaptive_f, e_curve, f_curve, mean_e, mean_f
from regard.metrics.salient_object.mae import mae
from regard.metrics.salient_object.s_measure import s_measure
from regard.metrics.salient_object.weighted_f import weighted_f
from regard.metrics.scores import score
from regard.types import RegardError, Scores


class _Items(Metric):
    """Values by item index; subclasses say how many columns and what to compute."""

    index: list[Tensor]
    rows: list[Tensor]

    def __init__(self, **options: Any) -> None:
        super().__init__(**options)
        self.add_state("index", default=[], dist_reduce_fx="cat")
        self.add_state("rows", default=[], dist_reduce_fx="cat")

    def _append(self, index: Tensor, *columns: Tensor) -> None:
        if any(column.shape != index.shape for column in columns):
            shapes = [tuple(column.shape) for column in columns]
            raise RegardError(f"{type(self).__name__}: values {shapes} for {len(index)} items; give one an item")
        self.index.append(index.detach().long())
        self.rows.append(torch.stack([column.detach().float() for column in columns], 1))

    def _sorted(self) -> tuple[Tensor, Tensor]:
        """Distinct items in ascending order: index (N,) and rows (N,columns), on the CPU."""
        if not len(self.index):
            raise RegardError(f"{type(self).__name__}: nothing to compute; call update with at least one batch")
        index, rows = dim_zero_cat(self.index).cpu(), dim_zero_cat(self.rows).cpu()
        index, order = index.sort(stable=True)
        first = torch.ones_like(index, dtype=torch.bool)
        first[1:] = index[1:] != index[:-1]
        return index[first], rows[order[first]]

    def _gathered(self) -> Tensor:
        """Rows of the distinct items of all processes; `compute` may return tensors only, hence this second way."""
        with self.sync_context(dist_sync_fn=self.dist_sync_fn, should_sync=self._to_sync):
            return self._sorted()[1]


class ItemScores(_Items):
    """Per-item values of any function of this room -> `Scores`, ordered by item index.

    Args:
        reasons: names of the flags that `update` may pass, in order of precedence.
        level: of the bootstrap interval.
        draws: bootstrap samples.
        seed: of the bootstrap.

    >>> metric = ItemScores()
    >>> metric.update(torch.tensor([1, 0]), torch.tensor([1.0, 0.0]))
    >>> metric.update(torch.tensor([0]), torch.tensor([0.0]))  # padding of a sampler
    >>> metric.result().values.tolist()
    [0.0, 1.0]
    """

    def __init__(
        self, reasons: tuple[str, ...] = (), *, level: float = 0.95, draws: int = 2000, seed: int = 0, **options: Any
    ) -> None:
        super().__init__(**options)
        self.reasons = reasons
        self.bootstrap = {"level": level, "draws": draws, "seed": seed}

    def update(
        self,
        index: Int[Tensor, " B"],
        values: Num[Tensor, " M"] | Bool[Tensor, " M"],
        undefined: dict[str, Bool[Tensor, " B"]] | None = None,
    ) -> None:
        """Add a batch: items' indices, their values (NaN where undefined) and the flags that say why."""
        undefined = undefined or {}
        unknown = set(undefined) - set(self.reasons)
        if unknown:
            raise RegardError(f"ItemScores: reasons {sorted(unknown)} were not declared; pass them as reasons=")
        none = torch.zeros_like(values)
        self._append(index, values, *(undefined.get(reason, none) for reason in self.reasons))

    def compute(self) -> Tensor:
        """Mean over the distinct items of all processes; for its interval see `result`."""
        return self._sorted()[1][:, 0].double().nanmean()

    def result(self) -> Scores:
        """Values, mean, interval and counted reasons over the distinct items of all processes (call it on each)."""
        rows = self._gathered()
        flags = {reason: rows[:, 1 + i] > 0 for i, reason in enumerate(self.reasons)}
        return score(rows[:, 0], reasons=flags, **self.bootstrap)  # type: ignore[arg-type]


class CalibrationError(_Items):
    """Confidence and hit an item -> `Calibration`.

    Args:
        bins: number of bins.
        binning: ``width`` or ``mass``.
    """

    def __init__(self, bins: int = 15, binning: Binning = "width", **options: Any) -> None:
        super().__init__(**options)
        self.bins, self.binning = bins, binning

    def update(self, index: Int[Tensor, " B"], confidence: Float[Tensor, " B"], correct: Float[Tensor, " B"]) -> None:
        """Add a batch: items' indices, probability of the predicted class, `classification.accuracy`."""
        self._append(index, confidence, correct)

    def compute(self) -> Tensor:
        """Expected calibration error over the distinct items of all processes."""
        return torch.tensor(self._calibration(self._sorted()[1]).error)

    def result(self) -> Calibration:
        """The error with its interval, floor and bins over the distinct items of all processes (call it on each)."""
        return self._calibration(self._gathered())

    def _calibration(self, rows: Tensor) -> Calibration:
        return calibration_error(rows[:, 0], rows[:, 1], bins=self.bins, binning=self.binning)


class AnchorCounts(_Items):
    """Positions an anchor over distinct items; read it with `anchors.usage`, `perplexity`, `dead`.

    Args:
        anchors: Q, the size of the codebook.
    """

    def __init__(self, anchors: int, **options: Any) -> None:
        super().__init__(**options)
        self.anchors = anchors

    def update(self, index: Int[Tensor, " B"], anchor: Int[Tensor, "B *grid"]) -> None:
        """Add a batch: items' indices and the anchor at each position of their maps."""
        counts = [anchor_counts(item, self.anchors) for item in anchor]
        self._append(index, *torch.stack(counts, 1)) if counts else None

    def compute(self) -> Int[Tensor, " Q"]:
        """Counts (Q,) over the distinct items of all processes."""
        _, rows = self._sorted()
        return rows.double().sum(0).long()


class _PerImage(Metric):
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


class AUC(_PerImage):
    """`auc` of (maps, fixations)."""

    function = staticmethod(auc)
    higher_is_better = True


class ShuffledAUC(_PerImage):
    """`sauc` of (maps, fixations, others)."""

    function = staticmethod(sauc)
    higher_is_better = True


class AUCJudd(_PerImage):
    """`auc_judd` of (maps, fixations)."""

    function = staticmethod(auc_judd)
    higher_is_better = True


class NSS(_PerImage):
    """`nss` of (maps, fixations)."""

    function = staticmethod(nss)
    higher_is_better = True


class CC(_PerImage):
    """`cc` of (maps, gold)."""

    function = staticmethod(cc)
    higher_is_better = True


class SIM(_PerImage):
    """`sim` of (maps, gold)."""

    function = staticmethod(sim)
    higher_is_better = True


class KLDivergence(_PerImage):
    """`kl_divergence` of (maps, gold)."""

    function = staticmethod(kl_divergence)
    higher_is_better = False


class InformationGain(_PerImage):
    """`information_gain` of (log_density, fixations, baseline)."""

    function = staticmethod(information_gain)
    higher_is_better = True


class Spearman(_PerImage):
    """`spearman` of (maps, gold)."""

    function = staticmethod(spearman)
    higher_is_better = True


class TopIoU(_PerImage):
    """`top_iou` of (maps, gold)."""

    function = staticmethod(top_iou)
    higher_is_better = True


class _MaxOfMeanCurve(Metric):
    """Largest value of the mean curve over the images where it is defined; NaN if there is none."""

    full_state_update = False
    higher_is_better = True
    curve: Callable[..., Tensor]
    total: Tensor
    images: Tensor
    undefined: Tensor

    def __init__(self, **settings: Any) -> None:
        super().__init__(**settings)
        self.add_state("total", torch.zeros(THRESHOLDS, dtype=torch.float64), dist_reduce_fx="sum")
        self.add_state("images", torch.zeros((), dtype=torch.long), dist_reduce_fx="sum")
        self.add_state("undefined", torch.zeros((), dtype=torch.long), dist_reduce_fx="sum")

    def update(self, prediction: Tensor, masks: Tensor) -> None:
        """Add a batch: prediction (B,1,H,W) in [0,1], masks (B,1,H,W) bool."""
        rows = type(self).curve(prediction, masks)
        self.total += rows.nansum(0).to(self.total)
        self.images += len(rows)
        self.undefined += rows[:, 0].isnan().sum()

    def compute(self) -> Tensor:
        """The maximum over thresholds."""
        return (self.total / (self.images - self.undefined)).amax()


class MaxF(_MaxOfMeanCurve):
    """The data set's maxF: `f_curve` averaged over images, its maximum over thresholds."""

    curve = staticmethod(f_curve)


class MaxE(_MaxOfMeanCurve):
    """The data set's maxE: `e_curve` averaged over images, its maximum over thresholds."""

    curve = staticmethod(e_curve)


class MeanF(_PerImage):
    """`mean_f` of (prediction, masks)."""

    function = staticmethod(mean_f)
    higher_is_better = True


class AdaptiveF(_PerImage):
    """`adaptive_f` of (prediction, masks)."""

    function = staticmethod(adaptive_f)
    higher_is_better = True


class WeightedF(_PerImage):
    """`weighted_f` of (prediction, masks)."""

    function = staticmethod(weighted_f)
    higher_is_better = True


class MAE(_PerImage):
    """`mae` of (prediction, masks)."""

    function = staticmethod(mae)
    higher_is_better = False


class SMeasure(_PerImage):
    """`s_measure` of (prediction, masks)."""

    function = staticmethod(s_measure)
    higher_is_better = True


class MeanE(_PerImage):
    """`mean_e` of (prediction, masks)."""

    function = staticmethod(mean_e)
    higher_is_better = True


class AdaptiveE(_PerImage):
    """`adaptive_e` of (prediction, masks)."""

    function = staticmethod(adaptive_e)
    higher_is_better = True
