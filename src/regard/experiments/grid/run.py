"""Runs a grid: finished cells are skipped, unfinished ones continue, a failing one is recorded and stops no other.

Cells are tasks of Ray. What is finished is said by files alone, so that a grid may be stopped anywhere and continued
anywhere, also by several processes at once.
"""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import redirect_stdout, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from regard.errors import RegardError
from regard.experiments.grid.cell import FAILED_FILE, LOG_FILE, Cell, finished_record, read_object
from regard.experiments.grid.engine import check_processors, engine, gpus_of_cell
from regard.experiments.grid.store import CellStore
from regard.experiments.grid.task import do_cell, write_failure

POLL = 0.1
SCAN = 2.0
"""Seconds between looks at cells that other processes have."""
TRIES = 3
"""Times that a cell is begun whose worker ends without an answer: it was killed, or its machine is gone."""


@dataclass
class State:
    """The state of a cell while the grid runs.

    Attributes:
        name: ``waiting``, ``running``, ``elsewhere``, ``done`` or ``failed``.
        since: when it got into this state, by `time.monotonic`.
        message: who else runs it, or the error.
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
    workers: int | None = 1,
    threads: int = 1,
    gpus: float | None = None,
    address: str | None = None,
    store: CellStore | None = None,
    on_progress: _OnProgress | None = None,
) -> Outcome:
    """Runs all cells, several at a time, in worker processes, and waits for cells that other processes run.

    A cell that failed in an earlier run is tried again. One whose worker was killed, or whose machine is gone, goes on
    from its last checkpoint, `TRIES` times at most.

    Args:
        cells: in the order in which they start.
        root: folder of the grid; on a cluster, one that all its machines see under this path.
        workers: cells at a time; None for as many as the cluster has room for.
        threads: processors of each (``OMP_NUM_THREADS``).
        gpus: of each, a part of one or a whole number; None for one each, or equal parts where there are fewer.
        address: None for this machine; of a Ray cluster, ``HOST:PORT``, or ``auto``.
        store: where finished cells are kept, too; those that it has count as finished.
        on_progress: called with the state of every cell, by path, a few times per second.

    Raises:
        RegardError: two cells have the same folder, a number is below 1, or there is no such cluster.
    """
    if (workers is not None and workers < 1) or threads < 1:
        raise RegardError(f"workers={workers}, threads={threads}: both must be at least 1")
    paths = [cell.path for cell in cells]
    if len(set(paths)) < len(paths):
        twice = next(path for path in paths if paths.count(path) > 1)
        raise RegardError(f"two cells of the grid have the folder {twice}; give arms other names")
    if workers is None and address is None:
        workers = 1
    if store is not None:
        store.fetch(cells, root)
    if all(finished_record(cell, root) is not None for cell in cells):
        return Outcome(tuple(paths))
    environment = {name: value for name, value in os.environ.items() if name.startswith("REGARD_")}
    environment["OMP_NUM_THREADS"] = str(threads)
    run = _Run(cells, root.resolve(), workers or len(cells), on_progress, store)
    for _ in range(TRIES):
        with redirect_stdout(sys.stderr), engine(address, threads * (workers or 1)) as ray:  # Ray prints who was killed
            check_processors(ray, threads)
            part = gpus_of_cell(ray, gpus, workers)
            how = {"num_cpus": threads, "num_gpus": part, "max_retries": 0, "runtime_env": {"env_vars": environment}}
            with suppress(ray.exceptions.LocalRayletDiedError):
                return run.finish(ray, ray.remote(do_cell).options(**how))
    raise RegardError(f"Ray's own process on this machine was killed {TRIES} times; the same command goes on")


@dataclass
class _Run:
    cells: Sequence[Cell]
    root: Path
    workers: int
    on_progress: _OnProgress | None
    store: CellStore | None = None
    at_work: dict[Any, Cell] = field(default_factory=dict)
    states: dict[str, State] = field(default_factory=dict)
    begun: dict[str, int] = field(default_factory=dict)
    earlier: dict[str, object] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.states = {cell.path: State() for cell in self.cells}
        self.begun = {cell.path: 0 for cell in self.cells}
        self.earlier = {cell.path: self._failure(cell).get("time") for cell in self.cells}

    def finish(self, ray: Any, task: Any) -> Outcome:
        """Runs what is not settled yet, as a task of Ray for each cell."""
        scanned = -SCAN
        try:
            while True:
                if time.monotonic() - scanned >= SCAN:
                    self._scan()
                    scanned = time.monotonic()
                self._start(task)
                if self.on_progress is not None:
                    self.on_progress(self.states)
                if all(state.name in ("done", "failed") for state in self.states.values()):
                    break
                self._settle(ray)
        finally:  # an interrupted cell continues from its last checkpoint next time
            for running, cell in self.at_work.items():
                ray.cancel(running, force=True)
                self._set(cell, "waiting")
            self.at_work = {}
        return Outcome(
            tuple(path for path, state in self.states.items() if state.name == "done"),
            {path: state.message for path, state in self.states.items() if state.name == "failed"},
        )

    def _scan(self) -> None:
        """Cells that were finished before, or by other processes; those that others have given up are free again."""
        for cell in self.cells:
            if self.states[cell.path].name not in ("waiting", "elsewhere"):
                continue
            if finished_record(cell, self.root) is not None:
                self._set(cell, "done")
            elif self._failed_now(cell):
                self._fail(cell)
            elif self.states[cell.path].name == "elsewhere" and time.monotonic() - self.states[cell.path].since > SCAN:
                self._set(cell, "waiting")

    def _start(self, task: Any) -> None:
        waiting = (cell for cell in self.cells if self.states[cell.path].name == "waiting")
        for cell in waiting:
            if len(self.at_work) >= self.workers:
                return
            self.begun[cell.path] += 1
            self.at_work[task.remote(cell, self.root, Path.cwd())] = cell
            self._set(cell, "running")

    def _settle(self, ray: Any) -> None:
        """Waits a moment for cells that end, and reads their answers."""
        time.sleep(POLL)  # not inside `ray.wait`, which turns a signal's exception into a SystemError
        ended = ray.wait(list(self.at_work), num_returns=len(self.at_work), timeout=0)[0] if self.at_work else ()
        for task in ended:
            cell = self.at_work[task]
            try:
                owner = ray.get(task)
            except ray.exceptions.LocalRayletDiedError:
                raise
            except ray.exceptions.RayError as error:
                del self.at_work[task]
                self._lost(cell, error, refused=isinstance(error, ray.exceptions.RayTaskError))
                continue
            del self.at_work[task]
            if owner:
                self.begun[cell.path] -= 1
                self._set(cell, "elsewhere", owner)
            elif finished_record(cell, self.root) is not None:
                if self.store is not None:
                    self.store.keep(cell, self.root)
                self._set(cell, "done")
            else:
                self._fail(cell, f"finished, but not in {self.root / cell.path}: all machines must share the folder")

    def _lost(self, cell: Cell, error: Exception, *, refused: bool) -> None:
        """A worker ended without an answer: after a failure, which it has recorded, or because it was killed."""
        if refused:
            self._fail(cell, str(error))
        elif self._failed_now(cell):
            self._fail(cell)
        elif self.begun[cell.path] < TRIES:
            self._set(cell, "waiting")
        else:
            log = self.root / cell.path / LOG_FILE
            output = log.read_text(errors="replace") if log.exists() else ""
            why = next(iter(str(error).strip().splitlines()), type(error).__name__)
            self._fail(cell, f"{output}\nits worker ended {TRIES} times without an answer, killed or crashed: {why}")

    def _fail(self, cell: Cell, error: str = "") -> None:
        """The cell has failed; records an error that is not recorded yet."""
        if error:
            write_failure(self.root / cell.path, error)
        self._set(cell, "failed", "\n".join(self._failure(cell).get("lines", ["no message"])))

    def _set(self, cell: Cell, name: str, message: str = "") -> None:
        self.states[cell.path] = State(name, time.monotonic(), message)

    def _failure(self, cell: Cell) -> dict[str, Any]:
        return read_object(self.root / cell.path / FAILED_FILE) or {}

    def _failed_now(self, cell: Cell) -> bool:
        """Whether the cell failed since this grid began."""
        return self._failure(cell).get("time") not in (None, self.earlier[cell.path])
