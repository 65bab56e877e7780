"""The one atomic writer: a reader sees the old file or the new one, never half of either.

The content goes to a temporary file with a unique name in the same folder (``.name.<process>.<random>.part``), is
synced to the disk and renamed onto the target; then the folder is synced, so that the rename outlives a power cut. An
error leaves the old file and no temporary one; a killed process may leave a ``.part`` file, which nothing reads and
`remove_leftovers` removes. Several processes may write one file at once: the last rename wins.
"""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from uuid import uuid4

import numpy as np

from regard.errors import RegardError
from regard.processes import is_gone, process_tag


@contextmanager
def atomic_path(path: str | Path, *, parents: bool = False, remedy: str = "") -> Iterator[Path]:
    """A temporary file to write into, which replaces ``path`` when the block ends without an error.

    For writers that want a path or stream large contents; the temporary file exists and is empty. A new file gets the
    permissions that the umask leaves, an old one keeps its own. A symbolic link stays, its target is replaced; what is
    no regular file, such as ``/dev/stdout``, is written directly.

    Args:
        path: the file to write.
        parents: make missing folders; otherwise they are an error.
        remedy: what to do if it cannot be written, for the error message.

    Raises:
        RegardError: the folder is missing or may not be written to, or the disk is full.

    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     with atomic_path(Path(folder) / "a.txt") as part:
    ...         size = part.write_text("whole")
    ...     [file.name for file in Path(folder).iterdir()]
    ['a.txt']
    """
    target, part = Path(path).resolve(), None
    try:
        if target.exists() and not target.is_file():
            yield target
            return
        if parents:
            make_folder(target.parent)
        part = _temporary(target)
        mode = (target if target.exists() else part).stat().st_mode & 0o777
        yield part
        with part.open("rb+") as file:
            os.fsync(file.fileno())
        part.chmod(mode)  # a library that writes may have put a file of its own in the place, which others cannot read
        part.replace(target)
        _sync_folder(target.parent)
    except OSError as error:
        remedy = remedy or "check that its folder exists, may be written to and has room"
        raise RegardError(f"{path}: cannot be written ({error.strerror or error}); {remedy}") from error
    finally:
        if part is not None:
            with suppress(OSError):
                part.unlink(missing_ok=True)


def write_atomically(
    path: str | Path, content: str | bytes | memoryview, *, parents: bool = False, remedy: str = ""
) -> Path:
    """Writes text (UTF-8) or bytes, whole or not at all; arguments and errors as in `atomic_path`."""
    data = content.encode() if isinstance(content, str) else content
    size = memoryview(data).nbytes
    remedy = remedy or f"check that its folder exists, may be written to and has {size:,} bytes free"
    with atomic_path(path, parents=parents, remedy=remedy) as part:
        part.write_bytes(data)
    return Path(path)


def csv_name(name: str) -> str:
    """A name as a cell of a table that a spreadsheet may open: one that it would take for a formula gets a ' in front.

    >>> csv_name("=1+1.png"), csv_name("bird.png")
    ("'=1+1.png", 'bird.png')
    """
    return f"'{name}" if name.startswith(("=", "+", "-", "@", "\t", "\r")) else name


def write_json(path: str | Path, content: Any, *, indent: int | None = 1, parents: bool = False) -> Path:
    """Writes plain data as JSON with a final newline, whole or not at all.

    Raises:
        RegardError: see `atomic_path`.
        ValueError: a number that is not finite, which JSON does not know.
    """
    return write_atomically(path, json.dumps(content, indent=indent, allow_nan=False) + "\n", parents=parents)


def write_arrays(path: str | Path, arrays: Mapping[str, Any], *, parents: bool = False) -> Path:
    """Writes arrays as a compressed ``.npz``, whole or not at all; objects, which would be pickled, are refused.

    Raises:
        RegardError: see `atomic_path`.
        ValueError: an array of objects.
    """
    with atomic_path(path, parents=parents) as part, part.open("wb") as file:
        np.savez_compressed(file, allow_pickle=False, **arrays)
    return Path(path)


def make_folder(folder: str | Path) -> Path:
    """The folder, made with those around it where it is absent.

    Raises:
        RegardError: a file is in its place, or it cannot be made.
    """
    try:
        Path(folder).mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise RegardError(
            f"{folder}: cannot be made a folder ({error.strerror or error}); give a place that may be written to and "
            "is no file"
        ) from error
    return Path(folder)


