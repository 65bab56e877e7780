"""A run that recognizes actions, judged on its test split: streams beside their average, the map beside the object."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from regard.backbones import eval_mode
from regard.data import DataSplits, Split
from regard.evaluation.entries import entry, reference, write_per_image
from regard.evaluation.gallery import gallery
from regard.evaluation.gaze import aligned_scores
from regard.evaluation.localization import localization_scores, object_masks, tolerance, validation_maps
from regard.evaluation.observe import Observation, observe
from regard.evaluation.prediction import ALONE, average_precision_score, information_scores, prediction_scores
from regard.evaluation.warnings import imposed_words, plain_words
from regard.metrics import accuracy, dilate, energy_inside, nll
from regard.models import STREAMS, TwoStream
from regard.training import Recipe, forward_batch, load_model
from regard.types import ModelOutput

_BATCH = 128


def evaluate_action(
    folder: Path,
    recipe: Recipe,
    model: TwoStream,
    data: DataSplits,
    device: torch.device | str,
    samples: Any,
) -> dict[str, Any]:
    """What ``evaluation.json`` says; writes ``per_image.npz`` and ``gallery.npz`` beside it."""
    model, seed = model.to(device), recipe.train.seed
    seen = observe(model, data.test, seed=seed, samples=samples)
    twin_model, twin = None, None
    if (folder / "twin" / "model").is_dir():
        twin_model = load_model(folder / "twin", TwoStream).to(device)
        twin = observe(twin_model, data.test, seed=seed)
    labels = data.test.labels.cpu()
    hits, surprise = accuracy(seen.mean, labels), nll(seen.mean, labels)
    arrays = {"accuracy_mean": hits, "nll": surprise} | seen.rates
    alone = stream_probabilities(model, data.test)
    arrays |= {f"accuracy_{name}": accuracy(said, labels) for name, said in alone.items()}
    rows = _prediction(seen, twin, alone, data, labels) + information_scores(seen, labels, recipe)
    energy = None
    if seen.map is not None:
        masks = object_masks(data.test)
        if masks is not None:
            rows += localization_scores(seen.map, masks, validation_maps(model, data.val), seed=seed)
            energy = energy_inside(seen.map, dilate(masks, tolerance(masks)))
            arrays["energy_inside"] = energy
        # also where the map was not drawn to anybody's gaze
        where, known = aligned_scores(recipe, model, data, whose=recipe.align.gaze or "own")
        rows, arrays = rows + where, arrays | known
    write_per_image(folder, arrays)
    return {
        "scores": rows,
        "gallery": gallery(data.test, seen, surprise, energy, folder / "gallery.npz"),
        "curves": {},
        "interventions": [],
        "anchors": None,
        "map": None if seen.map is None else {"unit": seen.map.unit, "meaning": _meaning(model)},
        "warnings": imposed_words(recipe, data.test) + plain_words(model, seen, rows),
        "twin_parameters": None if twin_model is None else sum(p.numel() for p in twin_model.parameters()),
    }


def stream_probabilities(model: TwoStream, split: Split) -> dict[str, Tensor]:
    """What each stream says by itself (N,n), by its name."""
    found: dict[str, list[Tensor]] = {name: [] for name in STREAMS}
    device = next(model.parameters()).device
    with eval_mode(model):
        for part in torch.arange(len(split)).split(_BATCH):
            output = forward_batch(model, split.batch(part).to(device), samples=0)
            for name, logits in zip(STREAMS, output.streams, strict=True):
                found[name].append(ModelOutput(logits).probabilities(model.multi_label).cpu())
    return {name: torch.cat(parts) for name, parts in found.items()}


def _prediction(
    seen: Observation, twin: Observation | None, alone: dict[str, Tensor], data: DataSplits, labels: Tensor
) -> list[dict[str, Any]]:
    """Accuracy with all floors that the data knows of, each stream's, and mAP where clips have several labels."""
    rows = prediction_scores(seen, twin, labels)
    for name, guess in data.guesses.items():
        rows[0]["references"].append(reference(name, "floor", (guess == labels).float()))
    if labels.ndim == 2:
        rows.insert(0, average_precision_score(seen.mean, labels, None if twin is None else twin.mean, alone))
    fused = accuracy(seen.mean, labels)
    for name, said in alone.items():
        rows.append(
            entry(
                f"accuracy_{name}",
                "prediction",
                f"Accuracy, {ALONE[name]}",
                f"Share of right answers of {ALONE[name]}, before the two streams are averaged.",
                accuracy(said, labels),
                better="higher",
                references=[reference("both, averaged", "control", fused)],
                against=("both, averaged", fused),
            )
        )
    return rows


def _meaning(model: TwoStream) -> str:
    return f"Of layer {model.at[-1]}: how much of what each position of its grid says is let through."
