"""A trained run, judged on its test split: everything into the run's folder, nothing only on the screen.

What a data set knows of its images beyond labels and masks: parts of the object, and where people looked.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from regard.data import DataSplits
from regard.evaluation.action import evaluate_action
from regard.evaluation.entries import write_per_image
from regard.evaluation.faithfulness import faithfulness_scores
from regard.evaluation.gallery import gallery
from regard.evaluation.gaze import aligned_scores, gaze_scores
from regard.evaluation.interventions import intervention_scores
from regard.evaluation.localization import (
    localization_scores,
    object_masks,
    part_scores,
    split_parts,
    tolerance,
    validation_maps,
)
from regard.evaluation.observe import EVERY_SAMPLES, Observation, observe
from regard.evaluation.prediction import information_scores, prediction_scores
from regard.evaluation.segmentation import evaluate_segmentation
from regard.evaluation.warnings import imposed_words, is_residual, plain_words
from regard.files import write_json
from regard.metrics import accuracy, dead, dilate, energy_inside, nll, perplexity, usage
from regard.models import AttentiveClassifier, Segmenter, TwoStream
from regard.training import LoadedRun, Recipe, TaskModel, load_model, open_run, with_map_override
from regard.types import Map


def known_scores(data: DataSplits, map: Map, *, seed: int) -> tuple[list[dict[str, Any]], dict[str, Tensor]]:
    """Rows of the table and values an image (N,) by name, of the test split; nothing where the set knows nothing."""
    found = split_parts(data.test)
    if found is None:
        return [], {}
    parts, boxes = found
    images = data.test.batch([0]).images
    rows, arrays = part_scores(map, parts, boxes, (images.shape[-2], images.shape[-1]), seed=seed)
    if data.gaze is not None:
        more, values = gaze_scores(map, data.gaze(), boxes, seed=seed)
        rows, arrays = rows + more, arrays | values
    return rows, arrays


_SCHEMA = 1
MEANINGS = {
    "bits": "Bits that pass at each position of the layer's grid, at the mean map.",
    "gate": "The mean gate at each position of its grid, from closed (0) to open (1).",
    "relevance": "What each position of the layer's grid says for the predicted class.",
}


def evaluate(
    folder: Path,
    *,
    device: str | torch.device = "cpu",
    samples: Sequence[int] = EVERY_SAMPLES,
    run: LoadedRun[TaskModel] | None = None,
) -> Path:
    """Judges a finished run on its test split, beside its plain twin if it has one, and writes into its folder.

    ``evaluation.json`` has every score with its floors and ceilings, ``per_image.npz`` scores an image, ``gallery.npz``
    the images that the page shows.

    Args:
        folder: of the run.
        device: to evaluate on.
        samples: numbers of sampled maps and latents over which accuracy is averaged.
        run: what lies in the folder, if it is open already.

    Raises:
        RegardError: no finished run lies there.
    """
    recipe, model, data = run or open_run(folder)
    data = with_map_override(recipe, data, model)
    if isinstance(model, Segmenter):
        return _write(folder, recipe, model, data, evaluate_segmentation(folder, recipe, model, data, device))
    if isinstance(model, TwoStream):
        return _write(folder, recipe, model, data, evaluate_action(folder, recipe, model, data, device, samples))
    return _write(folder, recipe, model, data, _classification(folder, recipe, model, data, device, samples))


def _classification(
    folder: Path,
    recipe: Recipe,
    model: AttentiveClassifier,
    data: DataSplits,
    device: str | torch.device,
    samples: Sequence[int],
) -> dict[str, Any]:
    model = model.to(device)
    seed = recipe.train.seed
    seen = observe(model, data.test, seed=seed, samples=samples)
    twin_model, twin = None, None
    if (folder / "twin" / "model").is_dir():
        twin_model = load_model(folder / "twin", AttentiveClassifier)
        twin = observe(twin_model.to(device), data.test, seed=seed)
    labels = data.test.labels.cpu()
    rows = prediction_scores(seen, twin, labels) + information_scores(seen, labels, recipe)
    masks, energy = object_masks(data.test), None
    if masks is not None and seen.map is not None:
        rows += localization_scores(seen.map, masks, validation_maps(model, data.val), seed=seed)
        energy = energy_inside(seen.map, dilate(masks, tolerance(masks)))
    hits, surprise = accuracy(seen.mean, labels), nll(seen.mean, labels)
    arrays = {"accuracy_mean": hits, "nll": surprise} | seen.rates
    if seen.one is not None:
        arrays["accuracy_one_sample"] = accuracy(seen.one, labels)
    if energy is not None:
        arrays["energy_inside"] = energy
    if seen.map is not None:
        where, known = known_scores(data, seen.map, seed=seed)
        rows, arrays = rows + where, arrays | known
        if "gaze_nss" not in known:
            where, known = aligned_scores(recipe, model, data)
            rows, arrays = rows + where, arrays | known
    write_per_image(folder, arrays)
    more, curves = faithfulness_scores(model, data.test, seen, seed=seed)
    heeded, interventions = intervention_scores(model, data.test, seen, labels, seed=seed)
    rows += more + heeded
    return {
        "scores": rows,
        "curves": curves,
        "interventions": interventions,
        "anchors": _anchors(seen),
        "map": _meaning(seen.map),
        "warnings": imposed_words(recipe, data.test) + plain_words(model, seen, rows),
        "gallery": gallery(data.test, seen, surprise, energy, folder / "gallery.npz"),
        "twin_parameters": None if twin_model is None else _parameters(twin_model),
    }


def _write(
    folder: Path,
    recipe: Recipe,
    model: AttentiveClassifier | Segmenter | TwoStream,
    data: DataSplits,
    judged: dict[str, Any],
) -> Path:
    """``evaluation.json``: what was judged, with what it was judged on."""
    called = data.called(recipe.data.name)
    described = {"name": called, "split": "test", "size": len(data.test), "classes": list(data.classes)}
    result = {
        "schema": _SCHEMA,
        "data": described | {"source": data.source, "licence": data.licence},
        "model": _model(recipe, model, judged.pop("twin_parameters")),
        **judged,
        "warnings": [*data.remarks, *judged["warnings"]],
    }
    return write_json(folder / "evaluation.json", result)


def _model(
    recipe: Recipe, model: AttentiveClassifier | Segmenter | TwoStream, twin_parameters: int | None
) -> dict[str, Any]:
    return {
        "backbone": recipe.model.backbone,
        "parameters": _parameters(model),
        "twin_parameters": twin_parameters,
        "attention": recipe.model.attention if recipe.impose.map is None else f"{recipe.impose.map} map, imposed",
        "at": list(model.at),
        "gate": "residual" if is_residual(model) else recipe.model.attention,
        "anchors": recipe.model.anchors,
        "latent": recipe.model.latent,
        "cut": {"is_cut": model.cut.is_cut, "bypasses": list(model.cut.bypasses)} if model.at else None,
    }


def _parameters(model: torch.nn.Module) -> int:
    return sum(p.numel() for p in model.parameters())


def _anchors(seen: Observation) -> dict[str, Any] | None:
    if seen.anchors is None or seen.anchor_counts is None:
        return None
    return {
        "values": seen.anchors.tolist(),
        "usage": usage(seen.anchor_counts).tolist(),
        "perplexity": perplexity(seen.anchor_counts),
        "dead": dead(seen.anchor_counts),
    }


def _meaning(map: Map | None) -> dict[str, str] | None:
    return None if map is None else {"unit": map.unit, "meaning": MEANINGS[map.unit]}
