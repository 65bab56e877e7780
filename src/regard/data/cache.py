"""Tensors that are costly to make, kept in the user's cache folder as safetensors with a digest, never as pickle."""

from __future__ import annotations

import hashlib
import os
import re
import sys
from collections.abc import Callable, Mapping
from contextlib import suppress
from pathlib import Path

from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Tensor

from regard.errors import RegardError
from regard.files import atomic_path, remove_leftovers


def cache_folder() -> Path:
    """``$REGARD_CACHE``, else the platform's place for caches."""
    given = os.environ.get("REGARD_CACHE")
    if given:
        return Path(given).expanduser()
    if sys.platform == "win32":
        return Path(os.environ.get("LOCALAPPDATA", Path.home() / "AppData" / "Local")) / "regard" / "Cache"
    if sys.platform == "darwin":
        return Path.home() / "Library" / "Caches" / "regard"
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "regard"


def cached(name: str, key: str, make: Callable[[], dict[str, Tensor]]) -> dict[str, Tensor]:
    """The tensors of ``make()``, from the cache if they were made before.

    Args:
        name: a readable beginning of the file's name.
        key: everything that decides the content, a version included; another key is another file.
        make: makes the tensors.

    A file that is truncated, altered or of another key counts as absent and is made again. A cache folder that
    cannot be written is no error: the tensors are made each time.
    """
    path = (
        cache_folder()
        / f"{re.sub(r'[^A-Za-z0-9_.-]', '_', name)}-{hashlib.sha256(key.encode()).hexdigest()[:16]}.safetensors"
    )
    stored = _read(path, key)
    if stored is not None:
        return stored
    made = {k: v.contiguous() for k, v in make().items()}
    remove_leftovers(path.parent)
    with suppress(RegardError, SafetensorError), atomic_path(path, parents=True) as part:
        save_file(made, part, metadata={"key": key, "digest": _digest(made)})
    return made


def _read(path: Path, key: str) -> dict[str, Tensor] | None:
    try:
        with safe_open(path, framework="pt") as file:
            metadata = file.metadata() or {}
            tensors: dict[str, Tensor] = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
    except (OSError, SafetensorError):
        return None
    return tensors if metadata.get("key") == key and metadata.get("digest") == _digest(tensors) else None


def _digest(tensors: Mapping[str, Tensor]) -> str:
    total = hashlib.sha256()
    for name in sorted(tensors):
        total.update(f"{name} {tensors[name].dtype} {tuple(tensors[name].shape)}".encode())
        total.update(tensors[name].numpy().data)
    return total.hexdigest()
