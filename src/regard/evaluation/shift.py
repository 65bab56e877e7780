"""`regard shift`: accuracy, bits and calibration on shifted test images, beside the plain twin."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from regard.data import CORRUPTIONS, SEVERITIES, DataSplits, Split, corrupted, evenly_spaced, open_data
from regard.evaluation.changed_splits import Changed, Part, on_other_grounds
from regard.evaluation.entries import interval_of
from regard.evaluation.observe import observe
from regard.files import claim_folder, write_json
from regard.metrics import accuracy, calibration_error, paired_difference, score
from regard.models import AttentiveClassifier
from regard.training import Recipe, load_run, refuse_map_override
from regard.types import Batch, RegardError

NONE, BACKGROUND = "none", "background"
SHIFTS = (NONE, *CORRUPTIONS, BACKGROUND)
_FILE = "shift.json"


@dataclass(frozen=True)
class ShiftOptions:
    """What is tried.

    Attributes:
        shifts: names of ``SHIFTS``; ``none`` is always tried.
        severities: of corruptions.
        images: the first so many test images; None takes all.
        seed: of noise, and of who gets whose ground.
    """

    shifts: tuple[str, ...] = SHIFTS
    severities: tuple[int, ...] = SEVERITIES
    images: int | None = None
    seed: int = 0

    def __post_init__(self) -> None:
        unknown = [name for name in self.shifts if name not in SHIFTS]
        if unknown or not set(self.severities) <= set(SEVERITIES) or (self.images is not None and self.images < 2):
            raise RegardError(
                f"shift: {unknown or self.severities}, {self.images} images; there are {', '.join(SHIFTS)}, "
                "severities 1 to 5, and at least 2 images"
            )


def shift(
    run: Path, out: Path, options: ShiftOptions | None = None, *, device: str | torch.device = "cpu"
) -> dict[str, Any]:
    """Judges a run and its twin on shifted test images; writes ``shift.json`` into ``out``.

    A background is changed exactly where the data set can make the same glyph on another photograph (``clutter``), else
    outside of masks or boxes; a set that has neither leaves it out. What is done is found again in ``out/cells``.

    Raises:
        RegardError: no finished run, or ``out`` holds numbers of other options.
    """
    options = options or ShiftOptions()
    recipe, model, data = load_run(run)
    refuse_map_override(recipe, run)
    models = {"run": model.to(device)}
    if (run / "twin" / "model").is_dir():
        models["twin"] = load_run(run / "twin")[1].to(device)
    result: dict[str, Any] = {"schema": 1, "run": run.name, "data": recipe.data.name, "options": asdict(options)}
    claim_folder(out, "wanted.json", json.dumps(result, indent=1) + "\n", holds="shifts with other options")
    cells = []
    for name, severity, make in _shifted(recipe, data, options):
        path = out / "cells" / f"{name}-{severity}.json"
        if not path.exists():
            cell = {"shift": name, "severity": severity} | _judged(models, make(), options.seed)
            write_json(path, cell, indent=None, parents=True)
        cells.append(json.loads(path.read_text()))
    result["cells"] = cells
    write_json(out / _FILE, result)
    return result


def _shifted(recipe: Recipe, data: DataSplits, options: ShiftOptions) -> Iterator[tuple[str, int, Callable[[], Split]]]:
    """Name, severity (0 where there is none) and what makes the split."""
    some = evenly_spaced(len(data.test), options.images or len(data.test))

    def through(change: Callable[[Batch], Batch]) -> Callable[[], Split]:
        return lambda: Part(Changed(data.test, change), some)

    yield NONE, 0, through(lambda batch: batch)
    for name in options.shifts:
        for severity in options.severities if name in CORRUPTIONS else ():
            yield name, severity, through(_corruption(name, severity, options.seed))
    if BACKGROUND in options.shifts:
        if recipe.data.name == "clutter":
            yield BACKGROUND, 0, lambda: Part(_other_photographs(recipe, options.seed), some)
            return
        try:
            change = on_other_grounds(data.test, seed=options.seed)
        except RegardError:  # nobody knows what the ground is
            return
        yield BACKGROUND, 0, through(change)


def _corruption(name: str, severity: int, seed: int) -> Callable[[Batch], Batch]:
    def change(batch: Batch) -> Batch:
        noise = seed * 1_000_003 + int(batch.index[0])
        return replace(batch, images=corrupted(batch.images, name, severity, seed=noise))

    return change


def _other_photographs(recipe: Recipe, seed: int) -> Split:
    own = recipe.data.options.get("seed", 0)
    return open_data("clutter", **{**recipe.data.options, "background_seed": own + 1 + seed}).test


def _judged(models: dict[str, AttentiveClassifier], split: Split, seed: int) -> dict[str, Any]:
    labels = split.labels.cpu()
    hits: dict[str, Tensor] = {}
    cell: dict[str, Any] = {}
    for who, model in models.items():
        seen = observe(model, split, seed=seed, samples=())
        hits[who] = accuracy(seen.mean, labels)
        numbers = {"accuracy": interval_of(score(hits[who]))}
        if seen.one is not None:
            numbers["accuracy_one_sample"] = interval_of(score(accuracy(seen.one, labels)))
        numbers |= {name: interval_of(score(values)) for name, values in seen.rates.items()}
        if labels.ndim == 1:
            found = calibration_error(seen.mean.max(1).values, hits[who])
            numbers["calibration_error"] = {"value": found.error, "low": found.low, "high": found.high}
        cell[who] = numbers
    if "twin" in hits:
        cell["difference"] = interval_of(paired_difference(hits["run"], hits["twin"]))
    return cell
