"""Two or more libraries at the same work, each in a process and an environment of its own, taking turns.

A benchmark's file is its own worker: with ``--side NAME`` it calls `serve`, which answers each line on stdin, ``whole``
or ``forwards``, with wall and processor seconds of the whole work, or of its network's forwards alone in batches of the
same sizes. Without, it opens a `Side` a library and lets `take_turns` measure.
"""

from __future__ import annotations

import importlib
import os
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

ORACLE = Path(__file__).resolve().parent.parent / ".venv-oracle/bin/python"


def serve(model: Any, size: tuple[int, int], whole: Callable[[], object]) -> None:
    """The worker: runs `whole` once to count its forwards, says ``ready``, then answers."""
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

    print("ready", flush=True)
    for line in sys.stdin:
        start, processor = time.perf_counter(), time.process_time()
        (whole if line.strip() == "whole" else forwards)()
        if device.type == "cuda":
            torch.cuda.synchronize()
        print(time.perf_counter() - start, time.process_time() - processor, sum(needed), flush=True)


class Side:
    """One library's process.

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
        command = [sys.executable if package is None else str(ORACLE), "-W", "ignore", file, "--side", name, *arguments]
        environment = os.environ | {"OMP_NUM_THREADS": str(cores), "PYTHONPATH": ""}
        self.process = subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=environment, bufsize=1
        )
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        self.ask, self.answer = self.process.stdin, self.process.stdout
        if self.answer.readline().strip() != "ready":
            sys.exit(f"{name} failed; see above")

    def run(self, what: str) -> None:
        """``whole`` or ``forwards``, once."""
        self.ask.write(what + "\n")
        seconds, processor, forwards = self.answer.readline().split()
        self.times[what].append((float(seconds), float(processor)))
        self.forwards = int(forwards)

    def close(self) -> None:
        """Ends the process."""
        self.ask.close()
        self.process.wait()

    def found(self, images: int) -> dict[str, float]:
        """Medians: milliseconds a forward, bare and with everything, and the overhead, whole / forwards - 1.

        The overhead in processor time hardly depends on what else the machine does.
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
    """Every side's numbers by name; who is not installed is named and left out. The order turns with each repeat."""
    for name, side in sides.items():
        if side.why:
            print(f"{name} is left out: {side.why}")
    there = {name: side for name, side in sides.items() if not side.why}
    for repeat in range(repeats):
        turn = 1 if repeat % 2 else -1
        for side in list(there.values())[::turn]:
            for what in ("whole", "forwards")[::turn]:
                side.run(what)
    for side in there.values():
        side.close()
    found = {name: side.found(images) for name, side in there.items()}
    for name, values in found.items():
        print(f"{name:<22} {values['forwards_an_image']:.2f} forwards an image, ", end="")
        print(f"{values['milliseconds_a_forward']:.1f} ms a forward, {values['overhead']:.1%} beyond it ", end="")
        print(f"({values['overhead_in_processor_time']:.1%} in processor time)")
    return found


def peer_version(package: str) -> str:
    """The version in ``.venv-oracle``."""
    code = f"import importlib.metadata as m; print(m.version({package!r}))"
    return subprocess.run([str(ORACLE), "-c", code], capture_output=True, text=True, check=True).stdout.strip()


def network(name: str, device: str = "cpu") -> Any:
    """One of torchvision's, with random weights from seed 0: they do not change speed."""
    torch, models = importlib.import_module("torch"), importlib.import_module("torchvision.models")
    torch.manual_seed(0)
    return models.get_model(name, weights=None).eval().to(device)


def _installed(package: str) -> bool:
    code = f"import importlib.metadata as m; m.version({package!r})"
    return (
        ORACLE.exists() and subprocess.run([str(ORACLE), "-c", code], capture_output=True, check=False).returncode == 0
    )
