"""The process that does one cell: claims it, works, writes what came of it.

python -m regard.study.grid.worker FOLDER        FOLDER holds wanted.json
"""

from __future__ import annotations

import time
import traceback
from pathlib import Path

from regard.study.grid.cell import FAILED, WANTED, Cell, done, read_json, work_of, write_json, write_result
from regard.study.grid.claims import Watch
from regard.types import RegardError

HELD = 75
"""Exit code: somebody else has the cell."""
INTERRUPTED = 130
LINES = 12


def work(folder: Path, root: Path, dead: str = "") -> int:
    """Does the cell in ``folder``, a path below ``root``, over a ``dead`` claim; the exit code of the process."""
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
            return 0
        begin = time.perf_counter()
        with claim.beating():
            result = work_of(cell.kind)(cell, folder)
            write_result(cell, folder, result, time.perf_counter() - begin)
        (folder / FAILED).unlink(missing_ok=True)
        return 0
    except KeyboardInterrupt:
        return INTERRUPTED
    except Exception as error:
        traceback.print_exc()
        said = str(error) if isinstance(error, RegardError) else traceback.format_exc()
        write_failure(folder, said)
        return 1
    finally:
        claim.release()


def write_failure(folder: Path, said: str) -> None:
    """Records the last lines of what went wrong."""
    lines = [line.rstrip() for line in said.strip().splitlines()][-LINES:]
    write_json(folder / FAILED, {"lines": lines or ["no message"], "time": time.time()})
