"""Long work of one user: it says where it is and ends when it is asked to, between two passes of the network."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from torch import nn

Report = Callable[[float | None, str], None]
"""(share that is done or None where that is not known, what is being done) -> nothing."""


class StoppedError(Exception):
    """The user asked the work to stop; no `RegardError`, since nothing is wrong that a method could be left out for."""


@dataclass
class Job:
    """One job: ``report`` is told where it is."""

    report: Report | None = None
    _asked: threading.Event = field(default_factory=threading.Event)

    def stop(self) -> None:
        """Asks the job to stop; another thread does the job."""
        self._asked.set()

    def at(self, share: float | None, what: str) -> None:
        """Says where the job is.

        Raises:
            StoppedError: it was asked to stop.
        """
        if self._asked.is_set():
            raise StoppedError
        if self.report is not None:
            self.report(share, what)

    @contextmanager
    def watching(self, model: nn.Module, what: str, share: float | None = None) -> Iterator[None]:
        """Has the model for itself; inside, every pass of the model says so and is where the job may stop.

        Raises:
            StoppedError: at the beginning or at a pass, where the job was asked to stop.
        """
        from regard.backbones import exclusive

        passes = 0

        def passing(_module: nn.Module, _arguments: tuple[Any, ...]) -> None:
            nonlocal passes
            passes += 1
            self.at(share, f"{what}, pass {passes}" if passes > 1 else what)

        with exclusive(model):
            self.at(share, what)
            hook = model.register_forward_pre_hook(passing)
            try:
                yield
            finally:
                hook.remove()


class Sessions:
    """The job of each user who has the page open; nothing else of a user is kept on the server by name."""

    def __init__(self) -> None:
        self._jobs: dict[str, Job] = {}
        self._lock = threading.Lock()

    def begin(self, session: str, report: Report | None = None) -> Job:
        """A new job of this user; an earlier one that still runs is asked to stop."""
        work = Job(report)
        with self._lock:
            earlier = self._jobs.pop(session, None)
            self._jobs[session] = work
        if earlier is not None:
            earlier.stop()
        return work

    def stop(self, session: str) -> None:
        """Asks the user's job to stop; also when the user leaves."""
        with self._lock:
            work = self._jobs.pop(session, None)
        if work is not None:
            work.stop()

    def __len__(self) -> int:
        return len(self._jobs)
