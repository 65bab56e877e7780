"""The workers of a grid, each in its slot: a cell in, an exit code out, a fresh process where one has ended."""

from __future__ import annotations

import json
import os
import select
import signal
import subprocess
import sys
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

from regard.grid.cell import LOG
from regard.grid.worker import DONE, HELD


@dataclass
class Slot:
    """Place for one worker.

    Args:
        environment: of its processes.
    """

    environment: dict[str, str]
    process: subprocess.Popen[str] | None = None
    busy: bool = field(default=False)

    def start(self, folder: Path, root: Path, dead: str) -> None:
        """Hands a cell to the worker; a fresh one where there is none."""
        if self.process is not None and self.process.poll() is not None:
            self.end()
        if self.process is None:
            with (folder / LOG).open("ab") as log:  # what it says before it has a cell
                self.process = subprocess.Popen(
                    [sys.executable, "-m", "regard.grid"],
                    stdin=subprocess.PIPE,
                    stdout=subprocess.PIPE,
                    stderr=log,
                    text=True,
                    env=self.environment,
                )
        assert self.process.stdin is not None
        self.busy = True
        order = json.dumps({"folder": str(folder), "root": str(root), "dead": dead})
        with suppress(BrokenPipeError):  # it ended; `poll` says how
            print(order, file=self.process.stdin, flush=True)

    def poll(self) -> int | None:
        """Exit code of the cell, or of the process that ended under it (negative: a signal); None while at work."""
        if not self.busy or self.process is None or self.process.stdout is None:
            return None
        ready, _, _ = select.select([self.process.stdout], [], [], 0)
        if not ready:
            return None
        answer = self.process.stdout.readline()
        self.busy = False
        if answer and int(answer) in (DONE, HELD):
            return int(answer)
        code = self.process.wait()  # after anything else it ends, and the next cell must not be handed to the dying
        return int(answer) if answer else code

    def interrupt(self) -> None:
        """Asks the worker to end: at once where it is at work, else for want of work."""
        if self.process is None:
            return
        if self.busy and self.process.poll() is None:
            self.process.send_signal(signal.SIGINT)
        assert self.process.stdin is not None
        with suppress(BrokenPipeError):
            self.process.stdin.close()

    def end(self, patience: float = 20.0) -> None:
        """Waits for the worker, then ends it."""
        if self.process is None:
            return
        try:
            self.process.wait(patience)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        with suppress(BrokenPipeError):
            self.process.stdin.close()
        self.process.stdout.close()
        self.process, self.busy = None, False


def slots(workers: int, threads: int) -> list[Slot]:
    """Places for workers; where there are CUDA devices each has one of them, dealt in turn."""
    devices = cuda_devices()
    found = []
    for i in range(workers):
        environment = os.environ | {"OMP_NUM_THREADS": str(threads)}
        if devices:
            environment["CUDA_VISIBLE_DEVICES"] = devices[i % len(devices)]
        found.append(Slot(environment))
    return found


def cuda_devices() -> list[str]:
    """As ``CUDA_VISIBLE_DEVICES`` names them."""
    import torch  # here: workers need no tensors to take their orders

    given = os.environ.get("CUDA_VISIBLE_DEVICES")
    count = torch.cuda.device_count()
    return (given.split(",")[:count] if given else [str(i) for i in range(count)]) if count else []
