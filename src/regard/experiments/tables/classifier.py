"""A cell of a table or sweep: a classifier trained from a recipe, then measured on its test split.

spec: ``recipe``, a whole recipe as plain data; ``measures``, names in `MEASURES`, none for a trial that only needs its
validation accuracy; ``other``, the folder or data set that counts as unknown to the measure of that name, or None.
"""

from __future__ import annotations

from pathlib import Path

import torch

from regard.backbones import size_of
from regard.evaluation import MEASURES, EvaluationContext, observe, tried_out
from regard.experiments.grid import RUN, Cell, Result
from regard.experiments.held_data import grid_of, held_record
from regard.metrics import accuracy
from regard.models import AttentiveClassifier
from regard.training import (
    Recipe,
    history,
    load_best,
    load_run,
    recipe_from,
    train,
    with_map_override,
    with_stem,
)
from regard.types import RegardError


def run_classifier(cell: Cell, folder: Path) -> Result:
    """Trains and measures.

    ``values``: ``val_accuracy`` and ``epochs`` of the run, ``best_epoch`` and ``best_val_accuracy``, ``parameters``,
    ``flops`` of one image, ``seconds_an_epoch`` (median), and what measures add; of a trial ``val_images``, how
    many. ``arrays``: one value an image, what measures say of the last epoch under their own names, and
    ``best/accuracy_mean`` of the best epoch.
    """
    recipe = recipe_from(cell.spec["recipe"])
    measures = list(cell.spec["measures"])
    check_measures(measures)
    run = train(recipe, folder / RUN, quiet=True, record=held_record(cell, grid_of(cell, folder)))
    values = history(run)
    if not measures:
        return Result(values | {"val_images": len(load_run(run).data.val)})
    _, model, data = load_run(run)
    data = tried_out(recipe, data)
    _frozen(recipe, model)
    data = with_map_override(recipe, with_stem(recipe, data, model), model)
    trained_on_gpu = recipe.train.accelerator in ("auto", "gpu", "cuda") and torch.cuda.is_available()
    device = torch.device("cuda" if trained_on_gpu else "cpu")
    model.to(device)
    values |= {"parameters": size_of(model, "parameters", model.shape), "flops": size_of(model, "flops", model.shape)}
    context = EvaluationContext(model, data, recipe.train.seed, other=cell.spec.get("other"), fallback="grad_cam")
    arrays: dict[str, torch.Tensor] = {}
    for name in measures:
        columns = MEASURES[name](context)
        values |= columns.numbers
        arrays |= columns.with_references()
    best = load_best(run)
    mean = context.observation.mean
    if best is not None:
        mean = observe(_frozen(recipe, best.to(device)), data.test, seed=recipe.train.seed, samples=()).mean
    arrays["best/accuracy_mean"] = accuracy(mean, context.labels)
    return Result(values, {name: tensor.numpy() for name, tensor in arrays.items()})


def _frozen(recipe: Recipe, model: AttentiveClassifier) -> AttentiveClassifier:
    """A loaded model does not know what was frozen; what was runs once an image, however often it is asked."""
    if recipe.model.freeze:
        model.freeze(recipe.model.freeze)
    return model


def check_measures(names: list[str]) -> None:
    """Raises RegardError at a name that is no measure."""
    for name in names:
        if name not in MEASURES:
            raise RegardError(f"measure {name!r} is not known; there are {', '.join(MEASURES)}")
