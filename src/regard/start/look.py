"""What is in a folder of photographs, before anything is trained on it: classes, sizes, damage, copies."""

from __future__ import annotations

import os
import time
from collections import Counter
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from statistics import median

from regard.data import DataSplits, Member, content_hashes, image_folder, read_image
from regard.listing import IMAGE_SUFFIXES, is_stray, list_files
from regard.reading import image_header
from regard.types import RegardError

_PATIENCE = 60.0
"""Seconds after which files are no longer decoded, and only their headers read."""
_SMALL = 16
"""Side at which the folder is opened: its pixels are not looked at."""


@dataclass(frozen=True)
class Copies:
    """Files of the same content.

    Attributes:
        paths: all of them.
        splits: in which they are, each once.
        classes: in which they are, each once: more than one contradict each other.
    """

    paths: tuple[Path, ...]
    splits: tuple[str, ...]
    classes: tuple[str, ...]


@dataclass(frozen=True)
class FolderFacts:
    """What was found in a folder of images by class.

    Attributes:
        root: the folder.
        members: split -> its files and classes, as `regard train` would have them.
        given: splits that are folders; the others are drawn from the training images.
        unreadable: file -> why it cannot be read.
        sides: shorter side in pixels: smallest, median and largest.
        copies: files of the same content.
        decoded: how many files were read whole; of the others only the header.
        ignored: endings of files that are no images for regard, and how many there are.
    """

    root: Path
    members: Mapping[str, tuple[Member, ...]]
    given: tuple[str, ...]
    unreadable: Mapping[Path, str]
    sides: tuple[int, int, int]
    copies: tuple[Copies, ...]
    decoded: int
    ignored: Mapping[str, int]

    @property
    def files(self) -> list[Path]:
        """All image files."""
        return [member.files[0] for members in self.members.values() for member in members]

    @property
    def counts(self) -> dict[str, int]:
        """Class -> number of files in all splits, in the order of the classes' names."""
        found = Counter(member.labels[0] for members in self.members.values() for member in members)
        return dict(sorted(found.items()))

    @property
    def imbalance(self) -> float:
        """How many times as many images the largest class has as the smallest."""
        return max(self.counts.values()) / min(self.counts.values())

    @property
    def leaks(self) -> tuple[Copies, ...]:
        """Copies that are in several splits: what is tested on them was seen in training, or chosen by them."""
        return tuple(copies for copies in self.copies if len(copies.splits) > 1)

    @property
    def contradictions(self) -> tuple[Copies, ...]:
        """Copies that are of several classes."""
        return tuple(copies for copies in self.copies if len(copies.classes) > 1)


def look_at(root: str | Path) -> FolderFacts:
    """Looks at a folder of images by class: every file is read, for a minute at most, and then only its header.

    Copies are told by the content of files alone: a picture that was saved again or resized is another one.

    Raises:
        RegardError: there is no folder per class, or a class or split without images.

    Example:
        >>> look_at("nowhere")
        Traceback (most recent call last):
        regard.errors.RegardError: nowhere: no such image folder; correct the path
    """
    root = Path(root)
    _need_classes(root)
    data = image_folder(root, size=_SMALL)
    given = tuple(name for name in data.members if (root / name).is_dir()) if (root / "train").is_dir() else ()
    files = [member.files[0] for members in data.members.values() for member in members]
    until = time.monotonic() + _PATIENCE
    with ThreadPoolExecutor(4) as pool:
        read = list(pool.map(lambda path: _read(path, until), files))
    unreadable = {path: found for path, (found, _) in zip(files, read, strict=True) if isinstance(found, str)}
    sides = sorted(found for found, _ in read if isinstance(found, int))
    if not sides:
        first = next(iter(unreadable.values()))
        raise RegardError(f"{root}: none of its {len(files)} images can be read; the first: {first}")
    return FolderFacts(
        root,
        data.members,
        given,
        unreadable,
        (sides[0], round(median(sides)), sides[-1]),
        _copies(data, [path for path in files if path not in unreadable]),
        sum(whole for _, whole in read),
        _ignored(root),
    )


def _need_classes(root: Path) -> None:
    """An error for a folder of pictures without classes, with what can be done with it as it is."""
    if not root.is_dir() or any(path.is_dir() and not is_stray(path.name) for path in root.iterdir()):
        return
    flat = list_files(root, IMAGE_SUFFIXES, recursive=False)
    if flat:
        raise RegardError(
            f"{root}: {len(flat)} images and no folder per class; to train, move each into one, such as "
            f"{root / 'cat' / flat[0].name}; to explain them as they are: regard explain {root} --model "
            "tf_efficientnet_lite0"
        )


def _read(path: Path, until: float) -> tuple[int | str, bool]:
    """A file's shorter side, or why it cannot be read; and whether all of it was."""
    whole = time.monotonic() < until
    try:
        return (min(read_image(path).size) if whole else min(image_header(path))), whole
    except RegardError as error:
        return str(error), whole


def _copies(data: DataSplits, files: Sequence[Path]) -> tuple[Copies, ...]:
    place = {
        member.files[0]: (split, member.labels[0]) for split, members in data.members.items() for member in members
    }
    groups: dict[str, list[Path]] = {}
    for path, digest in zip(files, content_hashes(files), strict=True):
        groups.setdefault(digest, []).append(path)
    return tuple(
        Copies(tuple(paths), *(tuple(dict.fromkeys(place[path][k] for path in paths)) for k in (0, 1)))
        for paths in groups.values()
        if len(paths) > 1
    )


def _ignored(root: Path) -> dict[str, int]:
    """Endings of files that are not taken for images, those that may be meant as pictures among them."""
    found: Counter[str] = Counter()
    for _, folders, names in os.walk(root):
        folders[:] = [name for name in folders if not is_stray(name)]
        endings = (Path(name).suffix.lower() or "no ending" for name in names if not is_stray(name))
        found.update(ending for ending in endings if ending not in IMAGE_SUFFIXES)
    return dict(sorted(found.items(), key=lambda item: (-item[1], item[0])))
