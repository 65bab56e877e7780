"""Our code and an oracle's, in its own environment, on the same arrays: the same values, and how much faster.

Both sides read the arrays from one folder and score them in turn, block by block, so that what else the machine does
falls on both. A script that uses this runs in either environment: with ``--oracle FOLDER`` it is the oracle's side.
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

PYTHON = Path(__file__).resolve().parent.parent / ".venv-oracle/bin/python"
VALUES = "oracle.npy"


@dataclass(frozen=True)
class Times:
    """What came out.

    Attributes:
        ours: seconds of the wall clock and of the processors (2,).
        theirs: the same (2,).
        reference: the oracle's values (N,K).
        memory: our largest resident memory after each block, MiB.
    """

    ours: np.ndarray
    theirs: np.ndarray
    reference: np.ndarray
    memory: list[float]

    def per_image(self, name: str) -> dict[str, dict[str, float]]:
        """Milliseconds an image of both sides, and how many times faster ours is; ``name`` is the oracle's."""
        wall, cpu = 1000 * np.stack([self.ours, self.theirs], 1) / len(self.reference)
        return {
            f"{clock}_ms_an_image": {"regard": ms[0], name: ms[1], "times_faster": ms[1] / ms[0]}
            for clock, ms in (("wall", wall), ("processor", cpu))
        }


def options(images: int, cores: int, data: str) -> argparse.Namespace:
    """``--images``, ``--cores`` and ``--oracle``; ends with a sentence where ``data`` or oracles are not at hand."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--images", type=int, default=images)
    parser.add_argument("--cores", type=int, default=cores)
    parser.add_argument("--oracle", type=Path)
    found = parser.parse_args()
    if not found.oracle and (not os.environ.get("REGARD_DATA") or not PYTHON.exists()):
        sys.exit(f"needs REGARD_DATA with {data}/, and the oracles' environment: run benchmarks/make_oracle.sh")
    return found


def be_oracle(folder: Path, arrays: Sequence[np.ndarray], width: int, score: Callable[..., Sequence[float]]) -> None:
    """The oracle's side: reads numbers of a block from stdin, scores it, answers with seconds; values go to a file.

    Args:
        folder: of both sides.
        arrays: one item an image.
        width: how many values an image has.
        score: image number and its items -> values.
    """
    values = np.full((len(arrays[0]), width), np.nan)
    score(0, *(np.array(a[0]) for a in arrays))  # what is compiled is compiled now
    print("ready", flush=True)
    for line in sys.stdin:
        block = [(b, *(np.array(a[b]) for a in arrays)) for b in json.loads(line)]
        start, cpu = time.perf_counter(), time.process_time()
        for one in block:
            values[one[0]] = score(*one)
        print(time.perf_counter() - start, time.process_time() - cpu, flush=True)
    np.save(folder / VALUES, values)


def in_turn(
    folder: Path,
    count: int,
    *,
    block: int,
    batch: int,
    cores: int,
    load: Callable[[slice], tuple[Any, ...]],
    score: Callable[..., None],
) -> Times:
    """Starts the calling script again as the oracle's side, and scores blocks of images in turn; only scoring is timed.

    Args:
        folder: of both sides.
        count: images.
        block: images before the other side's turn.
        batch: images that we score at once.
        cores: threads of the oracle's libraries.
        load: images -> arguments of ``score``.
        score: keeps the values itself.
    """
    command = [str(PYTHON), "-W", "ignore", sys.argv[0], "--oracle", str(folder)]
    environment = os.environ | {"OMP_NUM_THREADS": str(cores), "PYTHONPATH": ""}
    pipe = subprocess.PIPE
    with subprocess.Popen(command, stdin=pipe, stdout=pipe, text=True, env=environment, bufsize=1) as other:
        assert other.stdin is not None
        assert other.stdout is not None
        assert other.stdout.readline().strip() == "ready"
        ours, theirs, memory = np.zeros(2), np.zeros(2), []
        score(*load(slice(0, batch)))
        for first in range(0, count, block):
            last = min(first + block, count)
            other.stdin.write(json.dumps(list(range(first, last))) + "\n")
            theirs += [float(v) for v in other.stdout.readline().split()]
            batches = [load(slice(k, min(k + batch, last))) for k in range(first, last, batch)]
            start, cpu = time.perf_counter(), time.process_time()
            for one in batches:
                score(*one)
            ours += time.perf_counter() - start, time.process_time() - cpu
            memory.append(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024)
        other.stdin.close()
        other.wait()
    return Times(ours, theirs, np.load(folder / VALUES), memory)
