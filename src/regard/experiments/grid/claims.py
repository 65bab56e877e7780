"""Who works on a cell: claim files that also work where several machines share a folder.

A claim is ``claim-N.json`` with host and process; its process updates the file's time of change every `BEAT` seconds.
Whoever finds claim N dead makes claim N+1. A hard link makes a file appear whole and only once, so of two processes
that try, one wins, and no file of another process is renamed or removed. A claim is dead if it was made on this machine
by a process that is gone, or on another machine and its time has not changed for `STALE` seconds of this machine's
clock (clocks of machines differ).
"""

from __future__ import annotations

import json
import os
import re
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path

from regard.experiments.grid.cell import read_object
from regard.files import create_atomically
from regard.processes import machine, start_time

BEAT = 10.0
STALE = 120.0
NAME = re.compile(r"claim-\d+\.json")


@dataclass(frozen=True)
class CellClaim:
    """A claim that this process holds."""

    path: Path

    @contextmanager
    def beating(self, seconds: float = BEAT) -> Iterator[None]:
        """Updates the file's time in a thread, which shows others that the process is alive."""
        stop = threading.Event()

        def beat() -> None:
            while not stop.wait(seconds):
                with suppress(OSError):
                    os.utime(self.path)

        thread = threading.Thread(target=beat, daemon=True)
        thread.start()
        try:
            yield
        finally:
            stop.set()
            thread.join()

    def release(self, *, finished: bool = False) -> None:
        """Lets others claim the cell; older, dead claims stay, unless it is finished: then nobody needs them."""
        for claim in _claims(self.path.parent) if finished else ():
            if _number(claim) < _number(self.path):
                claim.unlink(missing_ok=True)
        self.path.unlink(missing_ok=True)


@dataclass
class ClaimWatcher:
    """A process's view of others' claims.

    Args:
        stale: seconds without an update after which a claim from another machine is dead.
    """

    stale: float = STALE
    _seen: dict[Path, tuple[int, float]] = field(default_factory=dict)

    def holder(self, folder: Path) -> str | None:
        """Host of the process that works on the cell; None where there is none."""
        newest = _newest(folder)
        return None if newest is None else self._maker(newest)

    def dead_claim(self, folder: Path) -> str:
        """Name of the newest claim on the cell if it is dead; empty where it is alive or missing."""
        newest = _newest(folder)
        if newest is None or self._maker(newest) is not None or not newest.exists():
            return ""  # a released claim's name can be used again, so it must not be passed on as dead
        return newest.name

    def _maker(self, claim: Path) -> str | None:
        """Host of the claim's process if that is still running; None for a dead or released claim."""
        content = read_object(claim)
        if content is None:  # released just now, or never written whole
            return None
        if content.get("place") == machine():
            return content["host"] if start_time(content["pid"]) == content["begun"] else None
        try:
            beat = claim.stat().st_mtime_ns
        except OSError:
            return None
        last, since = self._seen.get(claim, (-1, 0.0))
        if beat != last:
            last, since = beat, time.monotonic()
            self._seen[claim] = (last, since)
        return str(content.get("host")) if time.monotonic() - since < self.stale else None

    def claim(self, folder: Path, dead: str = "") -> CellClaim | None:
        """Claims the cell for this process; None where another process has it.

        Args:
            folder: the cell's.
            dead: name of a claim that another process has found dead.
        """
        newest = _newest(folder)
        if newest is not None and newest.name != dead and self.holder(folder) is not None:
            return None
        if newest is not None and not newest.exists():
            return None  # released just now: only dead claims stay
        number = 0 if newest is None else _number(newest) + 1
        folder.mkdir(parents=True, exist_ok=True)
        pid = os.getpid()
        me = {"host": socket.gethostname(), "place": machine(), "pid": pid, "begun": start_time(pid)}
        path = folder / f"claim-{number}.json"
        return CellClaim(path) if create_atomically(path, json.dumps(me)) else None


def _claims(folder: Path) -> list[Path]:
    try:
        return [path for path in folder.iterdir() if NAME.fullmatch(path.name)]
    except OSError:
        return []


def _newest(folder: Path) -> Path | None:
    return max(_claims(folder), key=_number, default=None)


def _number(path: Path) -> int:
    return int(path.stem.removeprefix("claim-"))
