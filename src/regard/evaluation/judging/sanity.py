"""Does the map change with the network: parameters randomised from the output on or a stage alone, labels shuffled."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from regard.evaluation.judging.case import Case, Measure
from regard.evaluation.randomization import randomized, stages
from regard.metrics.sanity import Sanity, sanity
from regard.types import RegardError

UNRELATED, OTHER = "unrelated maps", "another image's map"


def parameter_sanity(case: Case) -> list[Measure]:
    """Similarity after randomisation: everything from a stage to the output forgotten, or the stage alone."""
    case = case.few()
    names = stages(case.network)
    at = sorted({round(k) for k in torch.linspace(0, len(names) - 1, min(case.options.stages, len(names))).tolist()})
    seed = case.options.seed
    cascade = [_compare(case, randomized(case.network, names[first:], seed=seed)) for first in reversed(at)]
    alone = [_compare(case, randomized(case.network, [names[k]], seed=seed)) for k in at]
    rows = []
    for key, words, found in (
        ("cascade_all", "All parameters randomised", cascade[-1:]),
        ("cascade_mean", f"Randomised from the output on, mean of {len(at)} depths", cascade),
        ("independent", f"One stage randomised, mean of {len(at)}", alone),
    ):
        rows += [_measure(found, part, key, words) for part in ("spearman", "ssim")]
    return rows


def label_sanity(case: Case) -> list[Measure]:
    """Similarity to the maps of a network of the same kind that was trained on shuffled labels.

    Raises:
        RegardError: no such network was given.
    """
    if case.twin is None:
        raise RegardError("a network trained on shuffled labels is needed; give it as --shuffled RUN")
    found = [_compare(case.few(), case.twin)]
    return [_measure(found, part, "labels", "Labels shuffled in training") for part in ("spearman", "ssim")]


def _compare(case: Case, network: nn.Module) -> Sanity:
    return sanity(
        case.explain,
        case.on(network),
        case.images,
        case.classes,
        index=case.index.cpu(),
        before=case.map,
        batch_size=case.options.batch_size,
        seed=case.options.seed,
    )


def _measure(found: list[Sanity], part: str, key: str, words: str) -> Measure:
    def mean(which: str) -> Tensor:
        return torch.stack([getattr(getattr(s, which), part) for s in found]).mean(0)

    label = f"{words}: {'rank correlation' if part == 'spearman' else 'SSIM'}"
    meaning = "Similarity of the map to that of the changed network; at the floor, the map hangs on what was learned."
    floors = {UNRELATED: mean("floor"), OTHER: mean("same")}
    return Measure(f"{key}_{part}", label, meaning, mean("likeness"), floors, "lower", undefined="map constant")
