"""``data.json`` of a run: what it was trained on, so that it explains without its data and refuses data that changed.

It holds classes, the split of every item by content, sizes and fingerprints (`regard.data.DataRecord`) of the run's own
set, and of other sets whose gaze it uses.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from contextlib import nullcontext
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Literal

from regard.data import DataRecord, DataSplits, check_data, find_entry, open_data, record_data, shuffle_labels
from regard.files import write_atomically
from regard.report import json_text, read_dataclass
from regard.training.layout import DATA_FILE
from regard.training.recipe import Recipe
from regard.types import RegardError

_UNKNOWN = (
    "This run has no data.json, as it was trained by an earlier version: whether its images and their split are still "
    "those of training cannot be checked."
)


@dataclass(frozen=True)
class RunRecord:
    """``data.json``: the record of the run's own set, and those of other sets that it uses, by `beside_key`."""

    schema: Literal[1]
    data: DataRecord
    beside: Mapping[str, DataRecord] = field(default_factory=dict)


def read_record(folder: Path) -> RunRecord | None:
    """The record of a run; None where it has none, being of an earlier version or not begun.

    Raises:
        RegardError: it is damaged.
    """
    path = folder / DATA_FILE
    if not path.exists():
        return None
    remedy = "restore it, or train the run again under another name (--name)"
    try:
        return read_dataclass(path, RunRecord, remedy)
    except RegardError as error:
        if str(error).startswith(str(path)):
            raise
        raise RegardError(f"{path}: damaged ({error}); {remedy}") from None


def write_record(folder: Path, record: RunRecord) -> None:
    """Writes the record of a run."""
    write_atomically(folder / DATA_FILE, json_text(record, indent=None), parents=True)


def build_data(recipe: Recipe, record: RunRecord | None = None) -> DataSplits:
    """The recipe's data set, opened; with a record, with the classes and splits that it holds.

    Raises:
        RegardError: no such data, or not those of the record.
    """
    d, own = recipe.data, None if record is None else record.data
    with nullcontext() if own is None else own.naming_places(d.root, *d.options.values()):
        data = open_data(d.name, d.root, record=own, **d.options)
        if d.shuffle_labels:
            data = shuffle_labels(data, seed=recipe.train.seed)
        return data if record is None else replace(_checked(record.data, data), beside=record.beside)


def data_of_run(recipe: Recipe, folder: Path) -> DataSplits:
    """The data of a finished run as they were when it was trained; of a run without a record, a remark says so."""
    record = read_record(folder)
    data = build_data(recipe, record)
    return data if record is not None else replace(data, remarks=(*data.remarks, _UNKNOWN))


def record_run(recipe: Recipe, data: DataSplits, *sets: Mapping[str, Any]) -> RunRecord:
    """The record of a run's data, opened, of the sets with gaze that its recipe names, and of further ``sets``.

    Args:
        recipe: of the run.
        data: of the recipe.
        sets: name, root and options of others, whose gaze the run is compared with.

    Raises:
        RegardError: a set is not at hand.
    """
    others = [{"name": part.gaze, "root": part.root, "options": part.options} for part in (recipe.align, recipe.impose)]
    beside: dict[str, DataRecord] = {}
    for other in (*others, *sets):
        name, root, options = other["name"], other["root"], other["options"]
        key = beside_key(name, root, options)
        if name not in (None, "own") and key not in beside:
            beside[key] = _record(name, open_beside(name, root, options, data))
    return RunRecord(1, _record(recipe.data.name, data), beside)


def open_beside(name: str, root: str | None, options: Mapping[str, Any], data: DataSplits) -> DataSplits:
    """Another set, in the size of the images of ``data``, with the splits that the record of these has of it.

    Raises:
        RegardError: it is not at hand, or not as it is recorded.
    """
    record = data.beside.get(beside_key(name, root, options))
    with nullcontext() if record is None else record.naming_places(root, *options.values()):
        opened = open_data(name, root, record=record, **{"size": data.train.batch([0]).size, **options})
        return opened if record is None else _checked(record, opened)


def beside_key(name: str | None, root: str | None, options: Mapping[str, Any]) -> str:
    """What tells a set with gaze from others."""
    return json.dumps([name, root, options], sort_keys=True, default=str)


def refuse_training_images(folder: Path, hashes: Mapping[str, str], where: str) -> None:
    """Raises RegardError where images on which a run is to be judged are images that it was trained on.

    Args:
        folder: of the run.
        hashes: name of each image -> hash of its file (`regard.data.content_hashes`).
        where: what holds the images, for the error.
    """
    record = read_record(folder)
    trained: frozenset[str] = frozenset() if record is None else record.data.hashes("train")
    names = [name for name, value in hashes.items() if value in trained]
    if names:
        raise RegardError(
            f"{where}: {len(names)} of {len(hashes)} images were trained on by {folder}, such as {names[0]}; judge it "
            "on its own test split (leave out --data), or on other images"
        )


def _record(name: str, data: DataSplits) -> DataRecord:
    started = str(Path.cwd()) if find_entry(name).needs_root else ""
    return replace(record_data(name, data), started=started)


def _checked(record: DataRecord, data: DataSplits) -> DataSplits:
    return check_data(record, data, generated=not find_entry(record.name).needs_root)
