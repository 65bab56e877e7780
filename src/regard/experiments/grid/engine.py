"""Ray, which carries the cells: started for this process alone, or reached at the address of a cluster.

What is started here listens on the loopback address only, asks every connection for a token, reports no usage, and
ends with this process, however that ends.
"""

from __future__ import annotations

import logging
import os
import shutil
import signal
import socket
import sys
import tempfile
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from regard.errors import RegardError
from regard.processes import is_gone, process_tag

_LOCAL = {
    "RAY_ENABLE_WINDOWS_OR_OSX_CLUSTER": "0",  # on Linux, too: every server of Ray then binds to the loopback address
    "RAY_USAGE_STATS_ENABLED": "0",
    "RAY_enable_worker_prestart": "0",  # cells have an environment of their own, which idle workers do not
    "RAY_prestart_worker_first_driver": "0",
    "RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO": "0",  # a cell without a GPU sees what this process sees
    "RAY_worker_niceness": "0",
    "RAY_task_oom_retries": "0",  # the grid itself decides how often a cell is tried again
}
_STORE = 80 * 2**20
"""Bytes of Ray's object store; cells pass a few names only, their results are files."""
_SCRATCH = "regard-"
_SECONDS = 5.0
"""Until an address that does not answer is given up."""


@contextmanager
def engine(address: str | None, processors: int) -> Iterator[Any]:
    """Ray, ready for tasks; one that this process has already started or reached is used, and stays.

    Args:
        address: None for a local one; ``auto`` for the cluster of this machine's node; ``HOST:PORT`` of its head.
        processors: of the local one.

    Raises:
        RegardError: nothing answers at the address, or Ray cannot start.
    """
    if address is not None:
        _check_address(address)
    elif "ray" not in sys.modules:  # Ray reads them when it is imported
        os.environ.update({name: value for name, value in _LOCAL.items() if name not in os.environ})
    import ray

    if ray.is_initialized():
        yield ray
        return
    folder = _scratch()
    try:
        with _own_signals(), _errors_only():
            try:
                if address is None:
                    _start_twice(ray, processors, folder)
                else:
                    ray.init(address=address, log_to_driver=False, logging_level=logging.ERROR)
            except Exception as error:  # of Ray: ConnectionError, RuntimeError, ValueError, OSError, ...
                raise RegardError(_refusal(address, error)) from None
        yield ray
    finally:
        ray.shutdown()
        shutil.rmtree(folder, ignore_errors=True)


def _scratch() -> Path:
    """The folder of this process for sockets and logs; those of killed processes are removed."""
    place = Path("/tmp") if os.name == "posix" else Path(tempfile.gettempdir())  # paths of sockets must be short
    for folder in place.glob(f"{_SCRATCH}*"):
        if is_gone(folder.name.removeprefix(_SCRATCH)):
            shutil.rmtree(folder, ignore_errors=True)
    return place / f"{_SCRATCH}{process_tag()}"


def _start_twice(ray: Any, processors: int, folder: Path) -> None:
    """Starts Ray; a second time where its processes were killed while they started."""
    try:
        _start(ray, processors, folder)
    except Exception:  # of Ray, as above
        ray.shutdown()
        shutil.rmtree(folder, ignore_errors=True)
        _start(ray, processors, folder)


def _start(ray: Any, processors: int, folder: Path) -> None:
    ray.init(
        address="local",
        num_cpus=processors,
        include_dashboard=False,
        object_store_memory=_STORE,
        log_to_driver=False,
        logging_level=logging.ERROR,
        _temp_dir=str(folder),
    )


def _check_address(address: str) -> None:
    if address == "auto":
        return
    host, _, port = address.rpartition(":")
    if not host or not port.isdecimal() or "/" in address:
        raise RegardError(f"address {address!r}: give HOST:PORT of the cluster's head, such as node1:6379, or auto")
    try:
        socket.create_connection((host.strip("[]"), int(port)), _SECONDS).close()
    except (OSError, OverflowError) as error:
        raise RegardError(
            f"address {address}: nothing answers ({error}); start a cluster there by "
            f"`ray start --head --port {port}`, or leave --address out to use this machine alone"
        ) from None


def _refusal(address: str | None, error: Exception) -> str:
    said = " ".join(str(error).split())[:400] or type(error).__name__
    if address is None:
        return f"Ray, which runs the cells, cannot start: {said}"
    return (
        f"address {address}: no Ray cluster can be used ({said}); this machine must be one of its nodes: "
        "`ray start --address HEAD:PORT`, or leave --address out to use this machine alone"
    )


@contextmanager
def _own_signals() -> Iterator[None]:
    """Signals keep their handlers: Ray would take SIGTERM for itself."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = signal.getsignal(signal.SIGTERM)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)


@contextmanager
def _errors_only() -> Iterator[None]:
    """Ray's remarks on its start are not printed."""
    logger = logging.getLogger("ray")
    before = logger.level
    logger.setLevel(logging.ERROR)
    try:
        yield
    finally:
        logger.setLevel(before)


def gpus_of_cell(ray: Any, asked: float | None, workers: int | None) -> float:
    """GPUs of each cell: as asked, else a whole one, or an equal part where more cells run at a time than there are.

    Raises:
        RegardError: no node has so many.
    """
    most = max((node["Resources"].get("GPU", 0.0) for node in ray.nodes() if node["Alive"]), default=0.0)
    if asked is None:
        there = ray.cluster_resources().get("GPU", 0.0)
        return 1.0 / -(-(workers or 1) // max(int(there), 1)) if there else 0.0
    if asked < 0 or (asked > 1 and asked != int(asked)):
        raise RegardError(f"gpus={asked}: give a part of one, such as .5, or a whole number")
    if asked > most:
        raise RegardError(f"gpus={asked:g}: no machine of the engine has so many; the most that one has is {most:g}")
    return asked


def check_processors(ray: Any, threads: int) -> None:
    """Raises RegardError where no node has so many processors."""
    most = max((node["Resources"].get("CPU", 0.0) for node in ray.nodes() if node["Alive"]), default=0.0)
    if threads > most:
        raise RegardError(f"threads={threads}: no machine of the cluster offers so many; the most is {most:g}")
