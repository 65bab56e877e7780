"""Serving the app: on this machine alone unless told otherwise, on a free port, with nothing asked of the network."""

from __future__ import annotations

import os
import socket
import tempfile
import threading
import webbrowser
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from regard.app.context import AppContext
from regard.app.settings import AppSettings, require_gradio
from regard.errors import RegardError

_PORTS = 100
_OFF = {
    "GRADIO_ANALYTICS_ENABLED": "False",
    "GRADIO_SHARE": "False",
    "GRADIO_MCP_SERVER": "False",
    "HF_HUB_DISABLE_TELEMETRY": "1",
}
POLICY = (
    "default-src 'self'; img-src 'self' data: blob:; media-src 'self' data: blob:; font-src 'self' data:; "
    "style-src 'self' 'unsafe-inline'; script-src 'self' 'unsafe-inline' 'unsafe-eval' blob:; worker-src 'self' blob:; "
    "connect-src 'self' data: blob:; object-src 'none'; base-uri 'self'; form-action 'self'; frame-ancestors 'none'"
)
"""What the browser may fetch: from this app, and nothing from elsewhere."""


@dataclass(frozen=True)
class ServedApp:
    """A running app: its address, and the context that its callbacks share."""

    url: str
    context: AppContext
    page: Any

    def wait(self) -> None:
        """Until the process is interrupted."""
        threading.Event().wait()


@contextmanager
def serve_app(settings: AppSettings | None = None) -> Iterator[ServedApp]:
    """Serves the app in the background while the block runs; its files are removed afterwards.

    Args:
        settings: how; by default on 127.0.0.1, at the first free port from 7860 on.

    Raises:
        RegardError: Gradio is missing, an address that is not this machine's, or no free port.

    Example:
        >>> with serve_app(AppSettings(host="nowhere.invalid")):
        ...     pass
        Traceback (most recent call last):
        regard.errors.RegardError: --host nowhere.invalid: not an address of this machine; leave it out for 127.0.0.1
    """
    settings = settings or AppSettings()
    require_gradio()
    free_port(settings.host, settings.port)  # an error is said before Gradio is imported, which takes seconds
    with tempfile.TemporaryDirectory(prefix="regard-app-", ignore_cleanup_errors=True) as folder:
        before = {name: os.environ.get(name) for name in (*_OFF, "GRADIO_TEMP_DIR")}
        os.environ.update(_OFF | {"GRADIO_TEMP_DIR": str(Path(folder) / "uploads")})
        try:
            yield from _served(settings, Path(folder))
        finally:
            for name, value in before.items():
                os.environ.pop(name, None) if value is None else os.environ.update({name: value})


def _served(settings: AppSettings, folder: Path) -> Iterator[ServedApp]:
    from regard.app.page import build_page

    context = AppContext(settings, folder)
    page = build_page(context)
    try:
        url = _launch(page, settings)
        if settings.open_browser:
            webbrowser.open(url)
        yield ServedApp(url, context, page)
    finally:
        page.close(verbose=False)


def _launch(page: Any, settings: AppSettings) -> str:
    """The address at which the page is served; another program may take a port between looking and serving."""
    from regard.app.page import looks

    port = settings.port
    while True:
        port = free_port(settings.host, port)
        try:
            _, url, _ = page.launch(
                server_name=settings.host,
                server_port=port,
                share=False,
                inbrowser=False,
                prevent_thread_lock=True,
                quiet=True,
                footer_links=[],
                run_history=False,
                enable_monitoring=False,
                ssr_mode=False,
                pwa=False,
                mcp_server=False,
                max_file_size=settings.limits.file_bytes,
                state_session_capacity=100,
                app_kwargs=_guards(settings),
                **looks(),
            )
        except OSError as error:
            if "empty port" not in str(error):
                raise
            port += 1
        else:
            return str(url)


def _guards(settings: AppSettings) -> dict[str, Any]:
    """Middleware: the browser fetches nothing from elsewhere, and other sites cannot name this machine as theirs."""
    from starlette.middleware import Middleware
    from starlette.middleware.trustedhost import TrustedHostMiddleware

    guards = [Middleware(PolicyMiddleware)]
    if settings.local:
        guards.append(Middleware(TrustedHostMiddleware, allowed_hosts=["127.0.0.1", "localhost", "[::1]"]))
    return {"middleware": guards, "docs_url": None, "redoc_url": None}


class PolicyMiddleware:
    """Adds `POLICY` to every answer, and forbids to guess types and to tell other sites where one came from."""

    def __init__(self, app: Any) -> None:
        self.app = app

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        """One request."""

        async def sending(message: Any) -> None:
            if message["type"] == "http.response.start":
                own = {
                    b"content-security-policy": POLICY,
                    b"x-content-type-options": "nosniff",
                    b"referrer-policy": "no-referrer",
                }
                kept = [pair for pair in message["headers"] if pair[0].lower() not in own]
                message["headers"] = kept + [(name, value.encode()) for name, value in own.items()]
            await send(message)

        await self.app(scope, receive, sending)


def free_port(host: str, first: int) -> int:
    """The first of a hundred ports that nobody listens on.

    Raises:
        RegardError: another machine's address, a port that is none, or none is free.
    """
    if not 1 <= first <= 65535:
        raise RegardError(f"--port {first}: give a number from 1 to 65535")
    try:
        family, *_, address = socket.getaddrinfo(host, first, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)[0]
    except OSError:
        raise _not_here(host) from None
    for port in range(first, min(first + _PORTS, 65536)):
        with socket.socket(family, socket.SOCK_STREAM) as probe:
            try:
                probe.bind((address[0], port))
            except PermissionError:
                raise RegardError(f"--port {port}: needs the rights of an administrator; take 1024 or more") from None
            except OSError as error:
                if error.errno == 99:  # EADDRNOTAVAIL
                    raise _not_here(host) from None
                continue
            return port
    raise RegardError(f"--port {first}: it and the {_PORTS - 1} after it are taken; give another one")


def _not_here(host: str) -> RegardError:
    return RegardError(f"--host {host}: not an address of this machine; leave it out for 127.0.0.1")
