"""How well a network predicts labels, beside its plain twin and the floor of always saying the most frequent class."""

from __future__ import annotations

import torch
from torch import Tensor
from torchmetrics.functional.classification import multilabel_average_precision

from regard.evaluation.context import Columns, EvaluationContext, ReferenceColumns, Value
from regard.evaluation.observe import observe
from regard.evaluation.rows import PROBE, TWIN
from regard.metrics import accuracy, calibration_error, nll
from regard.models import PATH_MEANINGS
from regard.report import BootstrapMean, Confusion

_STREAM_LABELS = {"flow": "the flow alone", "rgb": "the image alone"}


def prediction(context: EvaluationContext) -> Columns:
    """Accuracy and NLL of the declared prediction, accuracy of one sample and of streams; calibration error, or mAP."""
    observation, labels = context.observation, context.labels
    values, alone = _label_scores(context), {f"accuracy_{name}" for name in observation.streams}
    references = []
    if labels.ndim == 1:
        common = float(torch.bincount(labels).max() / len(labels))
        floor = {"calibration_error": values["calibration_floor"]}
        references.append(ReferenceColumns("perfectly calibrated, this many images", "ceiling", floor))
    if observation.streams and labels.ndim == 2:
        references.append(ReferenceColumns("random order", "floor", {"map": random_average_precision(labels)}))
    if context.twin is not None:
        plain = _label_scores(context.twin)
        references.append(ReferenceColumns(TWIN, "control", {k: plain[k] for k in plain if k not in alone}))
    if context.probe is not None:
        linear = _label_scores(context.probe)
        references.append(ReferenceColumns(PROBE, "control", {k: linear[k] for k in ("accuracy_mean", "nll")}))
    if labels.ndim == 1:
        references.append(ReferenceColumns("most frequent class", "floor", {"accuracy_mean": common}))
    if observation.streams:
        for name, guess in context.data.guesses.items():
            references.append(ReferenceColumns(name, "floor", {"accuracy_mean": (guess == labels).float()}))
        if labels.ndim == 2:
            for name, stream in observation.streams.items():
                precision = mean_average_precision(stream, labels)[0]
                references.append(ReferenceColumns(_STREAM_LABELS[name], "control", {"map": precision}))
        fused = dict.fromkeys(alone, values["accuracy_mean"])
        references.append(ReferenceColumns("both, averaged", "control", fused))
    absent = mean_average_precision(observation.mean, labels)[1] if "map" in values else 0
    return Columns(
        values,
        tuple(references),
        reasons={"map": {"labels that no clip has": torch.tensor(absent)}},
        details={"path": observation.path, "path_means": PATH_MEANINGS[observation.path]},
        parts={"confusion": confusion(observation.mean, labels)} if labels.ndim == 1 else {},
    )


def confusion(probabilities: Tensor, labels: Tensor) -> tuple[Confusion, ...]:
    """How often each class was taken for each, by true and predicted class; pairs that do not occur are left out.

    An image for which k classes are equally likely counts 1/k for each, so that a class's accuracy is the mean of
    `regard.metrics.accuracy` over its images; one with NaN counts nowhere. Probabilities (N,n), labels (N,).
    """
    known = ~probabilities.isnan().any(1)
    top = probabilities[known] == probabilities[known].amax(1, keepdim=True)
    image, predicted = top.nonzero(as_tuple=True)
    pairs = torch.stack([labels[known].long()[image], predicted])
    counts = torch.sparse_coo_tensor(pairs, 1 / top.sum(1).double()[image], check_invariants=True).coalesce()
    cells = zip(counts.indices().T.tolist(), counts.values().tolist(), strict=True)
    return tuple(Confusion(truth, taken_for, count) for (truth, taken_for), count in cells)


def _label_scores(context: EvaluationContext) -> dict[str, Value]:
    observation, labels = context.observation, context.labels
    values: dict[str, Value] = {
        "accuracy_mean": accuracy(observation.mean, labels),
        "nll": nll(observation.mean, labels),
    }
    if observation.one is not None:
        values["accuracy_one_sample"] = accuracy(observation.one, labels)
    values |= {f"accuracy_{n}_samples": accuracy(averaged, labels) for n, averaged in observation.averaged.items()}
    if labels.ndim == 1:
        calibration = calibration_error(observation.mean.max(1).values, accuracy(observation.mean, labels))
        values["calibration_error"] = BootstrapMean(calibration.error, calibration.low, calibration.high)
        values["calibration_floor"] = calibration.floor
    values |= {f"accuracy_{name}": accuracy(stream, labels) for name, stream in observation.streams.items()}
    if observation.streams and labels.ndim == 2:
        values["map"] = mean_average_precision(observation.mean, labels)[0]
    return values


def samples(context: EvaluationContext) -> Columns:
    """Accuracy averaged over several samples; nothing where nothing is random.

    Apart from `prediction`, as it costs a run of the layers behind the attention for every sample.
    """
    averaged = observe(context.model, context.split, seed=context.seed).averaged
    return Columns({f"accuracy_{n}_samples": accuracy(mean, context.labels) for n, mean in averaged.items()})


def mean_average_precision(probabilities: Tensor, targets: Tensor) -> tuple[float, int]:
    """Mean over the labels that occur of the area under precision and recall, and how many labels do not occur.

    Probabilities (N,n), targets 0/1 (N,n).
    """
    known = targets.sum(0) > 0
    if not bool(known.any()):
        return float("nan"), int((~known).sum())
    own = multilabel_average_precision(
        probabilities[:, known].float(), targets[:, known].long(), int(known.sum()), average="none"
    )
    assert isinstance(own, Tensor)
    return float(own.reshape(-1).mean()), int((~known).sum())


def random_average_precision(targets: Tensor) -> float:
    """What a random order reaches in the long run: the mean share of items that have a label; NaN without labels."""
    present = targets.float().mean(0)
    return float(present[present > 0].mean()) if bool((present > 0).any()) else float("nan")
