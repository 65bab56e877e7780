"""A worker: a process that does one cell after the other, as the grid tells it on its standard input.

`python -m regard.experiments.grid`; a line is ``{"folder": ..., "root": ..., "dead": ...}``, an answer a number as
an exit code. What a cell prints goes to its own log. After a cell that failed the process ends, and the next cell gets
a fresh one; imports are thus paid once a worker, and what broke breaks nothing else.
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
from regard.experiments.grid.cell import FAILED, LOG, WANTED, Cell, done, read_json, work_of, write_result
from regard.experiments.grid.claims import Watch
from regard.files import write_json

FINISHED, FAILURE = 0, 1
HELD = 75
"""Somebody else has the cell."""
INTERRUPTED = 130
LINES = 12


def serve(requests: TextIO) -> int:
    """Does cells until there are no more, or one fails; the exit code of the process."""
    answers = os.fdopen(os.dup(1), "w")
    while line := _next(requests):
        asked = json.loads(line)
        folder = Path(asked["folder"])
        _say_into(folder / LOG)
        _reset_threads()
        code = work(folder, Path(asked["root"]), asked["dead"])
        sys.stdout.flush()
        try:
            print(code, file=answers, flush=True)
        except BrokenPipeError:  # the grid is gone; what was at work is done
            return code
        if code not in (FINISHED, HELD):
            return code
    return FINISHED


def work(folder: Path, root: Path, dead: str = "") -> int:
    """Does the cell in ``folder``, a path below ``root``, over a ``dead`` claim."""
    wanted = read_json(folder / WANTED)
    if wanted is None:
        raise RegardError(f"{folder}: no {WANTED}; cells are made by `regard table` and its kin")
    path = folder.relative_to(root).as_posix()
    cell = Cell(path, wanted["arm"], wanted["seed"], wanted["kind"], wanted["spec"], wanted["size"])
    claim = Watch().claim(folder, dead)
    if claim is None:
        return HELD
    try:
        if done(cell, root) is not None:
            return FINISHED
        begin = time.perf_counter()
        with claim.beating():
            result = work_of(cell.kind)(cell, folder)
            write_result(cell, folder, result, time.perf_counter() - begin)
        (folder / FAILED).unlink(missing_ok=True)
        return FINISHED
    except KeyboardInterrupt:
        return INTERRUPTED
    except Exception as error:
        traceback.print_exc()
        write_failure(folder, str(error) if isinstance(error, RegardError) else traceback.format_exc())
        return FAILURE
    finally:
        claim.release()


def write_failure(folder: Path, said: str) -> None:
    """Records the last lines of what went wrong."""
    lines = [line.rstrip() for line in said.strip().splitlines()][-LINES:]
    write_json(folder / FAILED, {"lines": lines or ["no message"], "time": time.time()}, parents=True)


def _next(requests: TextIO) -> str:
    try:
        return requests.readline()
    except KeyboardInterrupt:
        return ""


def _say_into(log: Path) -> None:
    sys.stdout.flush()
    sys.stderr.flush()
    with log.open("ab") as file:
        os.dup2(file.fileno(), 1)
        os.dup2(file.fileno(), 2)


def _reset_threads() -> None:
    """A cell may set its own number of threads; the next begins with the grid's."""
    if "torch" in sys.modules:
        sys.modules["torch"].set_num_threads(int(os.environ.get("OMP_NUM_THREADS", "1")))
