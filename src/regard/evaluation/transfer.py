"""`regard transfer`: accuracy on another data set over examples per class, beside an untrained network and pixels.

Logistic regression on frozen features (what a network makes of images before it decides, or the pixels themselves), its
penalty chosen without the test split.
"""

from __future__ import annotations

import inspect
import warnings
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np
import numpy.typing as npt
import torch
import torch.nn.functional as F
from jaxtyping import Float
from sklearn.exceptions import ConvergenceWarning
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import StratifiedKFold, cross_val_score
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import StandardScaler
from torch import Tensor, nn

from regard.backbones import eval_mode, head_name
from regard.data import DataSplits, Split, find_entry, open_data, permutation
from regard.devices import find_device
from regard.evaluation.rows import mean_interval
from regard.files import claim_folder, write_arrays
from regard.metrics import paired_difference
from regard.models import AttentiveClassifier
from regard.owner import owns
from regard.reading import read_arrays
from regard.report import BootstrapMean, json_text, write_dataclass
from regard.training import load_trained, refuse_map_override, seed_everything
from regard.types import RegardError

Rows = npt.NDArray[np.float32]
Labels = npt.NDArray[np.int64]
PENALTIES = (1e-4, 1e-3, 1e-2, 1e-1, 1.0)
"""Candidates for C, the inverse of the L2 penalty's strength, on standardised features."""
WITHOUT_CHOICE = 1e-2
"""C where one example a class leaves nothing to choose by."""
_STEPS = 200


@dataclass(frozen=True)
class Probe:
    """Scaling and regression, fitted; ``penalty`` is C, ``chosen_on`` is validation, cross-validation or nothing."""

    model: Pipeline
    penalty: float
    chosen_on: str

    def hits(self, rows: Rows, labels: Labels) -> npt.NDArray[np.float32]:
        """1 where the answer is right, else 0 (N,)."""
        return (self.model.predict(rows) == labels).astype(np.float32)


def fit_probe(rows: Rows, labels: Labels, val: tuple[Rows, Labels] | None, *, seed: int) -> Probe:
    """Logistic regression on features (N,D) and labels (N,); of equally good penalties the strongest.

    C is chosen on ``val``, features and labels; without, by cross-validation among the rows in as many parts as the
    rarest class has examples, at most five. ``seed`` decides the parts.
    """
    parts = min(5, int(np.unique(labels, return_counts=True)[1].min()))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)  # so many steps are enough for a probe
        if val is None and parts < 2:
            return Probe(_pipeline(WITHOUT_CHOICE).fit(rows, labels), WITHOUT_CHOICE, "nothing")
        if val is None:
            folds = StratifiedKFold(parts, shuffle=True, random_state=seed)
            scores = [float(cross_val_score(_pipeline(c), rows, labels, cv=folds).mean()) for c in PENALTIES]
            best = PENALTIES[int(np.argmax(scores))]
            return Probe(_pipeline(best).fit(rows, labels), best, "cross-validation")
        fitted = [_pipeline(c).fit(rows, labels) for c in PENALTIES]
        best = int(np.argmax([model.score(*val) for model in fitted]))
        return Probe(fitted[best], PENALTIES[best], "validation")


def _pipeline(penalty: float) -> Pipeline:
    return make_pipeline(StandardScaler(), LogisticRegression(C=penalty, max_iter=_STEPS, tol=1e-3))


Represent = Callable[[Float[Tensor, "B 3 H W"]], Float[Tensor, "B D"]]
PIXEL_SIDE = 32
"""Raw pixels are read at no more than this side, which leaves 3,072 numbers per image."""
_BATCH = 64


def resized(images: Float[Tensor, "B 3 H W"], size: tuple[int, int]) -> Float[Tensor, "B 3 h w"]:
    """Bilinear, with antialiasing where it shrinks."""
    if images.shape[-2:] == size:
        return images
    return F.interpolate(images, size=size, mode="bilinear", antialias=True, align_corners=False).clamp(0, 1)


