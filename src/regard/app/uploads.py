"""Which of the files that a user gives are looked at, within the limits."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from regard.app.settings import Limits
from regard.errors import RegardError
from regard.listing import IMAGE_SUFFIXES, is_stray, list_files


def given_files(values: Sequence[str] | str | None, limits: Limits) -> list[Path]:
    """Uploaded files, or a path of this machine; of several, or of a folder, those that end as images do.

    Raises:
        RegardError: more files, or larger ones, than the limits allow, or no picture among them.
    """
    if not values:
        return []
    paths = [Path(values)] if isinstance(values, str) else [Path(value) for value in values]
    found: list[Path] = []
    for path in paths:
        found += list_files(path, IMAGE_SUFFIXES) if path.is_dir() else [path]
    pictures = [path for path in found if path.suffix.lower() in IMAGE_SUFFIXES and not is_stray(path.name)]
    chosen = pictures if len(found) > 1 else found
    if not chosen:
        raise RegardError(f"no pictures among {len(found)} files; they end in {', '.join(IMAGE_SUFFIXES)}")
    if len(chosen) > limits.files:
        raise RegardError(f"{len(chosen)} pictures; at most {limits.files} are taken at a time")
    for path in chosen:
        if path.is_file() and path.stat().st_size > limits.file_bytes:
            raise RegardError(
                f"{path.name}: {path.stat().st_size / 2**20:.0f} MiB; at most {limits.file_bytes / 2**20:.0f} are taken"
            )
    return chosen
