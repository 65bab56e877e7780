"""`regard evaluate`: a finished run on its test split, all measures of its task, written into the run's folder."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from regard.data import DataSplits
from regard.devices import find_device
from regard.evaluation.budgets import budget_steps
from regard.evaluation.context import Columns, EvaluationContext
from regard.evaluation.gallery import write_run_gallery
from regard.evaluation.glance_facts import glance_record
from regard.evaluation.measures import MEASURES
from regard.evaluation.observe import EVERY_SAMPLES, Observation
from regard.evaluation.rows import TWIN, make_rows, write_per_image
from regard.evaluation.run_context import EvaluateCarry, carried_by, run_context
from regard.evaluation.warnings import (
    batch_warnings,
    imposed_warnings,
    is_residual,
    map_warnings,
    probe_warnings,
    training_warnings,
)
from regard.metrics import dead, perplexity, usage
from regard.models import GlanceClassifier
from regard.owner import owns
from regard.report import Anchors, CutRecord, Data, Evaluation, MapMeaning, TrainedModel, write_dataclass
from regard.training import (
    LoadedRun,
    Recipe,
    TaskModel,
)
from regard.types import NATS_PER_BIT

_EVALUATED: Mapping[str, tuple[str, ...]] = {
    "classification": (
        "prediction",
        "information",
        "localization",
        "parts",
        "gaze",
        "aligned_gaze",
        "removal",
        "all_interventions",
    ),
    "segmentation": ("masks", "information", "localization", "aligned_gaze"),
    "action": ("prediction", "information", "localization", "aligned_gaze"),
}
"""``recipe.task`` -> the measures of its page, in the order in which they are taken."""
_SAVED = (
    "accuracy_mean",
    "nll",
    "accuracy_one_sample",
    "accuracy_flow",
    "accuracy_rgb",
    "latent_bits",
    "gate_bits",
    "code_bits",
    "auc_inside",
    "energy_inside",
)
"""Scores of ``per_image.npz`` besides those of masks, parts and gaze, which are all kept."""
_MEANINGS = {
    "bits": "Bits that pass at each position of the layer's grid, at the mean map.",
    "gate": "The mean gate at each position of its grid, from closed (0) to open (1).",
    "relevance": "What each position of the layer's grid says for the predicted class.",
}


@owns("folder")
def evaluate(
    folder: Path,
    *,
    device: str | torch.device = "cpu",
    samples: Sequence[int] = EVERY_SAMPLES,
    run: LoadedRun[TaskModel] | None = None,
    on_progress: Callable[[str, int, int], None] | None = None,
    carry: EvaluateCarry | None = None,
) -> Path:
    """Evaluates a finished run on its test split, beside its plain twin if it has one, and writes into its folder.

    ``evaluation.json`` (`regard.report.Evaluation`) has every score with its floors and ceilings, ``per_image.npz``
    scores per image, ``gallery.npz`` the images that the page shows.

    Args:
        folder: of the run; ``folder / "evaluation.json"`` is returned.
        device: to evaluate on.
        samples: numbers of sampled maps and latents over which accuracy is averaged.
        run: the folder's run, if it is open already.
        on_progress: called before each measure, with its name, the number of measures that are done, and of all; and
            once at the end, with an empty name.
        carry: who runs the networks over all test images: by default this process; else worker processes
            (`regard.experiments.evaluate_on_workers`), with the same numbers.

    Raises:
        RegardError: no finished run lies there, or its test split has a single image.
    """
    context, without = run_context(folder, find_device(device), tuple(samples), run)
    if carry is not None:
        context = carried_by(context, carry)
    recipe, data = context.recipe, context.data
    assert recipe is not None, "of a run"
    measured: dict[str, Columns] = {}
    names, tell = _EVALUATED[recipe.task], on_progress or (lambda name, done, every: None)
    for done, name in enumerate(names):
        tell(name, done, len(names))
        if name != "aligned_gaze" or not measured.get("gaze", Columns()).values:
            measured[name] = MEASURES[name](context)
    tell("", len(names), len(names))
    rows = make_rows(tuple(measured.values()), count=len(context.split), samples=samples)
    per_image: dict[str, Tensor] = {}
    parts: dict[str, Any] = {}
    for name, columns in measured.items():
        per_image |= _saved(name, columns)
        parts |= columns.parts
    write_per_image(folder, per_image)
    warnings = imposed_warnings(recipe, context.split) + map_warnings(context.model, context.observation, rows)
    warnings += batch_warnings(recipe, len(data.train)) + training_warnings(folder, len(data.val))
    warnings += probe_warnings(context) + without
    evaluation = Evaluation(
        schema=1,
        data=_data(recipe, context.data),
        model=_trained(recipe, context),
        scores=rows,
        anchors=_anchors(context.observation),
        map=_map_meaning(context),
        budgets=budget_steps(context),
        glance=glance_record(context),
        warnings=(*context.data.remarks, *warnings),
        gallery=write_run_gallery(context, per_image, folder / "gallery.npz"),
        **parts,
    )
    return write_dataclass(folder / "evaluation.json", evaluation)


def _saved(measure: str, columns: Columns) -> dict[str, Tensor]:
    """What ``per_image.npz`` has of a measure."""
    if columns.other_items:
        return {}
    if measure in ("parts", "gaze"):
        return columns.with_references()
    if measure == "aligned_gaze":
        return columns.items
    if measure == "masks":
        scores = columns.with_references(TWIN)
        return {("iou" if name == "mask_iou" else name): values for name, values in scores.items()}
    return {name: values for name, values in columns.items.items() if name in _SAVED}


def _data(recipe: Recipe, data: DataSplits) -> Data:
    name = data.called(recipe.data.name)
    return Data(name, "test", len(data.test), tuple(data.classes), source=data.source, licence=data.licence)


def _trained(recipe: Recipe, context: EvaluationContext) -> TrainedModel:
    model, m = context.model, recipe.model
    return TrainedModel(
        backbone=m.backbone,
        parameters=_parameters(model),
        twin_parameters=None if context.twin is None else _parameters(context.twin.model),
        attention=m.attention if recipe.impose.map is None else f"{recipe.impose.map} map, imposed",
        at=tuple(model.at),
        gate="residual" if is_residual(model) else m.attention,
        anchors=m.anchors,
        latent=m.latent,
        cut=CutRecord(model.cut.is_cut, tuple(model.cut.bypasses)) if model.at else None,
    )


def _parameters(model: torch.nn.Module) -> int:
    return sum(p.numel() for p in model.parameters())


def _anchors(observation: Observation) -> Anchors | None:
    if observation.anchors is None or observation.anchor_counts is None:
        return None
    counts = observation.anchor_counts
    return Anchors(tuple(observation.anchors.tolist()), tuple(usage(counts).tolist()), perplexity(counts), dead(counts))


def _bought(model: GlanceClassifier) -> str:
    """What a glance's map means, and what it costs."""
    choice, (C, H, W) = model.attention, model.shape
    patches = choice.grid[0] * choice.grid[1]
    values = C * H * W * choice.count // patches
    return (
        "1 where a patch was bought, before anything but the glance had computed it, and 0 elsewhere: "
        f"{choice.count} of {patches} patches, {values:,} of {C * H * W:,} pixel values. It takes up to "
        f"{choice.code / NATS_PER_BIT:.1f} bits to say which. The network that classifies has seen nothing else."
    )


def _map_meaning(context: EvaluationContext) -> MapMeaning | None:
    """What the values of the gallery's maps mean; of masks without attention these are the predictions."""
    map = context.observation.map
    if map is None:
        return MapMeaning("gate", "How much each pixel is the object, from 0 to 1.") if context.scoring.dense else None
    if context.scoring.dense:
        return MapMeaning(map.unit)
    if isinstance(context.model, GlanceClassifier):
        return MapMeaning(map.unit, _bought(context.model), choice=True)
    let_through = f"Of layer {context.model.at[-1]}: how much of each position of its grid is let through."
    return MapMeaning(map.unit, let_through if context.observation.streams else _MEANINGS[map.unit])
