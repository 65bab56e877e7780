"""Writing a file so that a reader never sees half of it."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path

from regard.errors import RegardError


def write_atomically(path: Path, content: bytes) -> Path:
    """Write ``content`` beside ``path``, then rename it into place; the old file stays whole until then.

    Raises:
        RegardError: the folder does not exist, may not be written to, or its disk is full.
    """
    temporary: Path | None = None
    try:
        with tempfile.NamedTemporaryFile(dir=path.parent, prefix=f".{path.name}.", delete=False) as file:
            temporary = Path(file.name)
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        temporary.chmod(0o644)
        temporary.replace(path)
    except OSError as error:
        if temporary is not None:
            temporary.unlink(missing_ok=True)
        raise RegardError(
            f"{path}: cannot be written ({error.strerror or error}); check that its folder exists, "
            f"may be written to and has {len(content):,} bytes free"
        ) from error
    return path
