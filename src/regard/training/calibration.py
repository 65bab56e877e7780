"""What evaluation needs and training only approximates, set before every validation, for the weights as they are then.

    threshold of a budget         the mean over validation images, in batches, with sampled maps, in evaluation mode:
                                  the running one of training lags while weights move, and is of augmented images
    prior of a code's budget      the frequency of each anchor in those maps, which is what the learned one tends to
    mean path's statistics        on training images normalised as the sampled path (`regard.backbones.norms`)

Neither moves the training: its thresholds are solved for each batch and its statistics are the sampled path's. A
training loop of one's own calls `calibrate_attention`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from functools import partial
from typing import Any

import pytorch_lightning as pl
import torch
from torch import Tensor, nn

from regard.attention import Projection, SpatialAttention, projections, set_progress
from regard.backbones import calibrate_norms, eval_mode, record, two_path_norms
from regard.data import Split, evenly_spaced
from regard.training.forward import TaskModel, forward_batch
from regard.training.provenance import seed_everything
from regard.training.stem_cache import StemSplit
from regard.training.task import Task
from regard.types import AttentionOutput, Batch

ImageBatches = Tensor | Iterable[Any]
"""All images (N,C,H,W), or batches of them: images (B,C,H,W), tuples that begin with images, or a `Batch`."""
_IMAGES = 512
"""ImageBatches of either split that are looked at, at most."""
_BATCH = 128


class CalibrationCallback(pl.Callback):
    """Calibrates before every validation.

    Args:
        train: training images.
        val: validation images.
    """

    def __init__(self, train: Split, val: Split) -> None:
        self.train, self.val = train, val

    def on_validation_epoch_start(self, trainer: pl.Trainer, task: Task) -> None:  # type: ignore[override]
        """Thresholds first, since all else depends on them; all processes take those of the first."""
        model, seed = task.model, task.recipe.train.seed
        set_progress(model, task.global_step / (task.recipe.train.epochs * task.steps_per_epoch))
        devices = [task.device] if task.device.type == "cuda" else []
        with torch.random.fork_rng(devices=devices):
            seed_everything(seed, -2, task.global_step)
            calibrate_thresholds(model, _batches(self.val, task), partial(forward_batch, model, samples=1))
            calibrate_priors(model, _batches(self.val, task), partial(forward_batch, model, samples=1))
            mean, sampled = (partial(forward_batch, model, samples=n) for n in (0, 1))
            calibrate_norms(model, _batches(self.train, task), mean, sampled)
        for projection in projections(model):
            projection.threshold.fill_(trainer.strategy.broadcast(float(projection.threshold)))


def calibrate_attention(model: nn.Module, train: ImageBatches, val: ImageBatches, *, seed: int = 0) -> None:
    """Sets thresholds of budgets and statistics of mean paths for the weights as they are; nothing else changes.

    For a model that a loop of one's own trained, before it is evaluated or saved; `train` does it by itself. Some
    hundred images of either kind are enough. With several processes, each calls it with the same images.

    Args:
        model: one of ``regard.models``, or a network with attention attached.
        train: training images, without augmentation; for the statistics of the mean path.
        val: images that the model has not learned from; for the thresholds, so that such images pay the budget.
        seed: of the maps that are sampled.

    Example:
        >>> from regard.models import AttentiveClassifier
        >>> options = {"budget": 100.0}
        >>> model = AttentiveClassifier("compact", 2, attention_options=options, input_size=(16, 16))
        >>> train, val = torch.rand(64, 3, 16, 16), torch.rand(64, 3, 16, 16)
        >>> calibrate_attention(model, train, val)
        >>> bits = model.eval()(val, samples=1).attention[0].price.sum() / 64 / 0.6931
        >>> 95 < bits.item() < 105
        True
    """
    places = [tensor.device for tensor in (*model.parameters(), *model.buffers())]
    device = places[0] if places else torch.device("cpu")

    def run(batch: Any, samples: int) -> Any:
        if isinstance(batch, Batch):
            return forward_batch(model, batch.to(device), samples=samples)
        images = (batch if isinstance(batch, Tensor) else batch[0]).to(device)
        if isinstance(model, TaskModel):
            return model(images, samples=samples)
        with record(model, samples=samples):
            return model(images)

    with torch.random.fork_rng(devices=[device] if device.type == "cuda" else []):
        torch.manual_seed(seed)
        calibrate_thresholds(model, _parts(val), partial(run, samples=1))
        calibrate_priors(model, _parts(val), partial(run, samples=1))
        calibrate_norms(model, _parts(train), partial(run, samples=0), partial(run, samples=1))


def _parts(images: ImageBatches) -> Iterable[Any]:
    return images.split(_BATCH) if isinstance(images, Tensor) else images


def calibrates(model: nn.Module) -> bool:
    """Whether a model has anything to calibrate."""
    return bool(projections(model) or two_path_norms(model))


def calibrate_thresholds(model: nn.Module, batches: Iterable[Any], sampled_pass: Callable[[Any], Any]) -> None:
    """Sets the threshold of every budget to that at which some batches pay it, in evaluation mode.

    Args:
        model: with budgets; those that hold per image, and a model without, need none.
        batches: of images that the network has not learned from, some hundred together.
        sampled_pass: runs the model on a batch with ``samples=1``.
    """
    layers: list[Projection] = [layer for layer in projections(model) if not layer.per_image]
    if not layers:
        return
    try:
        for layer in layers:
            layer.calibrating = True
            layer.batches.zero_()
        with eval_mode(model):
            for batch in batches:
                sampled_pass(batch)
    finally:
        for layer in layers:
            layer.calibrating = False


def calibrate_priors(model: nn.Module, batches: Iterable[Any], sampled_pass: Callable[[Any], Any]) -> None:
    """Sets the prior of every map with a budget of code to how often its anchors are taken. Arguments as before."""
    layers = [layer for layer in model.modules() if isinstance(layer, SpatialAttention)]
    coded = [layer for layer in layers if layer.projection is not None and layer.projection.of == "code"]
    if not coded:
        return
    counts: dict[nn.Module, Tensor] = {}

    def count(layer: nn.Module, _: Any, output: AttentionOutput) -> None:
        assert output.index is not None, "a code has anchors"
        assert output.anchors is not None
        taken = torch.bincount(output.index.flatten(), minlength=len(output.anchors))
        counts[layer] = counts.get(layer, torch.ones_like(taken)) + taken

    hooks = [layer.register_forward_hook(count) for layer in coded]
    try:
        with eval_mode(model):
            for batch in batches:
                sampled_pass(batch)
    finally:
        for hook in hooks:
            hook.remove()
    with torch.no_grad():
        for layer in coded:
            assert layer.quantizer is not None
            layer.quantizer.prior_logits.copy_((counts[layer] / counts[layer].sum()).log())


def _batches(split: Split, task: Task) -> Iterable[Batch]:
    """At most ``_IMAGES`` evenly spaced images in batches of one size, on the task's device."""
    if isinstance(split, StemSplit):
        split = split.at(task.recipe.train.seed, 0)
    rows = evenly_spaced(len(split), _IMAGES)
    for part in rows.tensor_split(-(-len(rows) // _BATCH)):
        yield task.with_map(split.batch(part).to(task.device))
