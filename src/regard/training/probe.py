"""The linear probe of a pretrained network: its classifier alone is fitted, by logistic regression on frozen features.

    min over W, b   mean_i CE(W z_i + b, y_i) + strength / 2 ||W||^2,   z: input of the classifier, standardised

by L-BFGS (scikit-learn), with the strength of `STRENGTHS` at which validation images are the least surprising (NLL),
the larger of equals. It is the control of every pretrained run, and where one may start from: fine-tuning a fresh
classifier drags the features along before it knows where to (Kumar et al., *Fine-Tuning can Distort Pretrained
Features and Underperform Out-of-Distribution*, ICLR 2022: first probe, then fine-tune).
"""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn

from regard.backbones import eval_mode, head_name
from regard.data import DataSplits, Split
from regard.files import write_json
from regard.models import AttentiveClassifier
from regard.training.build import build_model, plain_twin
from regard.training.forward import TaskModel, forward_batch
from regard.training.recipe import Recipe
from regard.training.stem_cache import StemSplit, stem_splits
from regard.types import Batch, RegardError

FOLDER = "probe"
"""In a run's folder."""
STRENGTHS = (3.0, 1.0, 0.3, 0.1, 0.03, 0.01, 0.003, 0.001)
_BATCH = 64


def has_probe(recipe: Recipe, data: DataSplits) -> bool:
    """Whether a run has the control: one of pretrained weights that sorts images into classes."""
    return recipe.task == "classification" and recipe.model.pretrained is not False and data.train.labels.ndim == 1


def load_probe(folder: Path, recipe: Recipe, data: DataSplits, *, quiet: bool = False) -> AttentiveClassifier:
    """The linear probe in a run's folder, or, of a twin, in that around it; fitted and written where there is none.

    It is the plain network in evaluation mode, on the processor.

    Raises:
        RegardError: the network does not end in one linear layer.
    """
    for near in (folder, folder.parent) if folder.name == "twin" else (folder,):
        if (near / FOLDER / "probe.json").is_file():
            return AttentiveClassifier.from_pretrained(near / FOLDER / "model")
    model, record = linear_probe(recipe, data, quiet=quiet)
    model.save_pretrained(folder / FOLDER / "model")
    write_json(folder / FOLDER / "probe.json", record)
    return model


def linear_probe(
    recipe: Recipe, data: DataSplits, *, quiet: bool = False
) -> tuple[AttentiveClassifier, dict[str, float]]:
    """The plain network of a pretrained recipe with a fitted classifier, and the strength that was chosen with the
    validation accuracy and NLL that it gives.

    With ``train.cache_stem`` it is fitted on the augmented views that training takes, else on the images as they are.

    Raises:
        RegardError: the network does not end in one linear layer.
    """
    plain = plain_twin(recipe)
    model = build_model(replace(plain, model=replace(plain.model, init=None)), data)
    head = _classifier(model)
    if recipe.train.cache_stem:
        data = stem_splits(recipe, model, data, quiet=quiet)
    z, labels = _features(model, head, data.train)
    val, val_labels = _features(model, head, data.val)
    weight, bias, record = _fit(z, labels, val, val_labels, len(data.classes))
    with torch.no_grad():
        head.weight.copy_(weight)
        if head.bias is not None:
            head.bias.copy_(bias)
    return model.eval(), record


def start_at_probe(model: TaskModel, probe: AttentiveClassifier) -> None:
    """Gives a model the classifier of a probe of the same backbone."""
    assert isinstance(model, AttentiveClassifier), "refused by the recipe's rules"
    _classifier(model).load_state_dict(_classifier(probe).state_dict())


def _classifier(model: AttentiveClassifier) -> nn.Linear:
    name = head_name(model.trunk)
    head = model.trunk.get_submodule(name) if name else None
    if not isinstance(head, nn.Linear):
        raise RegardError(
            f"model.init: probe: {type(model.trunk).__name__} does not end in one linear layer; set model.init to null"
        )
    return head


def _features(model: AttentiveClassifier, head: nn.Linear, split: Split) -> tuple[Tensor, Tensor]:
    """What the classifier reads of every image, in all its views (N,F), and the labels (N,)."""
    taken: list[Tensor] = []
    labels: list[Tensor] = []
    hook = head.register_forward_pre_hook(lambda _module, inputs: taken.append(inputs[0].detach().float()))
    try:
        with eval_mode(model):
            for batch in _views(split):
                forward_batch(model, batch, samples=0)
                labels.append(batch.labels)
    finally:
        hook.remove()
    return torch.cat(taken), torch.cat(labels)


def _views(split: Split) -> Iterator[Batch]:
    count = len(split.features) if isinstance(split, StemSplit) else 1
    for k in range(count):
        shown = replace(split, view=torch.full_like(split.view, k)) if isinstance(split, StemSplit) else split
        for index in torch.arange(len(split)).split(_BATCH):
            yield shown.batch(index)


def _fit(
    z: Float[Tensor, "N F"], labels: Int[Tensor, " N"], val: Float[Tensor, "V F"], val_labels: Int[Tensor, " V"], n: int
) -> tuple[Float[Tensor, "n F"], Float[Tensor, " n"], dict[str, float]]:
    """Weights and bias for features as they are, and what was chosen."""
    from sklearn.exceptions import ConvergenceWarning
    from sklearn.linear_model import LogisticRegression

    mean, std = z.mean(0), z.std(0, correction=0).clamp(min=1e-6)
    standard, best = ((z - mean) / std).numpy(), None
    for strength in STRENGTHS:
        with warnings.catch_warnings(action="ignore", category=ConvergenceWarning):
            fitted = LogisticRegression(C=1 / (strength * len(z)), max_iter=200).fit(standard, labels.numpy())
        weight, bias = torch.zeros(n, z.shape[1]), torch.full((n,), -20.0)  # of classes without a training image
        classes, rows, shifts = fitted.classes_, torch.from_numpy(fitted.coef_), torch.from_numpy(fitted.intercept_)
        if len(classes) == 2:  # scikit-learn gives the difference of the two
            rows, shifts = torch.cat([-rows, rows]) / 2, torch.cat([-shifts, shifts]) / 2
        weight[classes], bias[classes] = rows.float(), shifts.float()
        weight, bias = weight / std, bias - weight / std @ mean
        logits = val @ weight.T + bias
        nll = float(nn.functional.cross_entropy(logits, val_labels))
        accuracy = float((logits.argmax(1) == val_labels).float().mean())
        if best is None or nll < best[2]["val_nll"]:
            best = weight, bias, {"strength": strength, "val_nll": nll, "val_accuracy": accuracy}
    assert best is not None
    return best
