"""`regard app`: pictures through networks, in the browser."""

from __future__ import annotations

import argparse
from pathlib import Path

from regard.cli.arguments import Commands, add_command, add_device
from regard.cli.boundary import complain, say
from regard.processes import Terminated


def add_app(commands: Commands) -> None:
    """Adds the command."""
    app = add_command(
        commands,
        "app",
        "look at pictures, models, gaze and runs in the browser",
        "Opens a page on this machine (extra: app) with four tabs: Look explains pictures that are dropped on it, "
        "Compare two models or methods, People maps against fixations, Run a run in training. It asks nothing of the "
        "network; only this machine reaches it unless --host says otherwise. It ends with Ctrl-C.",
        """regard app
        regard app --model runs/photos --model tf_efficientnet_lite0 --open
        regard app --model resnet18 --weights weights.safetensors --port 8000""",
    )
    app.add_argument(
        "--model",
        action="append",
        default=[],
        metavar="MODEL",
        help="offered first: a run's folder, a saved classifier's, a network's name; repeatable. Runs of --runs and "
        "networks whose weights are in packages are offered, too",
    )
    app.add_argument("--weights", help="of the networks named by --model: a file, or pretrained (may download)")
    app.add_argument("--runs", type=Path, default=Path("runs"), help="folder of the runs that are offered")
    app.add_argument(
        "--host",
        default="127.0.0.1",
        help="address to listen on; default 127.0.0.1, this machine alone. Others who reach it may upload and compute",
    )
    app.add_argument(
        "--port", type=int, default=7860, help="the first that is tried; default 7860, or a free one after"
    )
    app.add_argument("--open", action="store_true", help="open the page in the browser")
    add_device(app)
    app.set_defaults(run=_run)


def _run(options: argparse.Namespace, _: list[str]) -> int:
    from regard.app import AppSettings, serve_app

    settings = AppSettings(
        models=tuple(options.model),
        weights=options.weights,
        runs=options.runs,
        host=options.host,
        port=options.port,
        device=options.device,
        open_browser=options.open,
    )
    with serve_app(settings) as app:
        if not settings.local:
            complain(f"--host {settings.host}: everybody who reaches this address may upload pictures and compute here")
        say(f"page: {app.url} (Ctrl-C ends it)")
        try:
            app.wait()
        except (KeyboardInterrupt, Terminated):  # the one way to end it is no fault
            say("ended")
    return 0
