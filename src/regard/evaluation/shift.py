"""`regard shift`: accuracy, bits and calibration on shifted test images, beside the plain twin."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal

import torch

from regard.data import CORRUPTIONS, SEVERITIES, DataSplits, Split, corrupted, evenly_spaced, open_data
from regard.devices import find_device
from regard.evaluation.changed_splits import ChangedSplit, PartSplit, on_other_grounds
from regard.evaluation.context import EvaluationContext
from regard.evaluation.prediction import prediction
from regard.evaluation.rows import mean_interval
from regard.files import claim_folder
from regard.metrics import paired_difference
from regard.models import AttentiveClassifier
from regard.owner import owns
from regard.report import BootstrapMean, json_text, read_dataclass, write_dataclass
from regard.training import Recipe, load_model, load_run, refuse_map_override
from regard.types import Batch, RegardError

NONE, BACKGROUND = "none", "background"
SHIFTS = (NONE, *CORRUPTIONS, BACKGROUND)
_FILE = "shift.json"
_SCORES = ("accuracy_one_sample", "calibration_error")


@dataclass(frozen=True)
class ShiftOptions:
    """What `shift` tries.

    Attributes:
        shifts: names of ``SHIFTS``; ``none`` is always tried.
        severities: of corruptions.
        images: so many test images, evenly spaced; None takes all.
        seed: of noise, and of which image gives its background.
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


@dataclass(frozen=True)
class ShiftCell:
    """One shift: its name, severity (1 to 5; 0 where there is none), scores of the run and of its plain twin by name
    (``accuracy``, ``accuracy_one_sample``, ``calibration_error`` and bits), and run minus twin in accuracy, paired by
    image.
    """

    shift: str
    severity: int
    run: Mapping[str, BootstrapMean]
    twin: Mapping[str, BootstrapMean] | None = None
    difference: BootstrapMean | None = None


@dataclass(frozen=True)
class ShiftResults:
    """shift.json."""

    schema: Literal[1]
    run: str
    data: str
    options: ShiftOptions
    cells: tuple[ShiftCell, ...]


@owns("out")
def shift(
    run: Path, out: Path, options: ShiftOptions | None = None, *, device: str | torch.device = "cpu"
) -> ShiftResults:
    """Evaluates a run and its twin on shifted test images; writes ``shift.json`` into ``out``.

    A background is changed exactly where the data set can make the same glyph on another photograph (``clutter``), else
    outside of masks or boxes; a set that has neither leaves it out. Finished cells are read from ``out/cells``.

    Raises:
        RegardError: no finished run, or ``out`` holds numbers of other options.
    """
    options, device = options or ShiftOptions(), find_device(device)
    recipe, model, data = load_run(run)
    refuse_map_override(recipe, run)
    models = {"run": model.to(device)}
    if (run / "twin" / "model").is_dir():
        models["twin"] = load_model(run / "twin", AttentiveClassifier).to(device)
    results = ShiftResults(1, run.name, recipe.data.name, options, ())
    wanted = {"schema": 1, "run": run.name, "data": recipe.data.name, "options": options}
    claim = claim_folder(out, "wanted.json", json_text(wanted), holds="shifts with other options")
    cells = []
    with claim.undone_on_failure(lambda folder: (folder / "cells").exists()):
        for name, severity, make in _shifted(recipe, data, options):
            path = out / "cells" / f"{name}-{severity}.json"
            if not path.exists():
                write_dataclass(path, _cell(name, severity, models, replace(data, test=make()), options.seed))
            cells.append(read_dataclass(path, ShiftCell, f"remove {path}, and it will be made again"))
        results = replace(results, cells=tuple(cells))
        write_dataclass(out / _FILE, results)
    return results


def _shifted(recipe: Recipe, data: DataSplits, options: ShiftOptions) -> Iterator[tuple[str, int, Callable[[], Split]]]:
    """Name, severity (0 where there is none) and what makes the split."""
    some = evenly_spaced(len(data.test), options.images or len(data.test))

    def through(change: Callable[[Batch], Batch]) -> Callable[[], Split]:
        return lambda: PartSplit(ChangedSplit(data.test, change), some)

    yield NONE, 0, through(lambda batch: batch)
    for name in options.shifts:
        for severity in options.severities if name in CORRUPTIONS else ():
            yield name, severity, through(_corruption(name, severity, options.seed))
    if BACKGROUND in options.shifts:
        if recipe.data.name == "clutter":
            yield BACKGROUND, 0, lambda: PartSplit(_other_photographs(recipe, options.seed), some)
            return
        try:
            change = on_other_grounds(data.test, seed=options.seed)
        except RegardError:  # the set has neither masks nor boxes
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


def _cell(
    shift: str, severity: int, models: Mapping[str, AttentiveClassifier], data: DataSplits, seed: int
) -> ShiftCell:
    """Accuracy, bits and calibration of run and twin on the test split, and their paired difference in accuracy."""
    scores, hits = {}, {}
    for name, model in models.items():
        context = EvaluationContext(model, data, seed)
        values, rates = prediction(context).values, context.observation.rates
        hits[name] = values["accuracy_mean"]
        kept = {"accuracy": hits[name]} | {key: values[key] for key in _SCORES if key in values} | rates
        scores[name] = {key: mean_interval(value) for key, value in kept.items()}
    difference = None
    if "twin" in hits:
        difference = mean_interval(paired_difference(hits["run"], hits["twin"]))  # type: ignore[arg-type]
    return ShiftCell(shift, severity, scores["run"], scores.get("twin"), difference)
