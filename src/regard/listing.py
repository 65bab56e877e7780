"""Which files of a folder are meant, and which of several names another name means.

Folders that people copy hold more than was put there: macOS writes ``._0.png`` and ``.DS_Store``, Windows
``Thumbs.db``, notebooks ``.ipynb_checkpoints``, network disks ``@eaDir``. `list_files` and `list_folders` pass over
them, at any depth, for every reader of the package. Names of one thing differ, too: by ending, by capitals, by the two
ways in which Unicode writes an accent, by the slash of the system. `Names` and `find_path` find what is meant, or say
what could be.

Not here: what is in the files.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Iterable, Iterator
from pathlib import Path

from regard.errors import RegardError

IMAGE_SUFFIXES = (".jpg", ".jpeg", ".jfif", ".png", ".bmp", ".gif", ".tif", ".tiff", ".webp")
"""Endings of image files; capitals do not matter."""
ARRAY_SUFFIXES = (".npy", ".npz", ".mat")
_STRAY = {
    "__macosx",
    "__pycache__",
    "@eadir",
    "#recycle",
    "$recycle.bin",
    "system volume information",
    "lost+found",
    "thumbs.db",
    "ehthumbs.db",
    "desktop.ini",
    "icon\r",
}
"""What systems leave in folders, in small letters; names that begin with a dot or ``~$`` are left by programs."""


def is_stray(name: str) -> bool:
    """Whether a file or folder of this name was left by a system or a program.

    >>> [name for name in ("._0.png", "Thumbs.db", "@eaDir", "0.png", "a.b.png") if is_stray(name)]
    ['._0.png', 'Thumbs.db', '@eaDir']
    """
    return name.startswith((".", "~$")) or name.lower() in _STRAY


def list_files(folder: Path, suffixes: Iterable[str], *, recursive: bool = True) -> list[Path]:
    """The files with one of these endings, sorted by path, without strays and what lies in stray folders.

    Args:
        folder: to look in; its own name may be anything.
        suffixes: in small letters, with their dot; those of the files may be in capitals.
        recursive: with subfolders.

    Raises:
        RegardError: no such folder, or one that may not be read.
    """
    wanted = frozenset(suffixes)
    return sorted(path for path in _walk(folder, recursive) if path.suffix.lower() in wanted and path.is_file())


def list_folders(folder: Path) -> list[Path]:
    """The folders in a folder, sorted, without strays.

    Raises:
        RegardError: no such folder, or one that may not be read.
    """
    return sorted(path for path in _entries(folder) if path.is_dir())


def _walk(folder: Path, recursive: bool) -> Iterator[Path]:
    for path in _entries(folder):
        if recursive and path.is_dir() and not path.is_symlink():
            yield from _walk(path, recursive)
        else:
            yield path


def _entries(folder: Path) -> list[Path]:
    try:
        return [path for path in folder.iterdir() if not is_stray(path.name)]
    except FileNotFoundError:
        raise RegardError(f"{folder}: no such folder; correct the path") from None
    except NotADirectoryError:
        raise RegardError(f"{folder}: a file, where a folder is meant; give the folder that holds it") from None
    except OSError as error:
        raise RegardError(f"{folder}: cannot be read ({error.strerror or error}); check its permissions") from None


def stem_of(name: str) -> str:
    """A name without the ending of an image or array; other dots belong to it.

    >>> stem_of("a/scan.v1.PNG"), stem_of("scan.v1"), stem_of("cat.jpg.npy")
    ('a/scan.v1', 'scan.v1', 'cat.jpg')
    """
    stem, dot, ending = name.rpartition(".")
    known = dot and stem and not stem.endswith("/") and f".{ending.lower()}" in IMAGE_SUFFIXES + ARRAY_SUFFIXES
    return stem if known else name


def plain_name(name: str) -> str:
    r"""A name as it is compared: Unicode composed (NFC), slashes forward, no ``./`` before it.

    >>> plain_name("e\u0301te\u0301.png") == "\u00e9t\u00e9.png", plain_name(".\\a\\0.png")
    (True, 'a/0.png')
    """
    return unicodedata.normalize("NFC", name).replace("\\", "/").removeprefix("./")


def _forms(name: str) -> dict[str, str]:
    """Forms of a name that are compared with one another, as `_STEPS` says."""
    plain = plain_name(name)
    stem = stem_of(plain)
    return {"as is": name, "plain": plain, "small": plain.casefold(), "stem": stem, "small stem": stem.casefold()}


_STEPS = (
    ("as is", "as is"),
    ("plain", "plain"),
    ("small", "small"),
    ("stem", "plain"),
    ("plain", "stem"),
    ("stem", "stem"),
    ("small stem", "small"),
    ("small", "small stem"),
    ("small stem", "small stem"),
)
"""Which form of a listed name is compared with which of the name that is looked for, the strictest first."""


class Names:
    r"""Finds the one of some names that another name means.

    In this order: the same name; the same but for Unicode form and slashes; but for capitals; but for the ending of an
    image or array (a map ``cat.jpg.npy`` belongs to ``cat.jpg`` rather than to ``cat.png``); but for both. A name
    without a folder also means the only file of this name in any folder.

    >>> names = Names(["a/Cat.JPG", "a/dog.png", "b/dog.png"])
    >>> names.find("a\\cat.npy"), names.find("cat"), names.find("bird.png")
    ('a/Cat.JPG', 'a/Cat.JPG', None)
    """

    def __init__(self, names: Iterable[str]) -> None:
        self.names = tuple(names)
        self._whole: dict[str, dict[str, list[str]]] = {form: {} for form in _forms("")}
        self._last: dict[str, dict[str, list[str]]] = {form: {} for form in _forms("")}
        for name in self.names:
            for tables, part in ((self._whole, name), (self._last, plain_name(name).rpartition("/")[2])):
                for form, key in _forms(part).items():
                    tables[form].setdefault(key, []).append(name)

    def find(self, name: str) -> str | None:
        """The name that is meant; None if none is.

        Raises:
            RegardError: it could be one of several.
        """
        forms = _forms(name)
        tables = (self._whole,) if "/" in forms["plain"] else (self._whole, self._last)
        for listed_form, form in _STEPS:
            found = next((named for table in tables if (named := table[listed_form].get(forms[form]))), [])
            if len(found) > 1:
                listed = ", ".join(repr(other) for other in found[:3])
                raise RegardError(f"{name!r} could be any of {listed}: write the whole name, with folder and ending")
            if found:
                return found[0]
        return None

    def find_all(self, names: Iterable[str]) -> dict[str, str]:
        """What each of the names means, where something is.

        Raises:
            RegardError: a name could be one of several, or two with different endings would be one.
        """
        meant: dict[str, str] = {}
        owner: dict[str, tuple[str, str]] = {}
        for name in dict.fromkeys(names):
            if (found := self.find(name)) is None:
                continue
            ending = name.removeprefix(stem_of(name)).lower()
            first, first_ending = owner.setdefault(found, (name, ending))
            if ending and first_ending and ending != first_ending:
                raise RegardError(f"{first!r} and {name!r} would both be {found!r}: give each a file of its own name")
            meant[name] = found
        return meant


def find_path(path: Path) -> Path:
    """The file or folder that a path means: itself, or the only one whose name differs in form or capitals alone.

    A path that means nothing is returned as it is.
    """
    if path.exists() or path.parent == path:
        return path
    folder = find_path(path.parent)
    if not folder.is_dir():
        return path
    wanted = plain_name(path.name)
    near = [other for other in folder.iterdir() if plain_name(other.name).casefold() == wanted.casefold()]
    same = [other for other in near if plain_name(other.name) == wanted]
    found = same or near
    return found[0] if len(found) == 1 else path
