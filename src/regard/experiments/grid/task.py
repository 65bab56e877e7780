"""One cell in a worker: its output goes to its own log, its failure is recorded, and no second worker interferes."""

from __future__ import annotations

import os
import sys
import time
import traceback
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from regard.errors import RegardError
from regard.experiments.grid.cell import FAILED_FILE, LOG_FILE, Cell, finished_record, work_of, write_result
from regard.files import make_folder, write_json
from regard.owner import InUseError, owned

_LINES = 12
"""Last lines of an error that are recorded."""


def do_cell(cell: Cell, root: Path, place: Path) -> str:
    """Does a cell in its folder below ``root``; the process ends where it fails, so that no broken state is passed on.

    Args:
        cell: what is to be done.
        root: folder of the grid.
        place: the working folder of who asks, which relative paths of the cell start from.

    Returns:
        Nothing where the cell is finished, else who else works on it.
    """
    folder = root / cell.path
    os.chdir(place)
    make_folder(folder)
    with _logged(folder / LOG_FILE):
        try:
            with owned(folder, option="--runs"):
                if finished_record(cell, root) is None:
                    begin = time.perf_counter()
                    write_result(cell, folder, work_of(cell.kind)(cell, folder), time.perf_counter() - begin)
                (folder / FAILED_FILE).unlink(missing_ok=True)
            return ""
        except InUseError as error:
            return error.owner
        except Exception as error:
            traceback.print_exc()
            write_failure(folder, str(error) if isinstance(error, RegardError) else traceback.format_exc())
    sys.exit(1)


def write_failure(folder: Path, error: str) -> None:
    """Records the last lines of an error."""
    lines = [line.rstrip() for line in error.strip().splitlines()][-_LINES:]
    write_json(folder / FAILED_FILE, {"lines": lines or ["no message"], "time": time.time()}, parents=True)


@contextmanager
def _logged(log: Path) -> Iterator[None]:
    """Sends output to the cell's log; the number of threads, which a cell may have set, is the grid's again."""
    if "torch" in sys.modules:
        sys.modules["torch"].set_num_threads(int(os.environ.get("OMP_NUM_THREADS", "1")))
    sys.stdout.flush()
    sys.stderr.flush()
    before = os.dup(1), os.dup(2)
    with log.open("ab") as file:
        os.dup2(file.fileno(), 1)
        os.dup2(file.fileno(), 2)
    try:
        yield
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        for number, old in zip((1, 2), before, strict=True):
            os.dup2(old, number)
            os.close(old)
