"""Reading a run folder. Every error names the file, the place in it and what to do."""

from __future__ import annotations

import json
import zipfile
import zlib
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NoReturn

import numpy as np
import yaml

from regard.report.schema import Environment, Evaluation, History, MismatchError, Pictures, Run, checked
from regard.types import RegardError

TRAIN = "train the run again with `regard train`"
EVALUATE = "evaluate the run again with `regard evaluate`"


def read_run(path: Path) -> Run:
    """Read and check a whole run folder.

    Raises:
        RegardError: a file is missing or says something it cannot mean; named with its place and the remedy.
    """
    if not path.is_dir():
        raise RegardError(f"{path}: is not a run folder; give the folder that `regard train` wrote, as runs/<name>")
    recipe_file = path / "recipe.yaml"
    recipe_text = _text(recipe_file, TRAIN)
    try:
        recipe = checked(Mapping[str, object], yaml.safe_load(recipe_text))
    except (yaml.YAMLError, MismatchError) as error:
        _corrupt(recipe_file, str(error), TRAIN)
    evaluation = read_evaluation(path)
    twin = path / "twin" / "metrics.jsonl"
    return Run(
        path=path,
        recipe=recipe,
        recipe_text=recipe_text,
        environment=read_json(path / "environment.json", Environment, TRAIN),
        history=read_history(path / "metrics.jsonl"),
        evaluation=evaluation,
        twin=read_history(twin) if twin.exists() else None,
        pictures=_pictures(path / "gallery.npz", evaluation) if evaluation.gallery else None,
    )


def read_evaluation(path: Path) -> Evaluation:
    """evaluation.json of a run folder, checked.

    Raises:
        RegardError: the file is missing or corrupt.
    """
    file = path / "evaluation.json"
    evaluation: Evaluation = read_json(file, Evaluation, EVALUATE)
    for name, curve in evaluation.curves.items():
        for label, y in curve.series.items():
            if len(y) != len(curve.x):
                _corrupt(file, f"curves.{name}.series.{label} has {len(y)} values for {len(curve.x)} x", EVALUATE)
    anchors = evaluation.anchors
    if anchors is not None and len(anchors.values) != len(anchors.usage):
        _corrupt(file, f"anchors has {len(anchors.values)} values but {len(anchors.usage)} usages", EVALUATE)
    if evaluation.gallery and evaluation.map is None:
        _corrupt(file, "map is missing, so the gallery's maps would have no unit", EVALUATE)
    return evaluation


def read_history(file: Path) -> History:
    """metrics.jsonl: sorted by epoch; where a resumed run wrote an epoch twice, the later line counts.

    A last line without its newline that is not JSON is what a killed run leaves; it is dropped and remembered.

    Raises:
        RegardError: any other line is not a JSON object of numbers with an epoch.
    """
    lines, truncated = _text(file, TRAIN).split("\n"), False
    epochs: dict[int, Mapping[str, float]] = {}
    for number, line in enumerate(lines, start=1):
        if not line.strip():
            continue
        try:
            row: dict[str, Any] = json.loads(line)
            numbers = {k: v for k, v in row.items() if v is None or type(v) in (int, float)}
            values: dict[str, float] = checked(Mapping[str, float], numbers)
            epochs[int(values["epoch"])] = values
        except json.JSONDecodeError as error:
            if number == len(lines):
                truncated = True
            else:
                _corrupt(file, f"line {number} is not JSON ({error.msg})", f"delete that line, or {TRAIN}")
        except (AttributeError, KeyError, ValueError, OverflowError):
            _corrupt(
                file, f"line {number} is {line[:60]!r}, expected an object with an epoch", f"delete it, or {TRAIN}"
            )
    return History(tuple(epochs[e] for e in sorted(epochs)), truncated)


def _pictures(file: Path, evaluation: Evaluation) -> Pictures:
    if not file.is_file():
        raise RegardError(f"{file}: is missing, but evaluation.json lists a gallery; {EVALUATE}")
    try:
        with file.open("rb") as opened, np.load(opened, allow_pickle=False) as arrays:
            found = {name: arrays[name] for name in ("images", "maps", "masks", "predictions") if name in arrays}
    except (OSError, ValueError, TypeError, EOFError, zipfile.BadZipFile, zlib.error) as error:
        _corrupt(file, f"cannot be read ({error})", EVALUATE)
    for name, ndim, kinds in (("images", 4, "u"), ("maps", 3, "f"), ("masks", 3, "ub"), ("predictions", 3, "ub")):
        if name not in found and name in ("images", "maps"):
            _corrupt(file, f"has no array {name!r}", EVALUATE)
        if name in found and (found[name].ndim != ndim or found[name].dtype.kind not in kinds or not found[name].size):
            _corrupt(file, f"{name} is {found[name].dtype}{found[name].shape}", EVALUATE)
    images, maps, masks = found["images"], found["maps"], found.get("masks")
    if images.dtype != np.uint8 or images.shape[-1] != 3:
        _corrupt(file, f"images is {images.dtype}{images.shape}, expected uint8 (G,H,W,3)", EVALUATE)
    predictions = found.get("predictions")
    whole = [mask for mask in (masks, predictions) if mask is not None]
    if len(maps) != len(images) or any(mask.shape != images.shape[:3] for mask in whole):
        _corrupt(file, f"images {images.shape}, maps {maps.shape} and masks do not belong together", EVALUATE)
    for item in evaluation.gallery:
        if not 0 <= item.row < len(images):
            _corrupt(file, f"has {len(images)} rows, but evaluation.json asks for row {item.row}", EVALUATE)
    return Pictures(
        images,
        maps.astype(np.float32),
        None if masks is None else masks.astype(bool),
        None if predictions is None else predictions.astype(bool),
    )


def read_json(file: Path, kind: Any, remedy: str) -> Any:
    """A JSON file as a ``kind``, checked; an error names file, place and ``remedy``."""
    try:
        return checked(kind, json.loads(_text(file, remedy)))
    except json.JSONDecodeError as error:
        _corrupt(file, f"line {error.lineno} is not JSON ({error.msg})", remedy)
    except MismatchError as error:
        _corrupt(file, str(error), remedy)


def _text(file: Path, remedy: str) -> str:
    try:
        return file.read_text(encoding="utf-8")
    except FileNotFoundError as error:
        raise RegardError(f"{file}: is missing; {remedy}") from error
    except (OSError, UnicodeDecodeError) as error:
        raise RegardError(f"{file}: cannot be read ({error}); {remedy}") from error


def _corrupt(file: Path, what: str, remedy: str) -> NoReturn:
    raise RegardError(f"{file}: {what}; {remedy}")
