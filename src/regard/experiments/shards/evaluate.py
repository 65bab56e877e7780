"""`regard evaluate` on workers: each runs the networks over some of the test images.

Passes over all images are cut: what the run, its twin and its probe predict and let through, and the predictions under
every intervention. A shard begins at a multiple of the batch, so that batches, and bits, are those of one process.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from functools import lru_cache
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from regard.backbones import weights_hash
from regard.evaluation import EVERY_SAMPLES, EvaluateWorker, EvaluationContext, evaluate, joined_columns, pass_batch
from regard.experiments.grid import Cell, Result
from regard.experiments.shards.run import WorkerOptions, cut, refusing, shard_cell, shard_folder
from regard.files import write_arrays
from regard.owner import owns
from regard.reading import parse_json, read_arrays
from regard.types import RegardError

_IMAGES = 256
"""Of a shard, at least; up to the next multiple of the batch."""


@owns("folder")
def evaluate_on_workers(
    folder: Path,
    *,
    workers: WorkerOptions,
    device: str = "cpu",
    samples: Sequence[int] = EVERY_SAMPLES,
    on_progress: Callable[[str, int, int], None] | None = None,
) -> Path:
    """`regard.evaluation.evaluate` in worker processes: the same ``evaluation.json``.

    Args:
        folder: of the run.
        workers: how many, and where.
        device: on which each worker computes.
        samples: numbers of samples over which accuracy is averaged.
        on_progress: as in `evaluate`.

    Raises:
        RegardError: see `evaluate`; or a shard failed, and the same command goes on with the others finished.
    """
    with shard_folder(folder, workers) as shards:

        def carry(which: str, context: EvaluationContext, what: str, given: Mapping[str, Tensor]) -> dict[str, Tensor]:
            name, size = f"{which}-{what}", pass_batch(context.model, context.split)
            spec: dict[str, Any] = {
                "folder": str(folder),
                "device": str(device),
                "samples": list(samples),
                "which": which,
            }
            spec |= {"what": what, "hash": weights_hash(context.model), "seed": context.seed, "given": None}
            if given:
                arrays = {key: value.numpy() for key, value in given.items()}
                spec["given"] = str(write_arrays(shards.root / f"{name}.npz", arrays, parents=True))
            parts = cut(len(context.split), size * -(-_IMAGES // size))
            cells = [shard_cell(evaluate_shard, name, p, {**spec, "part": [p.start, p.stop]}) for p in parts]
            failed = shards.run(cells)
            if failed:
                path, why = next(iter(failed.items()))
                raise RegardError(
                    f"{folder}: test images {path.rpartition('/')[2]} could not be evaluated ({len(failed)} of "
                    f"{len(cells)} shards): {why.splitlines()[-1]}; the same command keeps the others"
                )
            return joined_columns([_tensors(shards.result(cell).arrays) for cell in cells])

        return evaluate(folder, device=device, samples=samples, on_progress=on_progress, carry=carry)


def evaluate_shard(cell: Cell, folder: Path) -> Result:
    """A worker's pass over its images."""

    def work() -> Result:
        spec = cell.spec
        worker = _opened(json.dumps([spec["folder"], spec["device"], spec["samples"], spec["hash"]]))
        given = {} if spec["given"] is None else _tensors(read_arrays(Path(spec["given"]), "evaluate again"))
        columns = worker.do(spec["which"], spec["what"], range(*spec["part"]), given)
        return Result({}, {name: values.numpy() for name, values in columns.items()})

    return refusing(work)


@lru_cache(maxsize=1)
def _opened(asked: str) -> EvaluateWorker:
    """The run and its test images, opened once in a worker."""
    folder, device, samples, _ = parse_json(asked)
    return EvaluateWorker(Path(folder), device, samples)


def _tensors(arrays: Mapping[str, object]) -> dict[str, Tensor]:
    return {name: torch.as_tensor(values) for name, values in arrays.items()}
