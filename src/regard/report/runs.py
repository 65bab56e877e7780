"""Reading a run folder. Every error names the file, the place in it and the remedy."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from regard.reading import ArrayFile, DataError, parse_json, parse_yaml, read_text
from regard.report.json_files import MismatchError, corrupt, from_json, read_dataclass
from regard.report.schema import Evaluation, History, Pictures, Provenance, Run
from regard.types import RegardError

TRAIN = "train the run again with `regard train`"
EVALUATE = "evaluate the run again with `regard evaluate`"
_ARRAYS = {
    "images": (4, "u"),
    "maps": (3, "f"),
    "masks": (3, "ub"),
    "predictions": (3, "ub"),
    "bought": (4, "ub"),
    "order": (3, "iu"),
}
"""Dimensions and kinds of numbers."""


def read_run(path: Path) -> Run:
    """Read and check a whole run folder.

    Raises:
        RegardError: a file is missing or does not fit its schema; the message names file, place and remedy.
    """
    if not path.is_dir():
        raise RegardError(f"{path}: is not a run folder; give the folder that `regard train` wrote, as runs/<name>")
    recipe_file = path / "recipe.yaml"
    recipe_text = read_text(recipe_file, TRAIN)
    try:
        recipe = from_json(Mapping[str, object], parse_yaml(recipe_text))
    except (DataError, MismatchError) as error:
        corrupt(recipe_file, str(error), TRAIN)
    evaluation = read_evaluation(path)
    twin = path / "twin" / "metrics.jsonl"
    return Run(
        path=path,
        recipe=recipe,
        recipe_text=recipe_text,
        provenance=read_provenance(path),
        history=read_history(path / "metrics.jsonl"),
        evaluation=evaluation,
        twin=read_history(twin) if twin.exists() else None,
        pictures=_pictures(path / "gallery.npz", evaluation) if evaluation.gallery else None,
    )


def read_provenance(path: Path) -> Provenance:
    """environment.json of a run folder, checked.

    Raises:
        RegardError: the file is missing or corrupt.
    """
    return read_dataclass(path / "environment.json", Provenance, TRAIN)


def read_evaluation(path: Path) -> Evaluation:
    """evaluation.json of a run folder, checked.

    Raises:
        RegardError: the file is missing or corrupt.
    """
    file = path / "evaluation.json"
    evaluation = read_dataclass(file, Evaluation, EVALUATE)
    for name, curve in evaluation.curves.items():
        for label, y in curve.series.items():
            if len(y) != len(curve.x):
                corrupt(file, f"curves.{name}.series.{label} has {len(y)} values for {len(curve.x)} x", EVALUATE)
    for i, cell in enumerate(evaluation.confusion):
        if cell.truth < 0 or cell.predicted < 0 or not cell.count > 0:
            corrupt(file, f"confusion[{i}] is {cell}, expected class numbers from 0 and a count above 0", EVALUATE)
    anchors = evaluation.anchors
    if anchors is not None and len(anchors.values) != len(anchors.usage):
        corrupt(file, f"anchors has {len(anchors.values)} values but {len(anchors.usage)} usages", EVALUATE)
    if evaluation.gallery and evaluation.map is None:
        corrupt(file, "map is missing, so the gallery's maps would have no unit", EVALUATE)
    return evaluation


def read_history(file: Path) -> History:
    """metrics.jsonl: sorted by epoch; where a resumed run wrote an epoch twice, the later line counts.

    A killed run may leave a last line without its newline that is not JSON; it is dropped, and ``truncated`` is set.

    Raises:
        RegardError: any other line is not a JSON object of numbers with an epoch.
    """
    lines, truncated = read_text(file, TRAIN).split("\n"), False
    epochs: dict[int, Mapping[str, float]] = {}
    for number, line in enumerate(lines, start=1):
        if not line.strip():
            continue
        try:
            row: dict[str, Any] = parse_json(line)
            numbers = {k: v for k, v in row.items() if v is None or type(v) in (int, float)}
            values: dict[str, float] = from_json(Mapping[str, float], numbers)
            epochs[int(values["epoch"])] = values
        except DataError as error:
            if number == len(lines):
                truncated = True
            else:
                corrupt(file, f"line {number} {str(error).removeprefix('line 1 ')}", f"delete that line, or {TRAIN}")
        except (AttributeError, KeyError, ValueError, OverflowError):
            corrupt(file, f"line {number} is {line[:60]!r}, expected an object with an epoch", f"delete it, or {TRAIN}")
    return History(tuple(epochs[e] for e in sorted(epochs)), truncated)


def _pictures(file: Path, evaluation: Evaluation) -> Pictures:
    if not file.is_file():
        raise RegardError(f"{file}: is missing, but evaluation.json lists a gallery; {EVALUATE}")
    with ArrayFile(file, EVALUATE) as entries:
        arrays = {name: entries[name] for name in _ARRAYS if name in entries}
    for name, (ndim, kinds) in _ARRAYS.items():
        array = arrays.get(name)
        if array is None and name in ("images", "maps"):
            corrupt(file, f"has no array {name!r}", EVALUATE)
        if array is not None and (array.ndim != ndim or array.dtype.kind not in kinds or not array.size):
            corrupt(file, f"{name} is {array.dtype}{array.shape}", EVALUATE)
    images, maps = arrays.pop("images"), arrays.pop("maps")
    if images.dtype != np.uint8 or images.shape[-1] != 3:
        corrupt(file, f"images is {images.dtype}{images.shape}, expected uint8 (G,H,W,3)", EVALUATE)
    steps, order = arrays.pop("bought", None), arrays.pop("order", None)
    if len(maps) != len(images) or any(mask.shape != images.shape[:3] for mask in arrays.values()):
        corrupt(file, f"images {images.shape}, maps {maps.shape} and masks do not belong together", EVALUATE)
    if steps is not None and steps.shape != (len(maps), len(evaluation.budgets), *maps.shape[1:]):
        corrupt(file, f"bought is {steps.shape}, not of {len(evaluation.budgets)} budgets", EVALUATE)
    if any(len(item.answers) != (0 if steps is None else steps.shape[1]) for item in evaluation.gallery):
        corrupt(file, "bought and the answers of evaluation.json do not belong together", EVALUATE)
    if order is not None and (order.shape != maps.shape or order.min() < 0):
        corrupt(file, f"order is {order.shape} from {order.min()}, maps are {maps.shape}", EVALUATE)
    for item in evaluation.gallery:
        if not 0 <= item.row < len(images):
            corrupt(file, f"has {len(images)} rows, but evaluation.json asks for row {item.row}", EVALUATE)
    masks = {name: mask.astype(bool) for name, mask in arrays.items()}
    bought = None if steps is None else steps.astype(bool)
    numbers = None if order is None else order.astype(np.int64)
    return Pictures(images, maps.astype(np.float32), **masks, bought=bought, order=numbers)
