"""torchmetrics classes over the functions of this room, for streams of batches and several processes.

What is kept adds or concatenates: sums over images, per-item values with the item's index, or counts. Nothing is
averaged before all processes are joined. Three kinds:

* means of per-image scores (`NSS`, `MAE`, ...): two sums, so memory does not grow with the number of images;
* maxima of a mean curve (`MaxF`, `MaxE`): a data set's maxF is another number than the mean of per-image maxima, as one
  threshold has to serve all images; papers print the former;
* values by item index (`ItemScores`, `CalibrationError`, `AnchorCounts`): an item that a distributed sampler repeats to
  fill its last batch counts once.

Every class works alone and inside `torchmetrics.MetricCollection`, with positional and with named arguments; a
collection passes each class those of the names that it takes. All are importable from `regard.metrics`.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable
from typing import Any, Literal

import torch
from jaxtyping import Bool, Int, Num
from torch import Tensor
from torchmetrics import Metric
from torchmetrics.utilities import dim_zero_cat

from regard.metrics.classification import Binning, Calibration, calibration_error
from regard.metrics.fixation.auc import auc, auc_judd, sauc
from regard.metrics.fixation.distribution import cc, kl_divergence, sim, top_iou
from regard.metrics.fixation.information import information_gain
from regard.metrics.fixation.scores import nss
from regard.metrics.information import anchor_counts
from regard.metrics.salient_object.curves import LEVELS, adaptive_e, adaptive_f, e_curve, f_curve, mean_e, mean_f
from regard.metrics.salient_object.s_measure import s_measure
from regard.metrics.salient_object.scores import mae
from regard.metrics.salient_object.weighted_f import weighted_f
from regard.metrics.scores import score
from regard.metrics.similarity import spearman
from regard.types import PerImage, RegardError, Scores


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
            raise RegardError(f"{type(self).__name__}: values {shapes} for {len(index)} items; give one per item")
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

    ``reasons`` are names of the flags that `update` may pass, in order of precedence; ``level``, ``draws`` and ``seed``
    are those of the bootstrap, as in `score`.

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
    """Confidence and hit per item -> `Calibration`; ``bins`` and ``binning`` as in `calibration_error`."""

    def __init__(self, bins: int = 15, binning: Binning = "width", **options: Any) -> None:
        super().__init__(**options)
        self.bins, self.binning = bins, binning

    def update(self, index: Int[Tensor, " B"], confidence: PerImage, correct: PerImage) -> None:
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
    """Positions per anchor (of a codebook of so many) over distinct items; read it with `usage`, `perplexity`,
    `dead`.
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


class _Stream(Metric):
    """Adds up a per-image function of tensors over batches.

    Subclasses are declared by the function: ``class NSS(_Stream, function=nss, better="higher")``. The positional
    parameters of the function are those of ``update``; its keyword-only parameters are options of the constructor.
    ``images`` and ``undefined`` count images, and those of them where the function is NaN.
    """

    full_state_update = False
    is_differentiable = False
    function: Callable[..., Tensor]
    size: tuple[int, ...] = ()
    total: Tensor
    images: Tensor
    undefined: Tensor

    def __init_subclass__(
        cls,
        *,
        function: Callable[..., Tensor] | None = None,
        better: Literal["higher", "lower"] = "higher",
        bounds: tuple[float | int | None, float | int | None] = (None, None),
        **kwargs: Any,
    ) -> None:
        super().__init_subclass__(**kwargs)
        if function is None:
            return
        cls.function = staticmethod(function)
        cls.higher_is_better = better == "higher"
        cls.plot_lower_bound, cls.plot_upper_bound = bounds

        def signature() -> None: ...

        def update(self: _Stream, *args: Tensor, **kwargs: Tensor) -> None:
            self._add(*args, **kwargs)

        # MetricCollection filters named arguments by the signature of `update`. It stands on a wrapped function, as
        # torchmetrics copies attributes of the method to its own wrapper, which has no `self`.
        tensors = [p for p in _parameters(function) if p.kind is p.POSITIONAL_OR_KEYWORD]
        own = inspect.Parameter("self", inspect.Parameter.POSITIONAL_OR_KEYWORD)
        signature.__signature__ = inspect.Signature([own, *tensors])  # type: ignore[attr-defined]
        update.__wrapped__ = signature  # type: ignore[attr-defined]
        update.__doc__ = f"Add a batch of {', '.join(p.name for p in tensors)}."
        cls.update = update  # type: ignore[method-assign,assignment]

    def __init__(self, *, options: dict[str, Any] | None = None, **settings: Any) -> None:
        known = [p.name for p in _parameters(type(self).function) if p.kind is p.KEYWORD_ONLY]
        self_options = {name: settings.pop(name) for name in known if name in settings}
        super().__init__(**settings)
        self.options = (options or {}) | self_options
        self.add_state("total", torch.zeros(self.size, dtype=torch.float64), dist_reduce_fx="sum")
        self.add_state("images", torch.zeros((), dtype=torch.long), dist_reduce_fx="sum")
        self.add_state("undefined", torch.zeros((), dtype=torch.long), dist_reduce_fx="sum")
        # MetricCollection updates one of several metrics whose states have equal names and values after a first batch;
        # a state that is named after function and options keeps different metrics apart.
        self.add_state(f"of {type(self).__name__} {self.options}", torch.zeros(()), dist_reduce_fx="sum")

    def _add(self, *args: Tensor, **kwargs: Tensor) -> None:
        values = type(self).function(*args, **kwargs, **self.options).detach()
        self.total += values.nansum(0).to(self.total)
        self.images += len(values)
        self.undefined += values.flatten(1).isnan().any(1).sum() if values.ndim > 1 else values.isnan().sum()

    def compute(self) -> Tensor:
        """Mean over the images where the function is defined; NaN if there is none."""
        return self.total / (self.images - self.undefined)

    def plot(self, val: Any = None, ax: Any = None) -> Any:
        """Plot the value, or several of them, with matplotlib; see `torchmetrics.Metric`."""
        return self._plot(val, ax)


