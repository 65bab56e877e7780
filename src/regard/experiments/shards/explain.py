"""`regard explain` on workers: each explains some of the images."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import lru_cache
from pathlib import Path
from typing import Any

from regard.backbones import weights_hash
from regard.devices import find_device
from regard.experiments.grid import Cell, Result
from regard.experiments.shards.run import (
    WorkerOptions,
    cut,
    done_or_single,
    refusing,
    shard_cell,
    shard_folder,
)
from regard.explain import METHODS, prepare_options
from regard.judge import (
    ExplainedImage,
    ExplainHow,
    ExplainResults,
    OutputItem,
    Subject,
    explain_images,
    explain_part,
    open_subject,
    usual_methods,
)
from regard.owner import owns
from regard.report import from_json, to_json

_IMAGES = 16
"""Of a shard."""


@owns("out")
def explain_on_workers(
    model: str | Path,
    images: Sequence[Path],
    out: Path,
    *,
    workers: WorkerOptions,
    weights: str | None = None,
    device: str | None = None,
    methods: Sequence[str] | None = None,
    target: str | None = None,
    against: str | None = None,
    layer: str | None = None,
    options: Mapping[str, Mapping[str, Any]] | None = None,
) -> ExplainResults:
    """`regard.judge.explain_images` in worker processes: the same files, up to the seconds that they record.

    An image whose process ends without an answer is named among the problems; the others are explained.

    Args:
        model: a run, a saved classifier or a network's name, see `regard.judge.open_subject`.
        images: files.
        out: folder. What workers have finished lies in its folder ``shards`` until all is, and is not done again.
        workers: how many, and where.
        weights: of a named network.
        device: on which each worker computes.
        methods: these and the others as of `explain_images`; by default `regard.judge.usual_methods`.
        target: class to explain.
        against: class in whose place it is explained.
        layer: for methods that explain one layer.
        options: method -> its options.

    Raises:
        RegardError: see `explain_images`.
    """
    subject = open_subject(model, weights=weights)
    how = ExplainHow(tuple(methods or usual_methods(subject)), target, against, layer, options or {})
    for name, given in how.options.items():  # what a method learns it learns once, before the first worker starts
        if name in how.methods and given.get("learned") is not None:
            own_layer = layer if METHODS[name].at_layer else None
            prepare_options(subject.model, name, given, size=subject.size, layer=own_layer)
    with shard_folder(out, workers) as shards:

        def carry(items: Sequence[OutputItem]) -> ExplainResults:
            opened = {"model": str(model), "weights": weights, "device": device, "hash": weights_hash(subject.model)}

            def cell_of(part: range) -> Cell:
                own = [[str(path), str(file), _stamp(path)] for path, file in items[part.start : part.stop]]
                return shard_cell(explain_shard, "images", part, opened | {"how": to_json(how), "items": own})

            done, lost = done_or_single(shards, cut(len(items), _IMAGES), cell_of)
            parts = {part.start: _results(result) for part, result in done}
            for k, why in lost.items():
                parts[k] = ExplainResults(problems=[f"{items[k][0]}: {why.splitlines()[-1]}"])
            return ExplainResults.joined([parts[k] for k in sorted(parts)])

        return explain_images(subject, images, out, **vars(how), carry=carry)


def explain_shard(cell: Cell, folder: Path) -> Result:
    """A worker's images."""

    def work() -> Result:
        spec = cell.spec
        subject = _opened(spec["model"], spec["weights"], spec["device"], spec["hash"])
        how = ExplainHow(**spec["how"] | {"methods": tuple(spec["how"]["methods"])})
        results = explain_part(subject, [(Path(path), Path(file)) for path, file, _ in spec["items"]], how)
        return Result({name: to_json(value) for name, value in vars(results).items()})

    return refusing(work)


@lru_cache(maxsize=1)
def _opened(model: str, weights: str | None, device: str | None, hash: str) -> Subject:
    """The network, opened once in a worker for all of its shards; the hash says which weights it has."""
    subject = open_subject(model, weights=weights)
    if device is not None:
        subject.model.to(find_device(device))
    return subject


def _results(result: Result) -> ExplainResults:
    values = dict(result.values)
    return ExplainResults(list(from_json(tuple[ExplainedImage, ...], values.pop("images"))), **values)


def _stamp(path: Path) -> list[int] | None:
    """Size and time of a file: a shard of images that were changed since is done again."""
    try:
        state = path.stat()
    except OSError:
        return None
    return [state.st_size, state.st_mtime_ns]
