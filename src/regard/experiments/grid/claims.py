"""Who works on a cell: claim files that hold where several machines share a folder.

A claim is ``claim-N.json`` with place, process and a beating time of change. Whoever finds claim N dead makes claim
N+1; a hard link makes a file appear whole and only once, so of two that try, one wins, and nothing is ever renamed or
removed under somebody else's feet. Dead means: made in this very place by a process that is gone, or, from elsewhere,
unbeaten for `STALE` seconds of the watcher's own clock (clocks of machines differ).
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
from functools import cache
from pathlib import Path
from typing import Any

from regard.experiments.grid.cell import read_json
from regard.files import create_atomically

BEAT = 10.0
STALE = 120.0
NAME = re.compile(r"claim-(\d+)\.json")


@cache
def place() -> str:
    """Where process numbers mean something: host, its last start, and its namespace of processes."""
    parts = [socket.gethostname()]
    with suppress(OSError):
        parts.append(Path("/proc/sys/kernel/random/boot_id").read_text().strip()[:8])
    with suppress(OSError):
        parts.append(str(Path("/proc/self/ns/pid").readlink()))
    return " ".join(parts)


def begun(pid: int) -> str | None:
    """When a process began, so that a number used again is told apart; None where it is gone."""
    stat = Path(f"/proc/{pid}/stat")
    if not Path("/proc/self/stat").exists():
        try:
            os.kill(pid, 0)
        except ProcessLookupError:
            return None
        except OSError:
            pass
        return ""
    try:
        fields = stat.read_text().rpartition(")")[2].split()
    except OSError:
        return None
    return None if fields[0] in "ZX" else fields[19]


@dataclass(frozen=True)
class Claim:
    """A claim that this process holds."""

    path: Path

    @contextmanager
    def beating(self, every: float = BEAT) -> Iterator[None]:
        """Shows others, while it lasts, that somebody is at work."""
        stop = threading.Event()

        def beat() -> None:
            while not stop.wait(every):
                with suppress(OSError):
                    os.utime(self.path)

        thread = threading.Thread(target=beat, daemon=True)
        thread.start()
        try:
            yield
        finally:
            stop.set()
            thread.join()

    def release(self) -> None:
        """Others may have the cell; the dead claims below stay, and stay dead."""
        self.path.unlink(missing_ok=True)


@dataclass
class Watch:
    """What a process has seen of others' claims.

    Args:
        stale: seconds without a beat after which a claim from elsewhere is dead.
    """

    stale: float = STALE
    _seen: dict[Path, tuple[int, float]] = field(default_factory=dict)

    def holder(self, folder: Path) -> str | None:
        """Host of whoever works on the cell; None where nobody does."""
        newest = _newest(folder)
        return None if newest is None else self._maker(newest)

    def dead(self, folder: Path) -> str:
        """Name of the newest claim on the cell, if it is a dead one; empty where it is alive, or there is none."""
        newest = _newest(folder)
        if newest is None or self._maker(newest) is not None or not newest.exists():
            return ""  # a released claim's name is free for others, so it must not be called dead
        return newest.name

    def _maker(self, claim: Path) -> str | None:
        """Host of whoever made a claim and is still at work; None for a dead or released one."""
        said = read_json(claim)
        if said is None:  # released just now, or never written whole
            return None
        if said.get("place") == place():
            return said["host"] if begun(said["pid"]) == said["begun"] else None
        try:
            beat = claim.stat().st_mtime_ns
        except OSError:
            return None
        last, since = self._seen.get(claim, (-1, 0.0))
        if beat != last:
            last, since = beat, time.monotonic()
            self._seen[claim] = (last, since)
        return str(said.get("host")) if time.monotonic() - since < self.stale else None

    def claim(self, folder: Path, dead: str = "") -> Claim | None:
        """The cell for this process; None where somebody else has it, or was quicker.

        Args:
            folder: the cell's.
            dead: name of a claim that another process has watched for long enough.
        """
        newest = _newest(folder)
        if newest is not None and newest.name != dead and self.holder(folder) is not None:
            return None
        if newest is not None and not newest.exists():
            return None  # released just now: only the dead stay
        number = 0 if newest is None else _number(newest) + 1
        folder.mkdir(parents=True, exist_ok=True)
        me: dict[str, Any] = {"host": socket.gethostname(), "place": place(), "pid": os.getpid()}
        me["begun"] = begun(os.getpid())
        path = folder / f"claim-{number}.json"
        return Claim(path) if create_atomically(path, json.dumps(me)) else None


def _newest(folder: Path) -> Path | None:
    try:
        found = [path for path in folder.iterdir() if NAME.fullmatch(path.name)]
    except OSError:
        return None
    return max(found, key=_number, default=None)


def _number(path: Path) -> int:
    match = NAME.fullmatch(path.name)
    assert match is not None
    return int(match[1])