def of_network(model: AttentiveClassifier) -> Represent:
    """Mean of the latent where there is one, else the pooled features that enter the linear classifier.

    By the declared prediction; images are resized to the network's input.
    """

    def represent(images: Tensor) -> Tensor:
        images = resized(images, model.shape[1:]).to(next(model.parameters()).device)
        with eval_mode(model):
            if model.bottleneck is not None:
                latent = model(images).latent
                assert latent is not None
                return latent.mean.float().cpu()
            features: list[Tensor] = []

            def keep(_module: nn.Module, args: Any) -> None:
                features.append(args[0])

            name = head_name(model.trunk)
            if name is None:
                raise RegardError("transfer: this network has no linear classifier, whose inputs would be its features")
            hook = model.trunk.get_submodule(name).register_forward_pre_hook(keep)
            try:
                model(images)
            finally:
                hook.remove()
        return features[0].flatten(1).float().cpu()

    return represent


def of_pixels(size: tuple[int, int]) -> Represent:
    """The pixels, shrunk to ``PIXEL_SIDE`` where images are larger."""
    side = (min(size[0], PIXEL_SIDE), min(size[1], PIXEL_SIDE))
    return lambda images: resized(images, side).flatten(1)


def represented(split: Split, represent: Represent, index: Tensor | None = None) -> Rows:
    """The items ``index`` of a split, all by default, as rows (N,D)."""
    index = torch.arange(len(split)) if index is None else index
    rows = [represent(split.batch(part).images) for part in index.split(_BATCH)]
    return torch.cat(rows).numpy()


ALL_EXAMPLES = 0
"""Stands for all training examples."""
_KINDS = ("network", "untrained", "pixels")
_FILE = "transfer.json"
_STREAM = 800


@dataclass(frozen=True)
class TransferOptions:
    """What `transfer` fits.

    Attributes:
        shots: examples per class; ``ALL_EXAMPLES`` is the whole training split.
        draws: random draws of the examples; ``ALL_EXAMPLES`` needs one.
        seed: of draws and of the untrained network.
    """

    shots: tuple[int, ...] = (1, 2, 5, 10, 20, ALL_EXAMPLES)
    draws: int = 5
    seed: int = 0

    def __post_init__(self) -> None:
        if self.draws < 1 or not self.shots or min(self.shots) < 0:
            raise RegardError(f"transfer: shots={self.shots}, draws={self.draws}; give numbers of at least 1, or all")


@dataclass(frozen=True)
class TransferData:
    """The data set that features are read on."""

    name: str
    options: Mapping[str, object]
    classes: int
    test: int


@dataclass(frozen=True)
class TransferAccuracy(BootstrapMean):
    """Accuracy over test images; ``spread`` is the standard deviation over so many draws of the examples."""

    spread: float = 0.0
    draws: int = 1


@dataclass(frozen=True)
class TransferPoint:
    """Accuracies at so many examples per class, and the paired differences of the network to both floors."""

    shots: int | Literal["all"]
    network: TransferAccuracy
    untrained: TransferAccuracy
    pixels: TransferAccuracy
    difference: Mapping[str, BootstrapMean]


@dataclass(frozen=True)
class TransferResults:
    """transfer.json."""

    schema: Literal[1]
    run: str
    data: TransferData
    options: TransferOptions
    curve: tuple[TransferPoint, ...] = ()


@owns("out")
def transfer(
    run: Path,
    data: str,
    out: Path,
    options: TransferOptions | None = None,
    *,
    root: str | Path | None = None,
    data_options: Mapping[str, Any] | None = None,
    device: str | torch.device = "cpu",
) -> TransferResults:
    """Reads frozen features of a run's network on another data set; writes ``transfer.json`` into ``out``.

    For every number of examples per class, logistic regression on the network's features, on those of the same network
    with fresh weights, and on raw pixels. An image's value is the share of draws that classify it rightly; intervals
    are bootstrapped over test images. Finished cells are read from ``out/cells``.

    Raises:
        RegardError: no finished run, an unknown data set, one without single labels, or ``out`` holds other numbers.
    """
    options, device = options or TransferOptions(), find_device(device)
    recipe, model, _ = load_trained(run)
    refuse_map_override(recipe, run)
    if not isinstance(model, AttentiveClassifier):
        raise RegardError(f"{run}: a run of task {recipe.task}; a classifier of images is needed here")
    own: Mapping[str, Any] = data_options or {}
    if "size" in inspect.signature(find_entry(data).open).parameters and "size" not in own:
        own = {**own, "size": model.shape[1]}
    opened = open_data(data, root, **own)
    if opened.train.labels.ndim != 1:
        raise RegardError(f"transfer: {data} has several labels per image; logistic regression needs one")
    described = TransferData(data, dict(own), len(opened.classes), len(opened.test))
    wanted = {"schema": 1, "run": run.name, "data": described, "options": options}
    claim = claim_folder(out, "wanted.json", json_text(wanted), holds="a transfer with other options")
    with claim.undone_on_failure(lambda folder: (folder / "cells").exists()):
        hits = _cells(model, opened, out, options, device)
    curve = tuple(_point(k, {kind: hits[kind, k] for kind in _KINDS}) for k in options.shots)
    results = TransferResults(1, run.name, described, options, curve)
    write_dataclass(out / _FILE, results)
    return results


