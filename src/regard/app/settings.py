"""What `regard app` is started with, and the limits of what people may give it."""

from __future__ import annotations

import importlib.util
from dataclasses import dataclass, field
from pathlib import Path

from regard.constants import AUTO
from regard.errors import RegardError

LOCAL = "127.0.0.1"
PORT = 7860
_LOOPBACK = (LOCAL, "localhost", "::1")


@dataclass(frozen=True)
class Limits:
    """Of what is uploaded.

    Attributes:
        file_bytes: of one file; a larger one is refused while it arrives.
        files: at a time.
        wait: jobs that may wait for their turn, of all users together.
    """

    file_bytes: int = 20 * 2**20
    files: int = 200
    wait: int = 32


@dataclass(frozen=True)
class AppSettings:
    """How the app is started.

    Attributes:
        models: names that are offered first: runs' folders, saved classifiers, networks' names, ids of a Hub.
        weights: of networks' names, as ``regard explain --weights``.
        runs: folder whose runs are offered, too, and that the tab *Run* lists.
        host: address to listen on; any but this machine's own lets others in, who may then open only ``models`` and
            ``runs``.
        port: the first that is tried; where it is taken, the next free one of a hundred.
        device: to compute on.
        open_browser: whether the page is opened.
        limits: of uploads.
    """

    models: tuple[str, ...] = ()
    weights: str | None = None
    runs: Path = Path("runs")
    host: str = LOCAL
    port: int = PORT
    device: str = AUTO
    open_browser: bool = False
    limits: Limits = field(default_factory=Limits)

    @property
    def local(self) -> bool:
        """Whether only this machine reaches it."""
        return self.host in _LOOPBACK


def require_gradio() -> None:
    """Raises RegardError, with the command that installs it, where Gradio is missing."""
    if importlib.util.find_spec("gradio") is None:
        raise RegardError("the app needs Gradio, which is not installed: pip install 'regard[app]'")
