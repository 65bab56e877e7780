"""Kills a piece of work at any place where it changes a folder: for tests that it goes on to the same end.

The work runs in a fork of a process that has imported everything but has computed nothing yet. An audit hook sees every
file that is opened for writing, renamed, linked, made or removed below a folder, and ends the process by a signal
*before* the n-th of these; so a kill falls between any two of them, with a temporary file that is whole or empty. The
program itself is not changed.
"""

from __future__ import annotations

import json
import os
import sys
import time
import traceback
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any, NamedTuple

from regard.owner import OWNER_FILE, owned
from regard.types import RegardError

_CHANGES = {"os.rename": 2, "os.link": 2, "os.remove": 1, "os.rmdir": 1, "os.mkdir": 1, "os.truncate": 1}
"""Audit events that change a folder, and how many of their arguments are paths."""
_WRITES = os.O_WRONLY | os.O_RDWR | os.O_CREAT | os.O_TRUNC | os.O_APPEND


class Ended(NamedTuple):
    """How a process ended: its exit code (negative: a signal), the points that it passed, what it printed."""

    code: int
    points: list[str]
    output: str


class Child:
    """What stands for a `subprocess.Popen` of ``python -m regard ...``: a fork, which needs no second to import.

    It learns of its parent's end by the same pipe.
    """

    def __init__(self, command: list[str], *, stdout: Any, environment: dict[str, str], **_: Any) -> None:
        from regard.cli import main

        read, self._pipe = os.pipe()
        self.returncode: int | None = None
        self.pid = os.fork()
        if self.pid == 0:
            code = 70
            try:
                os.close(self._pipe)
                os.dup2(stdout.fileno(), 1)
                os.dup2(stdout.fileno(), 2)
                os.environ.update(environment, REGARD_PARENT_PIPE=str(read))
                code = main(command[command.index("regard") + 1 :])
            except BaseException:
                traceback.print_exc()
            finally:
                sys.stdout.flush()
                sys.stderr.flush()
                os._exit(code)
        os.close(read)

    def wait(self, timeout: float | None = None) -> int:
        """The exit code, when it has ended."""
        if self.returncode is None:
            self.returncode = os.waitstatus_to_exitcode(os.waitpid(self.pid, 0)[1])
        return self.returncode

    def terminate(self) -> None:
        """Asks it to end."""
        if self.returncode is None:
            os.kill(self.pid, 15)


def run(
    work: Callable[[], Any],
    watched: Path,
    scratch: Path,
    *,
    die_at: int | None = None,
    by: int = 9,
    child: bool = False,
) -> Ended:
    """Runs work in a fork; it gets the signal ``by`` before its write number ``die_at`` (from 0) below ``watched``.

    Args:
        work: raises nothing where it is done; an int that it returns is the exit code.
        watched: the folder whose changes are counted.
        scratch: a folder outside it, for the list of points and the output.
        die_at: None lets it end by itself.
        by: number of the signal.
        child: count the writes of a process that the work forks, and send the signal there.
    """
    scratch.mkdir(parents=True, exist_ok=True)
    points, output = scratch / "points.jsonl", scratch / "output.txt"
    points.unlink(missing_ok=True)
    process = os.fork()
    if process == 0:
        code = 70
        try:
            log = os.open(output, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o644)
            os.dup2(log, 1)
            os.dup2(log, 2)
            _watch(watched.resolve(), os.open(points, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o644), die_at, by, child)
            result = work()
            code = result if isinstance(result, int) else 0
        except BaseException:
            traceback.print_exc()
        finally:
            sys.stdout.flush()
            sys.stderr.flush()
            os._exit(code)
    _, status = os.waitpid(process, 0)
    passed = points.read_text().splitlines() if points.exists() else []
    return Ended(os.waitstatus_to_exitcode(status), passed, output.read_text(errors="replace"))


def _watch(folder: Path, points: int, die_at: int | None, by: int, child: bool) -> None:
    seen, busy, inside, process = 0, False, str(folder) + os.sep, os.getpid()

    def hook(event: str, arguments: tuple[Any, ...]) -> None:
        nonlocal seen, busy
        paths: tuple[Any, ...] = ()
        if event == "open" and isinstance(arguments[2], int) and arguments[2] & _WRITES:
            paths = arguments[:1]
        elif event in _CHANGES:
            paths = arguments[: _CHANGES[event]]
        if busy or not paths or (os.getpid() != process) != child:
            return
        named = [os.path.abspath(os.fsdecode(p)) for p in paths if isinstance(p, str | bytes | os.PathLike)]  # noqa: PTH100
        if not any(path.startswith(inside) for path in named):
            return
        busy = True
        try:
            os.write(points, (json.dumps([event, *(path.removeprefix(inside) for path in named)]) + "\n").encode())
            seen += 1
            if seen - 1 == die_at:
                os.kill(os.getpid(), by)
        finally:
            busy = False

    sys.addaudithook(hook)


def wait_for_orphans(folder: Path, patience: float = 30.0) -> bool:
    """Waits until nobody owns a folder or one inside it any more; whether that came to be."""
    end = time.monotonic() + patience
    for path in folder.rglob(OWNER_FILE):
        while time.monotonic() < end:
            with suppress(RegardError), owned(path.parent):
                break
            time.sleep(0.05)
        else:
            return False
    return True


def files_of(folder: Path) -> set[str]:
    """The files below a folder, by their path in it."""
    return {path.relative_to(folder).as_posix() for path in folder.rglob("*") if not path.is_dir()}
