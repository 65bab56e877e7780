"""`regard transfer`: a curve over examples a class, beside what pixels and an untrained network give."""

from __future__ import annotations

import inspect
import io
import json
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from regard.data import DataSplits, Split, open_data
from regard.data.catalog import find
from regard.data.counter import permutation
from regard.evaluation.entries import interval_of
from regard.evaluation.transfer.probe import fit_probe
from regard.evaluation.transfer.representation import Represent, of_network, of_pixels, represented
from regard.metrics import paired_difference, score
from regard.models import AttentiveClassifier
from regard.training import load_run, refuse_imposed, seed_everything, write_atomically
from regard.types import RegardError

ALL = 0
"""Stands for all training examples."""
KINDS = ("network", "untrained", "pixels")
FILE = "transfer.json"
_STREAM = 800


@dataclass(frozen=True)
class TransferOptions:
    """How it is read.

    Attributes:
        shots: examples a class; ``ALL`` is the whole training split.
        draws: random draws of the examples; ``ALL`` needs one.
        seed: decides them and the untrained network.
    """

    shots: tuple[int, ...] = (1, 2, 5, 10, 20, ALL)
    draws: int = 5
    seed: int = 0

    def __post_init__(self) -> None:
        if self.draws < 1 or not self.shots or min(self.shots) < 0:
            raise RegardError(f"transfer: shots={self.shots}, draws={self.draws}; give numbers of at least 1, or all")


def transfer(
    run: Path,
    data: str,
    out: Path,
    options: TransferOptions | None = None,
    *,
    root: str | Path | None = None,
    data_options: Mapping[str, Any] | None = None,
    device: str | torch.device = "cpu",
) -> dict[str, Any]:
    """Reads frozen features of a run's network on another data set; writes ``transfer.json`` into ``out``.

    For every number of examples a class, logistic regression on the network's features, on those of the same network
    with fresh weights, and on raw pixels. An image's value is the share of draws that classify it rightly; intervals
    are bootstrapped over test images, and ``spread`` is the standard deviation over draws. What is done is found again
    in ``out/cells``.

    Raises:
        RegardError: no finished run, an unknown data set, one without single labels, or ``out`` holds other numbers.
    """
    options = options or TransferOptions()
    recipe, model, _ = load_run(run)
    refuse_imposed(recipe, run)
    own: Mapping[str, Any] = data_options or {}
    if "size" in inspect.signature(find(data).open).parameters and "size" not in own:
        own = {**own, "size": model.shape[1]}
    opened = open_data(data, root, **own)
    if opened.train.labels.ndim != 1:
        raise RegardError(f"transfer: {data} has several labels an image; logistic regression needs one")
    result: dict[str, Any] = {
        "schema": 1,
        "run": run.name,
        "data": {"name": data, "options": dict(own), "classes": len(opened.classes), "test": len(opened.test)},
        "options": asdict(options),
    }
    claim(out, result)
    hits = _cells(model, opened, out, options, device)
    result["curve"] = [_point(k, {kind: hits[kind, k] for kind in KINDS}) for k in options.shots]
    write_atomically(out / FILE, json.dumps(result, indent=1, allow_nan=False) + "\n")
    return result


def claim(out: Path, wanted: dict[str, Any]) -> None:
    """The folder belongs to one setting.

    Raises:
        RegardError: it holds that of another.
    """
    path = out / "wanted.json"
    text = json.dumps(wanted, indent=1) + "\n"
    if path.exists() and path.read_text() != text:
        raise RegardError(f"{out} holds a transfer with other options; give --out NEW, or remove the folder")
    out.mkdir(parents=True, exist_ok=True)
    write_atomically(path, text)


def _cells(
    model: AttentiveClassifier, data: DataSplits, out: Path, options: TransferOptions, device: str | torch.device
) -> dict[tuple[str, int], npt.NDArray[np.float32]]:
    """Kind and shots -> right or wrong (draws,N), made where not found."""
    makers: dict[str, Callable[[], Represent]] = {
        "network": lambda: of_network(model.to(device)),
        "untrained": lambda: of_network(_fresh(model, options.seed).to(device)),
        "pixels": lambda: of_pixels(_image_size(data.train)),
    }
    found = {}
    for kind in KINDS:
        rows: dict[str, npt.NDArray[np.float32]] = {}
        for k in options.shots:
            path = out / "cells" / f"{kind}-{k or 'all'}.npz"
            if not path.exists():
                if not rows:
                    represent = makers[kind]()
                    splits = {"train": data.train, "val": data.val, "test": data.test}
                    rows = {name: represented(split, represent) for name, split in splits.items()}
                _save(path, _draws(rows, data, k, options))
            found[kind, k] = _load(path)
    return found


def _draws(
    rows: dict[str, npt.NDArray[np.float32]], data: DataSplits, k: int, options: TransferOptions
) -> npt.NDArray[np.float32]:
    labels = {split.name: split.labels.cpu().numpy() for split in (data.train, data.val, data.test)}
    hits = []
    for draw in range(1 if k == ALL else options.draws):
        chosen = examples(data.train.labels.cpu(), k, seed=options.seed, draw=draw)
        val = (rows["val"], labels["val"]) if k == ALL else None
        probe = fit_probe(rows["train"][chosen], labels["train"][chosen], val, seed=options.seed)
        hits.append(probe.hits(rows["test"], labels["test"]))
    return np.stack(hits)


def examples(labels: Tensor, k: int, *, seed: int, draw: int) -> npt.NDArray[np.int64]:
    """Positions of ``k`` random examples of each class, fewer where it has fewer; all for ``ALL``."""
    order = permutation(len(labels), seed=seed, epoch=draw, stream=_STREAM)
    if k == ALL:
        return np.arange(len(labels))
    parts = [order[labels[order] == c][:k] for c in labels.unique()]
    return torch.cat(parts).sort().values.numpy()


def _point(k: int, hits: dict[str, npt.NDArray[np.float32]]) -> dict[str, Any]:
    """Accuracies at so many examples, and by how much the network's features exceed each floor, image by image."""
    means = {kind: torch.from_numpy(values.mean(0)) for kind, values in hits.items()}
    point: dict[str, Any] = {"shots": k or "all"}
    for kind, values in hits.items():
        point[kind] = interval_of(score(means[kind])) | {"spread": float(values.mean(1).std()), "draws": len(values)}
    point["difference"] = {
        kind: interval_of(paired_difference(means["network"], means[kind])) for kind in KINDS if kind != "network"
    }
    return point


def _fresh(model: AttentiveClassifier, seed: int) -> AttentiveClassifier:
    """The same network with weights as they are before training, pretrained ones not loaded."""
    seed_everything(seed)
    return AttentiveClassifier(**{**model.config, "input_size": model.shape})


def _image_size(split: Split) -> tuple[int, int]:
    images = split.batch([0]).images
    return images.shape[-2], images.shape[-1]


def _save(path: Path, hits: npt.NDArray[np.float32]) -> None:
    held = io.BytesIO()
    np.savez_compressed(held, hits=hits)
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_name(path.name + ".part")
    part.write_bytes(held.getvalue())
    part.replace(path)


def _load(path: Path) -> npt.NDArray[np.float32]:
    try:
        with np.load(path, allow_pickle=False) as arrays:
            return np.asarray(arrays["hits"])
    except (OSError, ValueError, KeyError) as error:
        raise RegardError(f"{path}: cannot be read ({error}); remove it, and it will be made again") from None