@dataclass(frozen=True)
class FolderClaim:
    """An output folder that is reserved for one set of options.

    Attributes:
        folder: that is reserved.
        before: names of what lay in it before; None where it held the same options already.
        made: the outermost folder that was made for it, if any.
    """

    folder: Path
    before: frozenset[str] | None
    made: Path | None = None

    @contextmanager
    def undone_on_failure(self, begun: Callable[[Path], bool]) -> Iterator[None]:
        """Removes what was made since the claim, if the block raises before ``begun(folder)``: a failed command leaves
        nothing behind, so that the corrected one finds a free folder. A folder that was claimed before is left alone.
        """
        try:
            yield
        except Exception:
            if self.before is not None and not begun(self.folder):
                self._undo(self.before)
            raise

    def _undo(self, before: frozenset[str]) -> None:
        for path in self.folder.iterdir():
            if path.name not in before:
                if path.is_dir() and not path.is_symlink():
                    shutil.rmtree(path, ignore_errors=True)
                else:
                    path.unlink(missing_ok=True)
        folder = self.folder
        with suppress(OSError):  # others may have written into it, or into those around it
            while self.made is not None and folder.is_relative_to(self.made):
                folder.rmdir()
                folder = folder.parent


def claim_folder(
    folder: Path,
    name: str,
    content: str,
    *,
    holds: str,
    option: str = "--out",
    same: Callable[[Path], bool] | None = None,
) -> FolderClaim:
    """Reserves an output folder for one set of options, so that other options never overwrite or mix with its results.

    Args:
        folder: made if it is absent.
        name: file in it that holds the options.
        content: the options as text.
        holds: what a folder with other options holds, for the error: ``a run of another recipe``.
        option: of the command line, that names another folder.
        same: whether an existing file holds the same options; by default its text must be equal.

    Returns:
        The claim, which can be undone on failure.

    Raises:
        RegardError: the folder belongs to other options, or cannot be written to.
    """
    path = folder / name
    if not path.exists():
        around = [p for p in (folder, *folder.parents) if not p.exists()]
        before = frozenset(p.name for p in folder.iterdir()) if folder.is_dir() else frozenset()
        write_atomically(path, content, parents=True)
        return FolderClaim(folder, before, around[-1] if around else None)
    if not (same(path) if same is not None else path.read_text() == content):
        raise RegardError(f"{folder} holds {holds}; give {option} NEW, or remove the folder to start again")
    return FolderClaim(folder, None)


def _temporary(target: Path) -> Path:
    """A new, empty file beside the target, with the permissions that the umask leaves."""
    part = target.with_name(f".{target.name}.{process_tag()}.{uuid4().hex[:8]}.part")
    part.touch(exist_ok=False)
    return part


def remove_leftovers(folder: Path) -> None:
    """Removes, in a folder and those inside it, the temporary files of this machine's processes that have ended."""
    for part in folder.rglob(".*.part"):
        tag = part.name.split(".")[-3] if part.name.count(".") > 3 else ""
        if is_gone(tag):
            with suppress(OSError):
                part.unlink()


def link_atomically(source: Path, target: Path) -> None:
    """Makes ``target`` another name of a whole file, or, where that cannot be, a copy; replaces what is there.

    Raises:
        RegardError: see `atomic_path`.
    """
    if target.exists() and target.samefile(source):  # renaming one name of a file to another does nothing
        return
    part = target.with_name(f".{target.name}.{process_tag()}.{uuid4().hex[:8]}.part")
    try:
        part.hardlink_to(source)
        part.replace(target)
        _sync_folder(target.parent)
    except OSError:  # a file system without hard links
        with atomic_path(target) as copy:
            shutil.copyfile(source, copy)
    finally:
        with suppress(OSError):
            part.unlink(missing_ok=True)


def _sync_folder(folder: Path) -> None:
    """Makes a rename durable, where the file system can."""
    if os.name == "posix":
        with suppress(OSError):
            handle = os.open(folder, os.O_RDONLY)
            try:
                os.fsync(handle)
            finally:
                os.close(handle)
