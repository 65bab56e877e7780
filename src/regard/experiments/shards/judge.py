"""`regard judge` on workers: each makes one method's maps, or takes one metric of them.

A metric holds every image against others, so its images stay together: work is divided by method and metric. The
judgement's own folder says what is finished.
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Mapping, Sequence
from functools import lru_cache
from pathlib import Path
from typing import Any

from regard.experiments.grid import Cell, Result
from regard.experiments.shards.run import WorkerOptions, refusing, shard_folder
from regard.judge import JudgeOptions, JudgeResults, JudgeUnit, JudgeWorker, judge
from regard.owner import owns
from regard.reading import parse_json
from regard.report import to_json

_MAPS = "maps"


@owns("out")
def judge_on_workers(
    model: str | Path,
    images: str | Path | None = None,
    *,
    workers: WorkerOptions,
    out: Path,
    weights: str | None = None,
    shuffled: str | Path | None = None,
    learn_from: str | Path | None = None,
    device: str | None = None,
    **options: Any,
) -> JudgeResults:
    """`regard.judge` in worker processes, with the same numbers; every worker holds all images that are judged.

    A pair of method and metric whose process ends without an answer is among ``failed``, and tried again by the next
    call.

    Args:
        model: a run, a saved classifier or a network's name.
        images: as in `regard.judge`.
        workers: how many, and where.
        out: folder; an interrupted judgement continues there.
        weights: of a named network.
        shuffled: a run, trained on shuffled labels.
        learn_from: a folder, as in `regard.judge`; every worker learns the same from it.
        device: on which each worker computes.
        options: the others of `regard.judge`.

    Raises:
        RegardError: see `regard.judge`.
    """
    names = {"model": model, "images": images, "shuffled": shuffled, "learn_from": learn_from}
    opened = {name: None if value is None else str(value) for name, value in names.items()}
    opened |= {"weights": weights, "device": device}
    with shard_folder(out, workers) as shards:
        shutil.rmtree(shards.root, ignore_errors=True)  # of a killed command: what is finished lies in `out` itself

        def carry(chosen: JudgeOptions, units: Sequence[JudgeUnit]) -> Mapping[JudgeUnit, str]:
            spec = {"out": str(out), "opened": opened, "options": to_json(vars(chosen))}
            cells = {unit: _cell(unit, spec) for unit in units}
            failed = shards.run(list(cells.values()))
            return {unit: failed[cell.path].splitlines()[-1] for unit, cell in cells.items() if cell.path in failed}

        how: dict[str, Any] = {"weights": weights, "shuffled": shuffled, "learn_from": learn_from, "device": device}
        return judge(model, images, out=out, carry=carry, **how, **options)


def _cell(unit: JudgeUnit, spec: Mapping[str, Any]) -> Cell:
    method, metric = unit
    work = f"{judge_shard.__module__}:{judge_shard.__name__}"
    return Cell(f"{method}/{metric or _MAPS}", method, 0, work, {**spec, "unit": list(unit)})


def judge_shard(cell: Cell, folder: Path) -> Result:
    """A worker's method, or method and metric; it leaves its numbers in the judgement's folder."""

    def work() -> Result:
        method, metric = cell.spec["unit"]
        worker = _opened(json.dumps([cell.spec["opened"], cell.spec["options"]]))
        worker.do((method, metric), Path(cell.spec["out"]))
        return Result()

    return refusing(work)


@lru_cache(maxsize=1)
def _opened(asked: str) -> JudgeWorker:
    """Network and images, opened once in a worker."""
    opened, options = parse_json(asked)
    named = {name: tuple(options[name]) for name in ("methods", "metrics")}
    return JudgeWorker(opened, JudgeOptions(**options | named))
