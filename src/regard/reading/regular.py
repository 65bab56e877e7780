"""Regular files, read up to a size; a pipe or a device, which may never end, is refused."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from regard.errors import RegardError

MAX_TEXT = 64 * 2**20
"""Bytes of a text file (JSON, YAML) that is read whole."""


def limit(variable: str, default: int) -> int:
    """A limit that the user may raise by an environment variable.

    Raises:
        RegardError: the variable holds no whole number above 0.
    """
    given = os.environ.get(variable)
    if not given:
        return default
    if not given.isascii() or not given.isdecimal() or not 0 < len(given) < 19 or int(given) == 0:
        raise RegardError(f"{variable}={given}: a whole number above 0 is needed")
    return int(given)


def regular_file(path: str | Path, remedy: str = "correct the path", *, what: str = "file") -> Path:
    """The path, if a regular file lies there: no folder, pipe, socket or device; ``what`` names it in errors.

    Raises:
        RegardError: there is none; the message ends with ``remedy``.
    """
    path = Path(path)
    try:
        mode = path.stat().st_mode
    except FileNotFoundError:
        raise RegardError(f"{path}: no such {what}; {remedy}") from None
    except (OSError, ValueError) as error:  # ValueError: a null character
        raise RegardError(f"{path}: cannot be read ({_reason(error)}); {remedy}") from None
    if stat.S_ISDIR(mode):
        raise RegardError(
            f"{path}: a folder, where {'an' if what[0] in 'aeiou' else 'a'} {what} is meant; give one file in it"
        )
    if not stat.S_ISREG(mode):
        raise RegardError(f"{path}: is a pipe, a socket or a device, not a file; {remedy}")
    return path


def read_bytes(path: str | Path, *, most: int = MAX_TEXT, remedy: str = "correct the path") -> bytes:
    """The bytes of a regular file, at most ``most`` of them.

    Raises:
        RegardError: no such file, a longer one, or one that cannot be read; the message ends with ``remedy``.
    """
    if not Path(path).exists():
        raise RegardError(f"{path}: is missing; {remedy}")
    path = regular_file(path, remedy)
    try:
        with path.open("rb") as file:
            content = file.read(min(path.stat().st_size, most) + 1)
    except OSError as error:
        raise RegardError(f"{path}: cannot be read ({_reason(error)}); {remedy}") from None
    if len(content) > most:
        raise RegardError(f"{path}: is longer than {most:,} bytes, which no such file is; {remedy}")
    return content


def read_text(path: str | Path, remedy: str, *, most: int = MAX_TEXT) -> str:
    """The text (UTF-8) of a file.

    Raises:
        RegardError: it is missing, unreadable or too long; the message ends with ``remedy``.
    """
    try:
        return read_bytes(path, most=most, remedy=remedy).decode("utf-8")
    except UnicodeDecodeError as error:
        raise RegardError(f"{path}: cannot be read ({error}); {remedy}") from error


@contextmanager
def reading_errors(what: str, remedy: str, *, form: str = "") -> Iterator[None]:
    """Whatever a library raises at a damaged file (a dozen types each) as one error that names the file.

    Args:
        what: the file, and the place in it.
        remedy: with which the message ends.
        form: of the file, such as HDF5, where its name does not tell.
    """
    try:
        yield
    except RegardError:
        raise
    except Exception as error:
        text = " ".join(str(error).split()) or type(error).__name__
        named = f" as {form}" if form else ""
        raise RegardError(f"{what}: cannot be read{named} ({text[:200]}); {remedy}") from error


def _reason(error: Exception) -> str:
    return (error.strerror if isinstance(error, OSError) else None) or str(error)
