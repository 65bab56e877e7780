"""One owner per output folder: while a command writes into a folder, a second one is told who it is, and ends.

The owner holds a lock of the operating system on ``.owner.json`` in the folder, which ends with its process, so a
killed owner blocks nobody. The file says who it is; it is gone when the folder is free.
"""

from __future__ import annotations

import json
import os
import shlex
import socket
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from datetime import datetime
from functools import wraps
from inspect import signature
from pathlib import Path
from typing import ParamSpec, TypeVar

from filelock import FileLock, Timeout

from regard.errors import RegardError
from regard.files import make_folder, remove_leftovers
from regard.processes import machine
from regard.reading import read_json_file

OWNER_FILE = ".owner.json"


class InUseError(RegardError):
    """A folder has an owner.

    Args:
        folder: that is in use.
        owner: of it, in words.
        option: of the command line, that names another folder; empty where there is none.
    """

    def __init__(self, folder: Path, owner: str, option: str) -> None:
        another = f", or give {option} NEW" if option else ""
        super().__init__(f"{folder} is in use: {owner} writes into it; wait until that has ended{another}")
        self.owner = owner


_P = ParamSpec("_P")
_R = TypeVar("_R")
_HELD: dict[Path, tuple[int, int]] = {}
"""Folder -> thread that holds it in this process, and how many times."""
_HELD_LOCK = threading.Lock()


def owns(argument: str, *, option: str = "--out") -> Callable[[Callable[_P, _R]], Callable[_P, _R]]:
    """A function that has the folder given as this argument to itself while it runs; see `owned`. None is no folder."""

    def decorate(function: Callable[_P, _R]) -> Callable[_P, _R]:
        parameters = signature(function)

        @wraps(function)
        def alone(*args: _P.args, **kwargs: _P.kwargs) -> _R:
            folder = parameters.bind(*args, **kwargs).arguments.get(argument)
            if folder is None:
                return function(*args, **kwargs)
            with owned(folder, option=option):
                return function(*args, **kwargs)

        return alone

    return decorate


@contextmanager
def owned(folder: str | Path, *, option: str = "--out", rank: int = 0) -> Iterator[Path]:
    """The folder, made if it is absent, which nobody else writes into while the block runs.

    What killed writers left half written is removed. A thread may own a folder several times; a folder inside an owned
    one is another folder. Folders that were made for the block and are empty after it are removed.

    Args:
        folder: for output.
        option: of the command line, that names another folder; for the error. Empty where no other folder would do.
        rank: of this process among those that write into the folder together; the first, 0, owns it for all.

    Raises:
        InUseError: another process or thread owns it.
        RegardError: it cannot be written to.

    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as out, owned(out):
    ...     sorted(path.name for path in Path(out).iterdir())
    ['.owner.json']
    """
    if rank:
        yield Path(folder)
        return
    place, thread = Path(folder).resolve(), threading.get_ident()
    with _HELD_LOCK:
        holder, count = _HELD.get(place, (thread, 0))
        if holder == thread:
            _HELD[place] = thread, count + 1
    if holder != thread:
        raise InUseError(Path(folder), "another thread of this process", option)
    try:
        if count:
            yield Path(folder)
        else:
            with _locked(Path(folder), option):
                remove_leftovers(Path(folder))
                yield Path(folder)
    finally:
        with _HELD_LOCK:
            if count:
                _HELD[place] = thread, count
            else:
                del _HELD[place]


@contextmanager
def _locked(folder: Path, option: str) -> Iterator[None]:
    """Holds the lock and says so in its file."""
    made = [place for place in (folder, *folder.parents) if not place.exists()]
    make_folder(folder)
    path = folder / OWNER_FILE
    lock = FileLock(path, thread_local=False)
    try:
        lock.acquire(timeout=0)
    except (Timeout, FileNotFoundError):  # the latter: who had it removed the folder just now
        raise InUseError(folder, _owner(path), option) from None
    except OSError as error:
        raise RegardError(
            f"{folder}: cannot be written ({error.strerror or error}); give a place that may be written to and has room"
        ) from error
    try:
        with suppress(OSError):  # a full disk: the lock holds, only its owner is not named
            path.write_text(json.dumps(_me()) + "\n", encoding="utf-8")
        yield
    finally:
        with suppress(OSError):
            path.unlink()  # before the release: who waits for this file sees that it is gone, and makes another
        lock.release()
        with suppress(OSError):  # not empty
            for place in made:
                place.rmdir()


def _me() -> dict[str, object]:
    return {
        "pid": os.getpid(),
        "host": socket.gethostname(),
        "place": machine(),
        "since": datetime.now().astimezone().isoformat(timespec="seconds"),
        "command": shlex.join([Path(sys.argv[0]).name, *sys.argv[1:]]),
    }


def _owner(path: Path) -> str:
    """Who wrote the file, in words."""
    try:
        owner = read_json_file(path, "")
        return f"process {owner['pid']} on {owner['host']} since {owner['since']} ({owner['command']})"
    except (RegardError, KeyError, TypeError):  # it was written or removed just now
        return "another process"
