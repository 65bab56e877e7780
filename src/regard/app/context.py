"""What all tabs share: settings, open models, the jobs of users, a private folder; and how a callback ends."""

from __future__ import annotations

import tempfile
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from regard.app.settings import AppSettings
from regard.app.work import Job, Report, Sessions
from regard.errors import RegardError

if TYPE_CHECKING:
    from regard.app.shelf import ModelShelf

PREDICTED, NOBODY = "the predicted class", "no other class"


@dataclass
class AppContext:
    """Of one app.

    Attributes:
        settings: that it was started with.
        folder: for files of users, which only this user of the system reads; emptied when the app ends.
        sessions: the jobs of those who have the page open.
    """

    settings: AppSettings
    folder: Path
    sessions: Sessions = field(default_factory=Sessions)

    @cached_property
    def shelf(self) -> ModelShelf:
        """The open models; torch and all that reads models are imported by the first one."""
        from regard.app.shelf import ModelShelf

        return ModelShelf(self.settings)

    def begin(self, request: Any, progress: Callable[..., Any] | None) -> Job:
        """A job of the user who sent a request, told to a progress bar of Gradio."""
        return self.sessions.begin(session_of(request), _report(progress))

    def stop(self, request: Any) -> None:
        """Ends the job of the user who sent a request."""
        self.sessions.stop(session_of(request))

    def new_folder(self) -> Path:
        """A new empty folder for files of one user."""
        return Path(tempfile.mkdtemp(dir=self.folder))


def session_of(request: Any) -> str:
    """What tells a user from others; empty where there is no request, as in a test."""
    return str(getattr(request, "session_hash", "") or "")


def _report(progress: Callable[..., Any] | None) -> Report | None:
    if progress is None:
        return None
    return lambda share, what: progress(0.0 if share is None else min(share, 1.0), desc=what)


def class_number(value: str | None) -> int | None:
    """The class of a choice of `class_choices`; None for none."""
    return int(value) if value else None


def class_choices(classes: tuple[str, ...], none: str) -> list[tuple[str, str]]:
    """(what is shown, value) of each class, and first of none of them; names that repeat get their number.

    >>> class_choices(("cat", "dog"), PREDICTED)
    [('the predicted class', ''), ('cat', '0'), ('dog', '1')]
    """
    seen = {name for name in classes if classes.count(name) > 1} if len(set(classes)) < len(classes) else set()
    named = [(f"{name} ({k})" if name in seen else name, str(k)) for k, name in enumerate(classes)]
    return [(none, ""), *named]


def why(error: Exception) -> str:
    """What a user is told of an error; a fault of the program is named as one.

    >>> why(RegardError("a.png: damaged image"))
    'a.png: damaged image'
    """
    if isinstance(error, RegardError):
        return str(error)
    return f"{type(error).__name__}: {' '.join(str(error).split())[:300]}. This is a fault of regard; please report it"