def _cells(
    model: AttentiveClassifier, data: DataSplits, out: Path, options: TransferOptions, device: str | torch.device
) -> dict[tuple[str, int], npt.NDArray[np.float32]]:
    """Kind and shots -> right or wrong (draws,N), made where not found."""
    makers: dict[str, Callable[[], Represent]] = {
        "network": lambda: of_network(model.to(device)),
        "untrained": lambda: of_network(untrained(model, options.seed).to(device)),
        "pixels": lambda: of_pixels(data.train.batch([0]).size),
    }
    hits = {}
    for kind in _KINDS:
        rows: dict[str, npt.NDArray[np.float32]] = {}
        for k in options.shots:
            path = out / "cells" / f"{kind}-{k or 'all'}.npz"
            if not path.exists():
                if not rows:
                    represent = makers[kind]()
                    splits = {"train": data.train, "val": data.val, "test": data.test}
                    rows = {name: represented(split, represent) for name, split in splits.items()}
                write_arrays(path, {"hits": _draws(rows, data, k, options)}, parents=True)
            hits[kind, k] = _load(path)
    return hits


def _draws(
    rows: dict[str, npt.NDArray[np.float32]], data: DataSplits, k: int, options: TransferOptions
) -> npt.NDArray[np.float32]:
    labels = {split.name: split.labels.cpu().numpy() for split in (data.train, data.val, data.test)}
    hits = []
    for draw in range(1 if k == ALL_EXAMPLES else options.draws):
        chosen = examples(data.train.labels.cpu(), k, seed=options.seed, draw=draw)
        val = (rows["val"], labels["val"]) if k == ALL_EXAMPLES else None
        probe = fit_probe(rows["train"][chosen], labels["train"][chosen], val, seed=options.seed)
        hits.append(probe.hits(rows["test"], labels["test"]))
    return np.stack(hits)


def examples(labels: Tensor, k: int, *, seed: int, draw: int) -> npt.NDArray[np.int64]:
    """Positions of ``k`` random examples of each class, fewer where it has fewer; all for ``ALL_EXAMPLES``."""
    order = permutation(len(labels), seed=seed, epoch=draw, stream=_STREAM)
    if k == ALL_EXAMPLES:
        return np.arange(len(labels))
    parts = [order[labels[order] == c][:k] for c in labels.unique()]
    return torch.cat(parts).sort().values.numpy()


def _point(k: int, hits: dict[str, npt.NDArray[np.float32]]) -> TransferPoint:
    """Accuracies at so many examples, and by how much the network's features exceed each floor, image by image."""
    means = {kind: torch.from_numpy(values.mean(0)) for kind, values in hits.items()}
    accuracies = {
        kind: TransferAccuracy(**vars(mean_interval(means[kind])), spread=float(v.mean(1).std()), draws=len(v))
        for kind, v in hits.items()
    }
    network = means["network"]
    differences = {kind: mean_interval(paired_difference(network, means[kind])) for kind in _KINDS[1:]}
    return TransferPoint(k or "all", difference=differences, **accuracies)


def untrained(model: AttentiveClassifier, seed: int) -> AttentiveClassifier:
    """The same network with weights as they are before training, pretrained ones not loaded."""
    seed_everything(seed)
    return type(model)(**{**model.config, "input_size": model.shape})


def _load(path: Path) -> npt.NDArray[np.float32]:
    remedy = "remove it and repeat the command"
    arrays = read_arrays(path, remedy)
    if "hits" not in arrays:
        raise RegardError(f"{path}: has no array hits; {remedy}")
    return arrays["hits"]
