"""Runs a grid: finished cells are skipped, unfinished ones continue, a failing one is recorded and stops no other.

Every worker is a process in a slot: it gets a cell, answers with an exit code, and is replaced where it has ended.
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
from typing import Any

from regard.errors import RegardError
from regard.experiments.grid.cell import (
    FAILED_FILE,
    LOG_FILE,
    REQUEST_FILE,
    RESULT_FILE,
    Cell,
    finished_record,
    read_object,
)
from regard.experiments.grid.claims import STALE, ClaimWatcher
from regard.experiments.grid.worker import FINISHED, INTERRUPTED, TAKEN, write_failure
from regard.files import write_json
from regard.processes import start_child


@dataclass
class Slot:
    """One worker's place; ``environment`` is that of its processes."""

    environment: dict[str, str]
    process: subprocess.Popen[str] | None = None
    busy: bool = False

    def start(self, folder: Path, root: Path, dead: str) -> None:
        """Hands a cell to the worker; starts one where there is none."""
        if self.process is not None and self.process.poll() is not None:
            self.end()
        if self.process is None:
            with (folder / LOG_FILE).open("ab") as log:  # output before the first cell
                self.process = start_child(
                    [sys.executable, "-m", "regard.experiments.grid"],
                    stdin=subprocess.PIPE,
                    stdout=subprocess.PIPE,
                    stderr=log,
                    text=True,
                    environment=self.environment,
                )
        self.busy = True
        order = json.dumps({"folder": str(folder), "root": str(root), "dead": dead})
        with suppress(BrokenPipeError):  # the process ended; `poll` returns its exit code
            print(order, file=self.process.stdin, flush=True)

    def poll(self) -> int | None:
        """Exit code of the cell, or of the process if that ended (negative: a signal); None while it runs."""
        if not self.busy or self.process is None or self.process.stdout is None:
            return None
        ready, _, _ = select.select([self.process.stdout], [], [], 0)
        if not ready:
            return None
        answer = self.process.stdout.readline()
        self.busy = False
        if answer and int(answer) in (FINISHED, TAKEN):
            return int(answer)
        code = self.process.wait()  # the process ends after any other answer: do not hand it the next cell
        return int(answer) if answer else code

    def interrupt(self) -> None:
        """Asks the worker to end: by a signal where it is busy, else by closing its input."""
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
        with suppress(BrokenPipeError), self.process:  # closes its pipes
            pass
        self.process, self.busy = None, False


def _make_slots(workers: int, threads: int) -> list[Slot]:
    """Slots for workers; CUDA devices, where there are any, are assigned in turn, one per slot."""
    import torch  # here, because a worker imports this module and may need no torch

    count = torch.cuda.device_count()
    given = os.environ.get("CUDA_VISIBLE_DEVICES")
    devices = given.split(",")[:count] if given else [str(i) for i in range(count)]
    slots = []
    for i in range(workers):
        environment = os.environ | {"OMP_NUM_THREADS": str(threads)}
        if devices:
            environment["CUDA_VISIBLE_DEVICES"] = devices[i % len(devices)]
        slots.append(Slot(environment))
    return slots


POLL = 0.2
SCAN = 2.0
"""Seconds between checks of cells that other processes have."""


@dataclass
class State:
    """The state of a cell while the grid runs.

    Attributes:
        name: ``waiting``, ``running``, ``elsewhere``, ``done`` or ``failed``.
        since: when it started here, by `time.monotonic`.
        message: the host that runs it, or the error.
    """

    name: str = "waiting"
    since: float = 0.0
    message: str = ""


_OnProgress = Callable[[Mapping[str, State]], None]
"""Called with the state of every cell, by path, a few times per second."""


@dataclass(frozen=True)
class Outcome:
    """How a grid ended.

    Attributes:
        finished: paths of cells with a result.
        failed: path -> the last lines of the error.
    """

    finished: tuple[str, ...] = ()
    failed: Mapping[str, str] = field(default_factory=dict)


def run_grid(
    cells: Sequence[Cell],
    root: Path,
    *,
    workers: int = 1,
    threads: int = 1,
    stale: float = STALE,
    on_progress: _OnProgress | None = None,
) -> Outcome:
    """Runs all cells, several at a time, in worker processes, and waits for cells that other machines run.

    Args:
        cells: in the order in which they start.
        root: folder of the grid; several machines may run the same grid in one.
        workers: processes at a time.
        threads: processor threads of each (``OMP_NUM_THREADS``).
        stale: seconds without an update after which another machine's cell is taken over.
        on_progress: called with the state of every cell, by path, a few times per second.

    A cell that failed in an earlier run is tried again. On a machine with several CUDA devices each worker has one
    of them, assigned in turn.

    Raises:
        RegardError: two cells have the same folder, or a number is below 1.
    """
    if workers < 1 or threads < 1:
        raise RegardError(f"workers={workers}, threads={threads}: both must be at least 1")
    paths = [cell.path for cell in cells]
    if len(set(paths)) < len(paths):
        twice = next(path for path in paths if paths.count(path) > 1)
        raise RegardError(f"two cells of the grid have the folder {twice}; give arms other names")
    return _Run(cells, root, _make_slots(workers, threads), ClaimWatcher(stale), on_progress).run()