class _MaxOfMeanCurve(_Stream):
    """Largest value of the mean of per-image curves (256 thresholds); NaN if no image is defined."""

    size = (LEVELS,)

    def compute(self) -> Tensor:
        """The maximum over thresholds of the mean curve."""
        return super().compute().amax()


def _parameters(function: Callable[..., Tensor]) -> list[inspect.Parameter]:
    return list(inspect.signature(function).parameters.values())


def _spearman(maps: Tensor, gold: Tensor) -> Tensor:
    return spearman(maps, gold)


class AUC(_Stream, function=auc, bounds=(0, 1)):
    """Mean of `auc` over images; ``update(maps, fixations)``, option ``convention``."""


class ShuffledAUC(_Stream, function=sauc, bounds=(0, 1)):
    """Mean of `sauc`; ``update(maps, fixations, others)``, options ``own_included``, ``convention``, ``seed``."""


class AUCJudd(_Stream, function=auc_judd, bounds=(0, 1)):
    """Mean of `auc_judd`; ``update(maps, fixations)``, option ``convention``."""


class NSS(_Stream, function=nss):
    """Mean of `nss`; ``update(maps, fixations)``, option ``convention``.

    >>> metric = NSS()
    >>> metric.update(torch.arange(4.0).reshape(1, 1, 2, 2), torch.tensor([[[1.0, 1.0]]]))
    >>> metric.compute()
    tensor(1.3416, dtype=torch.float64)
    """


class CC(_Stream, function=cc, bounds=(-1, 1)):
    """Mean of `cc`; ``update(maps, gold)``."""


class SIM(_Stream, function=sim, bounds=(0, 1)):
    """Mean of `sim`; ``update(maps, gold)``, option ``convention``."""


class KLDivergence(_Stream, function=kl_divergence, better="lower", bounds=(0, None)):
    """Mean of `kl_divergence`; ``update(maps, gold)``, option ``convention``."""


class InformationGain(_Stream, function=information_gain):
    """Mean of `information_gain`; ``update(log_density, fixations, baseline)``."""


class Spearman(_Stream, function=_spearman, bounds=(-1, 1)):
    """Mean of `spearman`; ``update(maps, gold)``."""


class TopIoU(_Stream, function=top_iou, bounds=(0, 1)):
    """Mean of `top_iou`; ``update(maps, gold)``, option ``share``."""


class MaxF(_MaxOfMeanCurve, function=f_curve, bounds=(0, 1)):
    """The data set's maxF: the maximum of the mean `f_curve`; ``update(prediction, masks)``.

    >>> metric = MaxF()
    >>> metric.update(torch.tensor([[[[0.9, 0.6, 0.1]]]]), torch.tensor([[[[True, False, False]]]]))
    >>> metric.compute()
    tensor(1., dtype=torch.float64)
    """


class MaxE(_MaxOfMeanCurve, function=e_curve):
    """The data set's maxE: the maximum of the mean `e_curve`; ``update(prediction, masks)``."""


class MeanF(_Stream, function=mean_f, bounds=(0, 1)):
    """Mean of `mean_f`; ``update(prediction, masks)``."""


class AdaptiveF(_Stream, function=adaptive_f, bounds=(0, 1)):
    """Mean of `adaptive_f`; ``update(prediction, masks)``."""


class WeightedF(_Stream, function=weighted_f, bounds=(0, 1)):
    """Mean of `weighted_f`; ``update(prediction, masks)``."""


class MAE(_Stream, function=mae, better="lower", bounds=(0, 1)):
    """Mean of `mae`; ``update(prediction, masks)``."""


class SMeasure(_Stream, function=s_measure, bounds=(0, 1)):
    """Mean of `s_measure`; ``update(prediction, masks)``."""


class MeanE(_Stream, function=mean_e):
    """Mean of `mean_e`; ``update(prediction, masks)``."""


class AdaptiveE(_Stream, function=adaptive_e):
    """Mean of `adaptive_e`; ``update(prediction, masks)``."""
