"""Runs a grid: finished cells are skipped, half-done ones go on, a failing one is recorded and loses no other.

The workers of a grid, each in its slot: a cell in, an exit code out, a fresh process where one has ended.
"""

from __future__ import annotations

import json
import os
import select
import signal
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

from regard.errors import RegardError
from regard.experiments.grid.cell import DONE, FAILED, LOG, WANTED, Cell, done, read_json
from regard.experiments.grid.claims import Watch
from regard.experiments.grid.worker import FINISHED, HELD, INTERRUPTED, write_failure
from regard.files import write_json


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
                    [sys.executable, "-m", "regard.experiments.grid"],
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
        if answer and int(answer) in (FINISHED, HELD):
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


POLL = 0.2
SCAN = 2.0
"""Seconds between looks at cells that others have."""


@dataclass
class State:
    """Where a cell stands, while the grid runs.

    Attributes:
        name: ``waiting``, ``running``, ``elsewhere``, ``done`` or ``failed``.
        since: when it began here, by `time.monotonic`.
        said: host at work, or the last line of what went wrong.
    """

    name: str = "waiting"
    since: float = 0.0
    said: str = ""


_Tell = Callable[[Mapping[str, State]], None]
"""Shown the state of every cell, by path, a few times a second."""


@dataclass(frozen=True)
class Outcome:
    """How a grid ended.

    Attributes:
        finished: paths of cells with a result.
        failed: path -> the last lines of what went wrong.
    """

    finished: tuple[str, ...] = ()
    failed: Mapping[str, str] = field(default_factory=dict)


def run_grid(
    cells: Sequence[Cell],
    root: Path,
    *,
    workers: int = 1,
    threads: int = 1,
    stale: float | None = None,
    tell: _Tell | None = None,
) -> Outcome:
    """Runs all cells, several at a time, each in a process of its own, and waits for those that others have.

    Args:
        cells: in the order in which they begin.
        root: folder of the grid; several machines may run the same grid in one.
        workers: processes at a time.
        threads: processor threads of each (``OMP_NUM_THREADS``).
        stale: seconds without a sign of life after which another machine's cell is taken over.
        tell: is shown how it goes.

    A cell that failed in an earlier run is tried again. On a machine with several CUDA devices each worker has one of
    them, dealt in turn.

    Raises:
        RegardError: two cells have one folder, or a number makes no sense.
    """
    if workers < 1 or threads < 1:
        raise RegardError(f"workers={workers}, threads={threads}: both must be at least 1")
    if len({cell.path for cell in cells}) < len(cells):
        paths = [cell.path for cell in cells]
        twice = next(path for path in paths if paths.count(path) > 1)
        raise RegardError(f"two cells of the grid have the folder {twice}; give arms other names")
    return _Run(cells, root, slots(workers, threads), Watch() if stale is None else Watch(stale), tell).run()


def estimate(cells: Sequence[Cell], root: Path, workers: int) -> tuple[list[bool], float | None]:
    """Which cells are finished, and how many seconds the others will take, by what cells of the arm, or else of any
    arm, took for their size; None where nothing is finished.
    """
    held = [read_json(root / cell.path / DONE) for cell in cells]
    rates: dict[str, list[float]] = {}
    for cell, said in zip(cells, held, strict=True):
        if said is not None:
            rates.setdefault(cell.arm, []).append(said["seconds"] / max(said["size"], 1e-9))
    finished = [done(cell, root) is not None for cell in cells]
    if not rates:
        return finished, 0.0 if all(finished) else None
    usual = statistics.median(r for found in rates.values() for r in found)
    left = [c for c, is_done in zip(cells, finished, strict=True) if not is_done]
    each = [c.size * (statistics.median(rates[c.arm]) if c.arm in rates else usual) for c in left]
    return finished, max(sum(each) / workers, max(each, default=0.0))


@dataclass
class _Run:
    cells: Sequence[Cell]
    root: Path
    slots: list[Slot]
    watch: Watch
    tell: _Tell | None
    at_work: dict[int, Cell] = field(default_factory=dict)
    states: dict[str, State] = field(default_factory=dict)
    earlier: dict[str, object] = field(default_factory=dict)

    def run(self) -> Outcome:
        self.states = {cell.path: State() for cell in self.cells}
        self.earlier = {cell.path: self._failure(cell) for cell in self.cells}
        scanned = -SCAN
        try:
            while True:
                self._reap()
                if time.monotonic() - scanned >= SCAN:
                    self._scan()
                    scanned = time.monotonic()
                self._start()
                if self.tell is not None:
                    self.tell(self.states)
                if all(state.name in ("done", "failed") for state in self.states.values()):
                    break
                time.sleep(POLL)
        finally:  # what still runs goes on from its last checkpoint next time
            for slot in self.slots:
                slot.interrupt()
            for slot in self.slots:
                slot.end()
        return Outcome(
            tuple(path for path, state in self.states.items() if state.name == "done"),
            {path: state.said for path, state in self.states.items() if state.name == "failed"},
        )

    def _scan(self) -> None:
        """What others did meanwhile, and what was done before."""
        for cell in self.cells:
            if self.states[cell.path].name not in ("waiting", "elsewhere"):
                continue
            if done(cell, self.root) is not None:
                self.states[cell.path] = State("done")
            elif (holder := self.watch.holder(self.root / cell.path)) is not None:
                self.states[cell.path] = State("elsewhere", said=holder)
            elif (failure := self._failure(cell)) is not None and failure != self.earlier[cell.path]:
                self.states[cell.path] = State("failed", said=self._said(cell))
            else:
                self.states[cell.path] = State()

    def _start(self) -> None:
        for i, slot in enumerate(self.slots):
            cell = next((c for c in self.cells if self.states[c.path].name == "waiting"), None)
            if i in self.at_work or cell is None:
                continue
            folder = self.root / cell.path
            write_json(folder / WANTED, cell.asked | {"size": cell.size}, parents=True)
            slot.start(folder, self.root, self.watch.dead(folder))
            self.at_work[i] = cell
            self.states[cell.path] = State("running", time.monotonic())

    def _reap(self) -> None:
        for i, slot in enumerate(self.slots):
            if i not in self.at_work or (code := slot.poll()) is None:
                continue
            cell = self.at_work.pop(i)
            if code == 0 and done(cell, self.root) is not None:
                self.states[cell.path] = State("done")
            elif code == HELD:
                self.states[cell.path] = State("elsewhere")
            elif code == INTERRUPTED:
                raise KeyboardInterrupt
            else:
                failure = self._failure(cell)
                if failure is None or failure == self.earlier[cell.path]:
                    self._record(cell, code)
                self.states[cell.path] = State("failed", said=self._said(cell))

    def _record(self, cell: Cell, code: int) -> None:
        """What a worker that was killed could not say itself."""
        folder = self.root / cell.path
        how = f"was killed by {signal.Signals(-code).name}" if code < 0 else f"ended with code {code}"
        log = folder / LOG
        said = log.read_text(errors="replace") if log.exists() else ""
        write_failure(folder, f"{said}\nthe worker {how}")

    def _failure(self, cell: Cell) -> object:
        said = read_json(self.root / cell.path / FAILED)
        return None if said is None else said.get("time")

    def _said(self, cell: Cell) -> str:
        said = read_json(self.root / cell.path / FAILED) or {}
        return "\n".join(said.get("lines", ["no message"]))