def estimate_time(cells: Sequence[Cell], root: Path, workers: int) -> tuple[list[bool], float | None]:
    """Which cells are finished, and how many seconds the others will take; None where no cell is finished.

    A cell is expected to take its size times the median rate of finished cells of its arm, else of all arms.
    """
    rates: dict[str, list[float]] = {}
    for cell in cells:
        record = read_object(root / cell.path / RESULT_FILE)
        if record is not None:
            rates.setdefault(cell.arm, []).append(record["seconds"] / max(record["size"], 1e-9))
    finished = [finished_record(cell, root) is not None for cell in cells]
    if not rates:
        return finished, 0.0 if all(finished) else None
    usual = statistics.median(rate for of_arm in rates.values() for rate in of_arm)
    left = [c for c, is_done in zip(cells, finished, strict=True) if not is_done]
    each = [c.size * (statistics.median(rates[c.arm]) if c.arm in rates else usual) for c in left]
    return finished, max(sum(each) / workers, max(each, default=0.0))


@dataclass
class _Run:
    cells: Sequence[Cell]
    root: Path
    slots: list[Slot]
    watch: ClaimWatcher
    on_progress: _OnProgress | None
    at_work: dict[int, Cell] = field(default_factory=dict)
    states: dict[str, State] = field(default_factory=dict)
    earlier: dict[str, object] = field(default_factory=dict)

    def run(self) -> Outcome:
        self.states = {cell.path: State() for cell in self.cells}
        self.earlier = {cell.path: self._failure(cell).get("time") for cell in self.cells}
        scanned = -SCAN
        try:
            while True:
                self._reap()
                if time.monotonic() - scanned >= SCAN:
                    self._scan()
                    scanned = time.monotonic()
                self._start()
                if self.on_progress is not None:
                    self.on_progress(self.states)
                if all(state.name in ("done", "failed") for state in self.states.values()):
                    break
                time.sleep(POLL)
        finally:  # an interrupted cell continues from its last checkpoint next time
            for slot in self.slots:
                slot.interrupt()
            for slot in self.slots:
                slot.end()
        return Outcome(
            tuple(path for path, state in self.states.items() if state.name == "done"),
            {path: state.message for path, state in self.states.items() if state.name == "failed"},
        )

    def _scan(self) -> None:
        """Updates cells that other processes have, and those that were finished before."""
        for cell in self.cells:
            if self.states[cell.path].name not in ("waiting", "elsewhere"):
                continue
            if finished_record(cell, self.root) is not None:
                self.states[cell.path] = State("done")
            elif (holder := self.watch.holder(self.root / cell.path)) is not None:
                self.states[cell.path] = State("elsewhere", message=holder)
            elif self._failed_now(cell):
                self.states[cell.path] = State(
                    "failed", message="\n".join(self._failure(cell).get("lines", ["no message"]))
                )
            else:
                self.states[cell.path] = State()

    def _start(self) -> None:
        for i, slot in enumerate(self.slots):
            cell = next((c for c in self.cells if self.states[c.path].name == "waiting"), None)
            if i in self.at_work or cell is None:
                continue
            folder = self.root / cell.path
            write_json(folder / REQUEST_FILE, cell.request | {"size": cell.size}, parents=True)
            slot.start(folder, self.root, self.watch.dead_claim(folder))
            self.at_work[i] = cell
            self.states[cell.path] = State("running", time.monotonic())

    def _reap(self) -> None:
        for i, slot in enumerate(self.slots):
            if i not in self.at_work or (code := slot.poll()) is None:
                continue
            cell = self.at_work.pop(i)
            if code == 0 and finished_record(cell, self.root) is not None:
                self.states[cell.path] = State("done")
            elif code == TAKEN:
                self.states[cell.path] = State("elsewhere")
            elif code == INTERRUPTED:
                raise KeyboardInterrupt
            else:
                if not self._failed_now(cell):
                    self._record(cell, code)
                self.states[cell.path] = State(
                    "failed", message="\n".join(self._failure(cell).get("lines", ["no message"]))
                )

    def _record(self, cell: Cell, code: int) -> None:
        """Records the failure of a worker that was killed."""
        folder = self.root / cell.path
        how = f"was killed by {signal.Signals(-code).name}" if code < 0 else f"ended with code {code}"
        log = folder / LOG_FILE
        output = log.read_text(errors="replace") if log.exists() else ""
        write_failure(folder, f"{output}\nthe worker {how}")

    def _failure(self, cell: Cell) -> dict[str, Any]:
        return read_object(self.root / cell.path / FAILED_FILE) or {}

    def _failed_now(self, cell: Cell) -> bool:
        """Whether the cell failed since this grid began."""
        return self._failure(cell).get("time") not in (None, self.earlier[cell.path])
