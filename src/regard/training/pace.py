"""How long a recipe trains on this machine, from a few of its steps; nothing is written."""

from __future__ import annotations

import math
import statistics
import time
import warnings
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from itertools import count, cycle, islice

import torch

from regard.backbones import checkpoint_blocks, eval_mode
from regard.data import DataSplits, JointLoader, Split, loader
from regard.models import TwoStream
from regard.training.batches import Batches
from regard.training.build import build_augmentation, build_gaze, build_model, resolve_match
from regard.training.forward import TaskModel
from regard.training.map_override import build_override_maps
from regard.training.optim import build_optimizer
from regard.training.recipe import Recipe
from regard.training.task import Task
from regard.types import Batch

PATIENCE = 4.0
"""Seconds after which no further call is timed."""
_CALLS, _STEM_IMAGES = 4, 32


@dataclass(frozen=True)
class Pace:
    """What parts of a run take.

    Attributes:
        step: seconds of a training batch and its step.
        validation: of a batch of validation images.
        steps: training batches an epoch.
        batches: of validation images an epoch.
        once: seconds before the first step: features of a frozen stem, which runs with the same stem share.
    """

    step: float
    validation: float
    steps: int
    batches: int
    once: float = 0.0

    def seconds(self, epochs: int) -> float:
        """Of so many epochs, without what is done once.

        >>> Pace(step=0.5, validation=2.0, steps=10, batches=3, once=60.0).seconds(4)
        44.0
        """
        return epochs * (self.steps * self.step + self.batches * self.validation)


def measure_pace(recipe: Recipe, data: DataSplits) -> Pace:
    """Times a few training steps of a recipe and one batch of validation, some seconds in all; no weights are fetched.

    The first step is not counted, as it allocates. Calibration, saving and what is evaluated afterwards are not timed.

    Raises:
        RegardError: the network cannot be built, or the data lack what it needs.
    """
    t, m = recipe.train, recipe.model
    untrained = replace(m, pretrained=False, init="." if m.freeze else None)  # other weights take as long
    recipe = replace(recipe, model=untrained, train=replace(t, plain_epochs=0))
    on_gpu = t.accelerator != "cpu" and torch.cuda.is_available()
    device = torch.device("cuda" if on_gpu else "cpu")
    with torch.random.fork_rng(devices=[0] if on_gpu else []), warnings.catch_warnings():
        warnings.simplefilter("ignore")  # Lightning misses a trainer to log to
        recipe = resolve_match(recipe, data)
        model = build_model(recipe, data).to(device)
        if t.checkpointing:
            checkpoint_blocks(model)
        overrides = build_override_maps(recipe, data, model)
        data, gaze = build_gaze(recipe, data)
        batches = Batches(recipe, data, gaze)
        task = Task(recipe, model, batches.steps_per_epoch, overrides)
        optimizer = build_optimizer(recipe.optim, model)
        given = _batches(recipe, data, gaze, model, batches.batch_size, device)
        size = max(1, min(4 * t.batch_size, len(data.val)))
        images = data.val.batch(range(size)).to(device)
        validated = _behind_stem(recipe, model, task.with_map(images))

        def step() -> None:
            loss = task.training_step(next(given), 0)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            float(loss)  # waits for the device

        def validate() -> None:
            with eval_mode(model):
                for scores in task.kind.validate(model, validated).values():
                    scores.sum().item()

        def stem() -> None:
            model.stem(images.images[:_STEM_IMAGES]).sum().item()

        model.train()
        step_seconds, validation_seconds, once = repeated(step), repeated(validate), 0.0
        if t.cache_stem:
            cached = t.views * (len(data.train) + (0 if gaze is None else len(gaze))) + len(data.val)
            once = cached / min(_STEM_IMAGES, size) * repeated(stem)
    every = math.ceil(len(data.val) / size)
    return Pace(
        step_seconds, validation_seconds, batches.batches_per_epoch, min(every, t.limit_val_batches or every), once
    )


def repeated(call: Callable[[], object]) -> float:
    """Seconds of a call, the median of a few after the first, or the first where that took longer than `PATIENCE`."""
    begin = time.perf_counter()
    call()
    first = time.perf_counter() - begin
    taken: list[float] = []
    while first + sum(taken) < PATIENCE and len(taken) < _CALLS:
        begin = time.perf_counter()
        call()
        taken.append(time.perf_counter() - begin)
    return statistics.median(taken) if taken else first


def _batches(
    recipe: Recipe, data: DataSplits, gaze: Split | None, model: TaskModel, size: int, device: torch.device
) -> Iterator[Batch]:
    """Augmented training batches without end; read when they are asked for, or before where training would have them
    ready: from a cache of the stem, or from processes that read.
    """
    t, augment = recipe.train, build_augmentation(recipe)
    own = loader(data.train, size, shuffle=True, seed=t.seed, augment=augment, device=device, drop_last=True)
    train = own if gaze is None else JointLoader(own, gaze, recipe.align.batch_size, t.seed, augment)
    if t.cache_stem or recipe.data.workers:
        return cycle([_behind_stem(recipe, model, batch.to(device)) for batch in islice(train, 2)])
    return (batch.to(device) for _ in count() for batch in train)


def _behind_stem(recipe: Recipe, model: TaskModel, batch: Batch) -> Batch:
    """The batch as a cache of the stem would give it, where the recipe has one."""
    if not recipe.train.cache_stem:
        return batch
    assert not isinstance(model, TwoStream), "refused by the recipe's rules"
    empty = torch.empty(len(batch.images), 3, 0, 0, device=batch.images.device)
    return replace(batch, images=empty, stem=model.stem(batch.images).float(), stem_size=batch.size)
