"""A worker: a process that does one cell after the other, as requested on its standard input.

`python -m regard.experiments.grid`; a line is ``{"folder": ..., "root": ..., "dead": ...}``, an answer a number like
an exit code. What a cell prints goes to its own log. A worker imports once for all its cells; after a cell that failed
the process ends and the next cell gets a fresh one, so that a broken state is not passed on.
"""

from __future__ import annotations

import json
import os
import sys
import time
import traceback
from pathlib import Path
from typing import TextIO

from regard.errors import RegardError
from regard.experiments.grid.cell import (
    FAILED_FILE,
    LOG_FILE,
    REQUEST_FILE,
    Cell,
    finished_record,
    read_object,
    work_of,
    write_result,
)
from regard.experiments.grid.claims import ClaimWatcher
from regard.files import remove_leftovers, write_json

FINISHED, FAILURE = 0, 1
TAKEN = 75
"""Another process has the cell."""
INTERRUPTED = 130
_LINES = 12
"""Last lines of an error that are recorded."""


def serve(requests: TextIO) -> int:
    """Does cells until there are no more or one fails; returns the exit code of the process."""
    answers = os.fdopen(os.dup(1), "w")
    while line := _next(requests):
        request = json.loads(line)
        folder = Path(request["folder"])
        _prepare(folder / LOG_FILE)
        code = work(folder, Path(request["root"]), request["dead"])
        sys.stdout.flush()
        try:
            print(code, file=answers, flush=True)
        except BrokenPipeError:  # the grid's process is gone; the cell is done
            return code
        if code not in (FINISHED, TAKEN):
            return code
    return FINISHED


def work(folder: Path, root: Path, dead: str = "") -> int:
    """Does the cell in ``folder``, a path below ``root``; ``dead`` names a claim that may be replaced."""
    request = read_object(folder / REQUEST_FILE)
    if request is None:
        raise RegardError(f"{folder}: no {REQUEST_FILE}; cells are made by `regard table`, `sweep` and `study`")
    path = folder.relative_to(root).as_posix()
    cell = Cell(path, request["arm"], request["seed"], request["kind"], request["spec"], request["size"])
    claim = ClaimWatcher().claim(folder, dead)
    if claim is None:
        return TAKEN
    finished = False
    try:
        remove_leftovers(folder)
        if finished_record(cell, root) is not None:
            finished = True
            return FINISHED
        begin = time.perf_counter()
        with claim.beating():
            result = work_of(cell.kind)(cell, folder)
            write_result(cell, folder, result, time.perf_counter() - begin)
        (folder / FAILED_FILE).unlink(missing_ok=True)
        finished = True
        return FINISHED
    except KeyboardInterrupt:
        return INTERRUPTED
    except Exception as error:
        traceback.print_exc()
        write_failure(folder, str(error) if isinstance(error, RegardError) else traceback.format_exc())
        return FAILURE
    finally:
        claim.release(finished=finished)


def write_failure(folder: Path, error: str) -> None:
    """Records the last lines of an error."""
    lines = [line.rstrip() for line in error.strip().splitlines()][-_LINES:]
    write_json(folder / FAILED_FILE, {"lines": lines or ["no message"], "time": time.time()}, parents=True)


def _next(requests: TextIO) -> str:
    try:
        return requests.readline()
    except KeyboardInterrupt:
        return ""


def _prepare(log: Path) -> None:
    """Sends output to the cell's log; the number of threads, which the last cell may have set, is the grid's again."""
    sys.stdout.flush()
    sys.stderr.flush()
    with log.open("ab") as file:
        os.dup2(file.fileno(), 1)
        os.dup2(file.fileno(), 2)
    if "torch" in sys.modules:
        sys.modules["torch"].set_num_threads(int(os.environ.get("OMP_NUM_THREADS", "1")))
