"""Two evaluated runs side by side: their scores, the paired differences on the same test images, and their maps."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import cast

import numpy as np
import torch
from numpy.typing import NDArray

from regard.evaluation.gallery import read_even_maps
from regard.evaluation.rows import entry, read_per_image, reference
from regard.files import write_atomically
from regard.plot import scale_of
from regard.report import Evaluation, Group, Panels, Reference, Score, panels, read_evaluation, render_page, value_range
from regard.training import read_record
from regard.types import RegardError

_Columns = Mapping[str, NDArray[np.floating]]
_NAMED = 3


@dataclass(frozen=True)
class RunComparison:
    """Two runs on the same test images.

    Attributes:
        names: of the runs.
        evaluations: of both.
        scores: values of the first run beside those of the second; ``difference`` is the first minus the second, paired
            by image, for scores that each image has.
        checked: whether both runs recorded their test images; runs of 0.1 did not.
    """

    names: tuple[str, str]
    evaluations: tuple[Evaluation, Evaluation]
    scores: tuple[Score, ...]
    checked: bool

    def groups(self) -> dict[Group, tuple[Score, ...]]:
        """Scores by group, in reading order."""
        return replace(self.evaluations[0], scores=self.scores).groups()


@dataclass(frozen=True)
class _MapPair:
    """A test image with the map of either run; the values of both maps as text."""

    row: int
    pair: tuple[Panels, Panels]
    values: tuple[str, str]


def compare_runs(first: Path, second: Path) -> RunComparison:
    """Compares two runs that were evaluated on the same test images.

    Raises:
        RegardError: a run was not evaluated, or their tasks or test images differ.
    """
    folders, names = (first, second), _names(first, second)
    evaluations = (read_evaluation(first), read_evaluation(second))
    columns = (read_per_image(first), read_per_image(second))
    checked = _same_images(folders, evaluations, columns)
    of_second = {score.key: score for score in evaluations[1].scores}
    pairs = [(score, of_second[score.key]) for score in evaluations[0].scores if score.key in of_second]
    if not pairs:
        raise RegardError(f"{first} and {second} have no score in common; compare runs of one task")
    rows = tuple(_row(own, other, names[1], columns) for own, other in pairs)
    return RunComparison(names, evaluations, rows, checked)


def write_comparison(first: Path, second: Path) -> Path:
    """Writes ``against-NAME.html`` of two evaluated runs into the folder of the first, whole or not at all.

    Raises:
        RegardError: as `compare_runs`; or the maps of a run are damaged, or the page cannot be written.
    """
    comparison = compare_runs(first, second)
    html = render_page(
        "evaluation/compare.html.j2",
        comparison=comparison,
        names=comparison.names,
        data=comparison.evaluations[0].data,
        maps=_map_pairs(first, second, comparison),
    )
    name = f"against-{second.resolve().name}.html"
    return write_atomically(first / name, html.encode("utf-8", "replace"))


def _names(first: Path, second: Path) -> tuple[str, str]:
    a, b = first.resolve(), second.resolve()
    if a == b:
        raise RegardError(f"{first} and {second} are the same run; give two runs")
    return (a.name, b.name) if a.name != b.name else (f"{a.parent.name}/{a.name}", f"{b.parent.name}/{b.name}")


def _same_images(
    folders: tuple[Path, Path], evaluations: tuple[Evaluation, Evaluation], columns: tuple[_Columns, _Columns]
) -> bool:
    """Whether the test images are known to be the same; an error where they are known not to be."""
    first, second = (evaluation.data for evaluation in evaluations)
    remedy = "differences are paired by image: compare runs that were evaluated on the same test images"
    for what in ("name", "split", "size", "classes"):
        own, other = getattr(first, what), getattr(second, what)
        if own != other:
            shown = f"{len(own)} and {len(other)} classes" if what == "classes" else f"{what} {own!r} and {other!r}"
            raise RegardError(f"{folders[0]} and {folders[1]} have other test images ({shown}); {remedy}")
    for folder, evaluation, values in zip(folders, evaluations, columns, strict=True):
        for key, column in values.items():
            if column.shape != (evaluation.data.size,):
                raise RegardError(
                    f"{folder / 'per_image.npz'}: {key} has shape {column.shape} for {evaluation.data.size} images; "
                    f"evaluate again with `regard evaluate {folder}`"
                )
    records = [read_record(folder) for folder in folders]
    if records[0] is None or records[1] is None:
        return False
    a, b = records[0].data, records[1].data
    if bool(a.items) and bool(b.items):
        tested = [[item for item in record.items if item.split == "test"] for record in (a, b)]
        hashes = [[item.hash for item in items] for items in tested]
        if hashes[0] != hashes[1]:
            alone = [item.name for item in tested[0] if item.hash not in set(hashes[1])]
            alone += [item.name for item in tested[1] if item.hash not in set(hashes[0])]
            named = f": {', '.join(alone[:_NAMED])}{' and others' if len(alone) > _NAMED else ''}" if alone else ""
            raise RegardError(f"{folders[0]} and {folders[1]} have other test images{named}; {remedy}")
    elif a.fingerprint != b.fingerprint:
        raise RegardError(f"{folders[0]} and {folders[1]} have other images, by their fingerprints; {remedy}")
    return True


def _row(own: Score, other: Score, name: str, columns: tuple[_Columns, _Columns]) -> Score:
    """A score of the first run with that of the second as its control, and their paired difference."""
    key = "iou" if own.key == "mask_iou" else own.key  # under this name in per_image.npz
    paired = own.key != "iou" or not any("s" in values for values in columns)  # of masks, iou is mask_iou
    if not paired or any(key not in values for values in columns):
        beside = (Reference(name, "control", other.value, other.low, other.high),)
        return replace(own, references=beside, difference=None)
    a, b = (torch.from_numpy(values[key].astype(np.float64)) for values in columns)
    return entry(
        own.key,
        own.group,
        own.label,
        own.meaning,
        a,
        unit=own.unit,
        better=own.better,
        reasons=own.undefined,
        references=[reference(name, "control", b)],
        against=(name, b),
    )


def _map_pairs(first: Path, second: Path, comparison: RunComparison) -> tuple[_MapPair, ...]:
    """Images of which both runs kept a map; all maps of a unit on one scale, so that both runs can be compared."""
    kept = (read_even_maps(first), read_even_maps(second))
    meanings = [evaluation.map for evaluation in comparison.evaluations]
    if kept[0] is None or kept[1] is None or meanings[0] is None or meanings[1] is None:
        return ()
    units = (meanings[0].unit, meanings[1].unit)
    both = [list(maps.maps) for maps in kept if maps is not None]
    scales = [scale_of(both[0] + both[1] if units[0] == units[1] else both[k], units[k]) for k in (0, 1)]
    other = {row: k for k, row in enumerate(kept[1].rows.tolist())}
    pairs = []
    for i, row in enumerate(kept[0].rows.tolist()):
        if row not in other:
            continue
        places = (i, other[row])
        drawn = [panels(kept[0].images[i], both[k][places[k]], scales[k]) for k in (0, 1)]
        values = [value_range(p.low, p.high) for p in drawn]
        pairs.append(_MapPair(row, cast(tuple[Panels, Panels], tuple(drawn)), cast(tuple[str, str], tuple(values))))
    return tuple(pairs)
