"""Kills a piece of work at any place where it changes a folder: for tests that it goes on to the same end.

The work runs in a fork of a process that has imported everything but has computed nothing yet. An audit hook sees every
file that is opened for writing, renamed, linked, made or removed below a folder, and ends the process by a signal
*before* the n-th of these; so a kill falls between any two of them, with a temporary file that is whole or empty. The
program itself is not changed.
"""

from __future__ import annotations

import json
import os
import signal
import sys
import traceback
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

_CHANGES = {"os.rename": 2, "os.link": 2, "os.remove": 1, "os.rmdir": 1, "os.mkdir": 1, "os.truncate": 1}
"""Audit events that change a folder, and how many of their arguments are paths."""
_WRITES = os.O_WRONLY | os.O_RDWR | os.O_CREAT | os.O_TRUNC | os.O_APPEND


class Ended(NamedTuple):
    """How a process ended: its exit code (negative: a signal), the points that it passed, what it printed."""

    code: int
    points: list[str]
    output: str


def run(work: Callable[[], Any], watched: Path, scratch: Path, *, die_at: int | None = None, by: int = 9) -> Ended:
    """Runs work in a fork; it gets the signal ``by`` before its write number ``die_at`` (from 0) below ``watched``.

    Args:
        work: raises nothing where it is done; an int that it returns is the exit code.
        watched: the folder whose changes are counted.
        scratch: a folder outside it, for the list of points and the output.
        die_at: None lets it end by itself.
        by: number of the signal.
    """
    scratch.mkdir(parents=True, exist_ok=True)
    points, output = scratch / "points.jsonl", scratch / "output.txt"
    points.unlink(missing_ok=True)
    child = os.fork()
    if child == 0:
        code = 70
        try:
            log = os.open(output, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o644)
            os.dup2(log, 1)
            os.dup2(log, 2)
            _watch(watched.resolve(), os.open(points, os.O_WRONLY | os.O_CREAT, 0o644), die_at, by)
            result = work()
            code = result if isinstance(result, int) else 0
        except BaseException:
            traceback.print_exc()
        finally:
            sys.stdout.flush()
            sys.stderr.flush()
            os._exit(code)
    _, status = os.waitpid(child, 0)
    passed = points.read_text().splitlines() if points.exists() else []
    return Ended(os.waitstatus_to_exitcode(status), passed, output.read_text(errors="replace"))


def _watch(folder: Path, list_: int, die_at: int | None, by: int) -> None:
    seen, inside = 0, str(folder) + os.sep
    busy = False

    def hook(event: str, arguments: tuple[Any, ...]) -> None:
        nonlocal seen, busy
        if busy:
            return
        paths: tuple[Any, ...]
        if event == "open":
            flags = arguments[2] if isinstance(arguments[2], int) else 0
            if not flags & _WRITES:
                return
            paths = arguments[:1]
        elif event in _CHANGES:
            paths = arguments[: _CHANGES[event]]
        else:
            return
        named = [os.path.abspath(os.fsdecode(path)) for path in paths if isinstance(path, str | bytes | os.PathLike)]  # noqa: PTH100  # no link is followed
        if not any(path.startswith(inside) for path in named):
            return
        busy = True
        try:
            short = [path.removeprefix(inside) for path in named]
            os.write(list_, (json.dumps([event, *short]) + "\n").encode())
            if seen == die_at:
                os.kill(os.getpid(), by)
                if by != signal.SIGKILL:
                    signal.pthread_sigmask(signal.SIG_UNBLOCK, ())  # Python handles it at the next bytecode
        finally:
            seen, busy = seen + 1, False

    sys.addaudithook(hook)


def files_of(folder: Path) -> set[str]:
    """The files below a folder, by their path in it."""
    return {path.relative_to(folder).as_posix() for path in folder.rglob("*") if not path.is_dir()}
