"""A finished run opened for `regard evaluate`, in the process that was asked or in one that makes passes for it."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path

import torch
from torch import Tensor

from regard.data import DataSplits
from regard.devices import find_device
from regard.evaluation.changed_splits import tried_out
from regard.evaluation.context import OBSERVED, EvaluationContext
from regard.evaluation.interventions import gates_of, override_columns
from regard.evaluation.observe import observed_columns
from regard.training import (
    TASKS,
    LoadedRun,
    Recipe,
    TaskModel,
    has_probe,
    load_model,
    load_probe,
    open_run,
    with_map_override,
)
from regard.types import RegardError

EvaluateCarry = Callable[[str, EvaluationContext, str, Mapping[str, Tensor]], dict[str, Tensor]]
"""(``run``, ``twin`` or ``probe``, its context, what a pass does, tensors that it needs) -> the columns of all test
images, as `EvaluateWorker.do` makes them of some."""


def carried_by(context: EvaluationContext, carry: EvaluateCarry) -> EvaluationContext:
    """The same, whose passes over all images, and those of twin and probe, are made elsewhere."""
    twin, probe = (
        None if other is None else replace(other, carry=partial(carry, name, other))
        for name, other in (("twin", context.twin), ("probe", context.probe))
    )
    return replace(context, twin=twin, probe=probe, carry=partial(carry, "run", context))


class EvaluateWorker:
    """One process's share of `evaluate` with ``carry``: opens the run once, then makes passes over parts of its images.

    Args:
        folder: of the run.
        device: to evaluate on.
        samples: as in `evaluate`.
    """

    def __init__(self, folder: Path, device: str, samples: Sequence[int]) -> None:
        context, _ = run_context(folder, find_device(device), tuple(samples), None)
        self.contexts = {"run": context, "twin": context.twin, "probe": context.probe}

    def do(self, which: str, what: str, part: range, given: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """Columns of the test images of ``part``, which begins at a multiple of `pass_batch`."""
        context, index = self.contexts[which], torch.arange(part.start, part.stop)
        assert context is not None, "who asks has opened the same run"
        if what == OBSERVED:
            return observed_columns(context.model, context.split, index, seed=context.seed, samples=context.samples)
        gates, anchors = gates_of(given)
        return override_columns(context.model, context.split, gates, anchors, index, seed=context.seed)


def run_context(
    folder: Path, device: torch.device, samples: tuple[int, ...], run: LoadedRun[TaskModel] | None
) -> tuple[EvaluationContext, list[str]]:
    """A run's test split beside its twin and its probe, and a warning where the latter is missing.

    Raises:
        RegardError: no finished run lies there, or its test split has a single image.
    """
    recipe, model, data = run or open_run(folder)
    if len(data.test) < 2:
        raise RegardError(
            f"{folder}: a single test image; controls compare each image with others, so give at least two "
            "(a larger test_share, or more images), and train under another name (--name)"
        )
    data = tried_out(recipe, data)
    data, seed, twin = with_map_override(recipe, data, model), recipe.train.seed, None
    if (folder / "twin" / "model").is_dir():
        twin = EvaluationContext(load_model(folder / "twin", TASKS[recipe.task].model).to(device), data, seed)
    probe, without = _probe(folder, recipe, data, device)
    context = EvaluationContext(
        model.to(device),
        data,
        seed,
        recipe=recipe,
        twin=twin,
        probe=probe,
        samples=samples,
        with_references=True,
    )
    return context, without


def _probe(
    folder: Path, recipe: Recipe, data: DataSplits, device: str | torch.device
) -> tuple[EvaluationContext | None, list[str]]:
    """The linear probe of a pretrained run, or a warning that it could not be made."""
    if not has_probe(recipe, data):
        return None, []
    try:
        model = load_probe(folder, recipe, data, quiet=True)
    except RegardError as error:
        return None, [f"The linear probe, the control of a pretrained network, is missing: {error}"]
    return EvaluationContext(model.to(device), data, recipe.train.seed), []
