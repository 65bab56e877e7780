"""Processes: which one is meant by a number, ends that can be resumed, children that do not outlive their parent.

A child is started by `start_child` with the read end of a pipe whose write end only the parent has. When the parent is
gone, however it ended, the pipe closes and the child's watcher (`die_with_parent`) kills it; every file is written
whole or not at all, so that is safe at any time.
"""

from __future__ import annotations

import hashlib
import multiprocessing
import os
import signal
import socket
import subprocess
import sys
import threading
import weakref
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from functools import cache
from pathlib import Path
from types import FrameType
from typing import Any

_PIPE = "REGARD_PARENT_PIPE"
_ENDING = tuple(getattr(signal, name) for name in ("SIGTERM", "SIGHUP") if hasattr(signal, name))


class Terminated(BaseException):
    """The process was asked to end, by SIGTERM or SIGHUP; raised where it stands, as KeyboardInterrupt is.

    Args:
        number: of the signal.
    """

    def __init__(self, number: int) -> None:
        super().__init__(signal.Signals(number).name)
        self.number = number

    @property
    def exit_code(self) -> int:
        """128 and the signal's number."""
        return 128 + self.number


@contextmanager
def terminable() -> Iterator[None]:
    """Inside, SIGTERM and SIGHUP raise `Terminated` in the main thread; the second one is ignored.

    A signal that is ignored already, as under ``nohup``, stays so. In another thread nothing is done.
    """
    before = {number: signal.getsignal(number) for number in _ENDING}
    if threading.current_thread() is not threading.main_thread():
        before = {}
    for number, handler in before.items():
        if handler is not signal.SIG_IGN:
            signal.signal(number, _terminate)
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _terminate(number: int, _: FrameType | None) -> None:
    for each in _ENDING:
        signal.signal(each, signal.SIG_IGN)
    raise Terminated(number)


def start_child(
    command: Sequence[str], *, environment: Mapping[str, str] | None = None, **options: Any
) -> subprocess.Popen[Any]:
    """A process that ends with this one, if it calls `die_with_parent`; ``options`` are those of `subprocess.Popen`."""
    given = dict(os.environ if environment is None else environment)
    if os.name != "posix":
        return subprocess.Popen(command, env=given, **options)
    read, write = os.pipe()
    try:
        child = subprocess.Popen(command, env=given | {_PIPE: str(read)}, pass_fds=(read,), **options)
    except BaseException:
        os.close(write)
        raise
    finally:
        os.close(read)
    weakref.finalize(child, os.close, write)
    return child


def die_with_parent() -> None:
    """Ends this process with the one that started it by `start_child` or `multiprocessing`; others go on alone."""
    parent = multiprocessing.parent_process()
    pipe = os.environ.pop(_PIPE, None)
    if pipe is not None:
        _watch(lambda: os.read(int(pipe), 1))
    elif parent is not None:
        _watch(parent.join)


def _watch(wait: Callable[[], object]) -> None:
    def watch() -> None:
        with suppress(OSError):
            wait()
        os.kill(os.getpid(), getattr(signal, "SIGKILL", signal.SIGTERM))

    threading.Thread(target=watch, daemon=True).start()


@cache
def machine() -> str:
    """Identifies the machine on which process numbers are valid: host, its last start, its namespace of processes."""
    parts = [socket.gethostname()]
    with suppress(OSError):
        parts.append(Path("/proc/sys/kernel/random/boot_id").read_text().strip()[:8])
    with suppress(OSError):
        parts.append(str(Path("/proc/self/ns/pid").readlink()))
    return " ".join(parts)


def start_time(pid: int) -> str | None:
    """When a process started, to recognise a number that is used again; None where the process is gone."""
    stat = Path(f"/proc/{pid}/stat")
    if not Path("/proc/self/stat").exists():
        return _alive(pid)
    try:
        fields = stat.read_text().rpartition(")")[2].split()
    except OSError:
        return None
    return None if fields[0] in "ZX" else fields[19]


def _alive(pid: int) -> str | None:
    """Empty where the process lives: a system that tells no time."""
    if sys.platform == "win32":  # os.kill would end the process
        return ""
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return None
    except OSError:
        pass
    return ""


def process_tag() -> str:
    """The process in letters that suit a file's name; `is_gone` reads it."""
    pid = os.getpid()
    return f"{_place()}-{pid}-{start_time(pid) or 0}"


def is_gone(tag: str) -> bool:
    """Whether the process of a `process_tag` was one of this machine and has ended; False where that is not known."""
    place, _, rest = tag.partition("-")
    pid, _, begun = rest.partition("-")
    if place != _place() or not pid.isdecimal():
        return False
    return (start_time(int(pid)) or "0") != begun if begun != "0" else start_time(int(pid)) is None


def _place() -> str:
    return hashlib.sha256(machine().encode()).hexdigest()[:8]
