"""Other libraries at the same work as regard, each in a process and an environment of its own, taking turns.

A benchmark's file is its own worker: it starts itself again with an option that names the side. A worker says
``ready``, then answers each line on stdin with wall and processor seconds.

* **How fast** (`serve`, `Side`, `take_turns`): a line is ``whole`` or ``forwards``; the answer is the time of the whole
  work, or of its network's forwards alone in batches of the same sizes.
* **The same values, how fast** (`serve_scores`, `score_in_turns`): a line names a block of images, which is scored;
  values go to a file at the end. Both sides read the same arrays from one folder.

This file runs in the peers' environment too, which has no regard.
"""

from __future__ import annotations

import argparse
import importlib
import json
import os
import resource
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

PYTHON = Path(__file__).resolve().parent.parent / ".venv-oracle/bin/python"
VALUES = "oracle.npy"


class Worker:
    """A benchmark's process for one side; ends the script if the process does not say ``ready``.

    Args:
        python: interpreter of its environment.
        arguments: the benchmark's file and options.
        cores: threads that it may use.
    """

    def __init__(self, python: str | Path, arguments: Sequence[str], cores: int) -> None:
        environment = os.environ | {"OMP_NUM_THREADS": str(cores), "PYTHONPATH": ""}
        self.process = subprocess.Popen(
            [str(python), "-W", "ignore", *arguments],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            env=environment,
            bufsize=1,
        )
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        self.requests, self.answers = self.process.stdin, self.process.stdout
        if self.answers.readline().strip() != "ready":
            sys.exit(f"{' '.join(arguments)} failed; see above")

    def ask(self, request: str) -> list[float]:
        """Sends a line; the numbers of the answer."""
        self.requests.write(request + "\n")
        return [float(number) for number in self.answers.readline().split()]

    def close(self) -> None:
        """Ends the process and waits for it."""
        self.requests.close()
        self.process.wait()


def answer(prepare: Callable[[str], Callable[[], object]]) -> None:
    """A worker's loop: says ``ready``, then does the work that each line asks for and answers with its seconds."""
    print("ready", flush=True)
    for line in sys.stdin:
        work = prepare(line.strip())
        start, processor = time.perf_counter(), time.process_time()
        more = work()
        print(time.perf_counter() - start, time.process_time() - processor, "" if more is None else more, flush=True)


def serve(model: Any, size: tuple[int, int], whole: Callable[[], object]) -> None:
    """The worker of a `Side`: runs `whole` once to count its forwards, then answers."""
    import torch

    sizes: list[int] = []
    model.register_forward_pre_hook(lambda _module, args: sizes.append(len(args[0])))
    whole()
    needed = list(sizes)
    device = next(model.parameters()).device
    batches = {count: torch.rand(count, 3, *size, device=device) for count in set(needed)}

    def forwards() -> None:
        with torch.no_grad():
            for count in needed:
                model(batches[count])

    def prepare(request: str) -> Callable[[], int]:
        def work() -> int:
            (whole if request == "whole" else forwards)()
            if device.type == "cuda":
                torch.cuda.synchronize()
            return sum(needed)

        return work

    answer(prepare)


class Side:
    """One library's process and its times.

    Args:
        file: the benchmark.
        name: given as ``--side``.
        arguments: further ones.
        package: a peer's, in ``.venv-oracle``; None for regard, in this environment.
        cores: threads that it may use.
    """

    def __init__(self, file: str, name: str, arguments: list[str], package: str | None, cores: int) -> None:
        self.times: dict[str, list[tuple[float, float]]] = {"whole": [], "forwards": []}
        self.forwards, self.why = 0, ""
        if package is not None and not _installed(package):
            self.why = f"{package} is not in .venv-oracle; benchmarks/make_oracle.sh installs it"
            return
        python = sys.executable if package is None else PYTHON
        self.worker = Worker(python, [file, "--side", name, *arguments], cores)

    def run(self, what: str) -> None:
        """``whole`` or ``forwards``, once."""
        seconds, processor, forwards = self.worker.ask(what)
        self.times[what].append((seconds, processor))
        self.forwards = int(forwards)

    def medians(self, images: int) -> dict[str, float]:
        """Medians: milliseconds per forward, bare and with everything, and the overhead, whole / forwards - 1.

        The overhead in processor time hardly depends on other load.
        """
        (whole, busy), (bare, busy_bare) = (
            [1000 * statistics.median(column) / self.forwards for column in zip(*self.times[key], strict=True)]
            for key in ("whole", "forwards")
        )
        return {
            "forwards_an_image": self.forwards / images,
            "milliseconds_a_bare_forward": bare,
            "milliseconds_a_forward": whole,
            "processor_milliseconds_a_forward": busy,
            "overhead": whole / bare - 1,
            "overhead_in_processor_time": busy / busy_bare - 1,
        }


def take_turns(sides: Mapping[str, Side], images: int, repeats: int) -> dict[str, dict[str, float]]:
    """Every side's numbers by name; one that is not installed is named and left out. The order alternates."""
    for name, side in sides.items():
        if side.why:
            print(f"{name} is left out: {side.why}")
    installed = {name: side for name, side in sides.items() if not side.why}
    for repeat in range(repeats):
        order = 1 if repeat % 2 else -1
        for side in list(installed.values())[::order]:
            for what in ("whole", "forwards")[::order]:
                side.run(what)
    for side in installed.values():
        side.worker.close()
    numbers = {name: side.medians(images) for name, side in installed.items()}
    for name, values in numbers.items():
        print(f"{name:<22} {values['forwards_an_image']:.2f} forwards per image, ", end="")
        print(f"{values['milliseconds_a_forward']:.1f} ms per forward, {values['overhead']:.1%} beyond it ", end="")
        print(f"({values['overhead_in_processor_time']:.1%} in processor time)")
    return numbers


def peer_version(package: str) -> str:
    """The version in ``.venv-oracle``."""
    code = f"import importlib.metadata as m; print(m.version({package!r}))"
    return subprocess.run([str(PYTHON), "-c", code], capture_output=True, text=True, check=True).stdout.strip()


def network(name: str, device: str = "cpu") -> Any:
    """One of torchvision's, with random weights from seed 0, which do not change speed."""
    torch, models = importlib.import_module("torch"), importlib.import_module("torchvision.models")
    torch.manual_seed(0)
    return models.get_model(name, weights=None).eval().to(device)


def _installed(package: str) -> bool:
    code = f"import importlib.metadata as m; m.version({package!r})"
    return (
        PYTHON.exists() and subprocess.run([str(PYTHON), "-c", code], capture_output=True, check=False).returncode == 0
    )


@dataclass(frozen=True)
class Times:
    """Times and values of scoring in turns.

    Attributes:
        ours: seconds of the wall clock and of the processors (2,).
        theirs: the same (2,).
        reference: the peer's values (N,K).
        memory: our largest resident memory after each block, MiB.
    """

    ours: np.ndarray
    theirs: np.ndarray
    reference: np.ndarray
    memory: list[float]

    def per_image(self, name: str) -> dict[str, dict[str, float]]:
        """Milliseconds per image of both sides, and how many times faster ours is; ``name`` is the peer's."""
        wall, cpu = 1000 * np.stack([self.ours, self.theirs], 1) / len(self.reference)
        return {
            f"{clock}_ms_an_image": {"regard": ms[0], name: ms[1], "times_faster": ms[1] / ms[0]}
            for clock, ms in (("wall", wall), ("processor", cpu))
        }


def score_options(images: int, cores: int, data: str) -> argparse.Namespace:
    """``--images``, ``--cores`` and ``--oracle``; ends the script where ``data`` or the peers are missing."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--images", type=int, default=images)
    parser.add_argument("--cores", type=int, default=cores)
    parser.add_argument("--oracle", type=Path)
    options = parser.parse_args()
    if not options.oracle and (not os.environ.get("REGARD_DATA") or not PYTHON.exists()):
        sys.exit(f"needs REGARD_DATA with {data}/, and the peers' environment: run benchmarks/make_oracle.sh")
    return options


def serve_scores(folder: Path, arrays: Sequence[np.ndarray], width: int, score: Callable[..., Sequence[float]]) -> None:
    """The worker of `score_in_turns`: scores the images of a block, and saves all values at the end.

    Args:
        folder: of both sides.
        arrays: one item per image.
        width: number of values per image.
        score: image number and its items -> values.
    """
    values = np.full((len(arrays[0]), width), np.nan)
    score(0, *(np.array(a[0]) for a in arrays))  # compiles what is compiled at the first call

    def prepare(request: str) -> Callable[[], None]:
        block = [(b, *(np.array(a[b]) for a in arrays)) for b in json.loads(request)]

        def work() -> None:
            for item in block:
                values[item[0]] = score(*item)

        return work

    answer(prepare)
    np.save(folder / VALUES, values)


def score_in_turns(
    folder: Path,
    count: int,
    *,
    block: int,
    batch: int,
    cores: int,
    load: Callable[[slice], tuple[Any, ...]],
    score: Callable[..., None],
) -> Times:
    """Starts the calling script again as the peer's side, and scores blocks of images in turn; only scoring is timed.

    Args:
        folder: of both sides.
        count: images.
        block: images before the other side's turn.
        batch: images that we score at once.
        cores: threads of the peer's libraries.
        load: images -> arguments of ``score``.
        score: stores the values itself.
    """
    peer = Worker(PYTHON, [sys.argv[0], "--oracle", str(folder)], cores)
    ours, theirs, memory = np.zeros(2), np.zeros(2), []
    score(*load(slice(0, batch)))
    for first in range(0, count, block):
        last = min(first + block, count)
        theirs += peer.ask(json.dumps(list(range(first, last))))
        batches = [load(slice(k, min(k + batch, last))) for k in range(first, last, batch)]
        start, cpu = time.perf_counter(), time.process_time()
        for arguments in batches:
            score(*arguments)
        ours += time.perf_counter() - start, time.process_time() - cpu
        memory.append(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024)
    peer.close()
    return Times(ours, theirs, np.load(folder / VALUES), memory)
