"""What a run was trained on: its classes, and the split of every item by content; found again at every later use.

A split that is drawn from a folder is another one as soon as an image is added. `record_data` therefore notes which
content belongs to which split, `keep_items` gives a set opened later the same classes, labels and splits, and refuses
images that are missing or changed. Sets without files of their own are recorded by a fingerprint alone (`check_data`).

Not here: where a record is kept (`regard.training`).
"""

from __future__ import annotations

import hashlib
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence, Set
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from functools import lru_cache
from pathlib import Path
from typing import Literal

import torch
from jaxtyping import Int, Num
from torch import Tensor

from regard.data.splits import DataSplits, Member, Split, evenly_spaced
from regard.errors import printable
from regard.types import RegardError

_SPLITS = ("train", "val", "test")
_WHOLE = 64 * 2**20
"""Bytes up to which a file is hashed whole; of a longer one (videos) the length and three pieces."""
_PIECE = 4 * 2**20
_SAMPLE = 256
"""Items of a split that is not in memory of which a fingerprint reads the pixels."""
_GAZE = "The fixations of {} are not those that were there at training."
_NAMED = 3
"""Images that a message names."""


@dataclass(frozen=True)
class RecordedItem:
    """An item: its name below the set's folder, `content_hash` of its file, split and labels; of its mask, the hash."""

    name: str
    hash: str
    split: str
    labels: tuple[str, ...]
    mask: str = ""


@dataclass(frozen=True)
class DataRecord:
    """What is known of a data set once it is not at hand.

    Attributes:
        schema: of this record.
        name: of the set in the catalog.
        classes: class names; a label is a position in it.
        multi_label: whether an item may have several labels.
        size: height and width of the images.
        counts: split -> number of items.
        fingerprint: hash of all content and labels.
        items: every item of a set in files; empty for sets that are generated or come as one archive.
        observers: ``learned`` and ``judged``, whose gaze is learned from and compared with; empty where all are both.
        gaze: hash of all fixations; empty without.
        started: the folder in which the command ran that opened it, from which relative paths are found again; empty
            where none are needed.
    """

    schema: Literal[1]
    name: str
    classes: tuple[str, ...]
    multi_label: bool
    size: tuple[int, ...]
    counts: Mapping[str, int]
    fingerprint: str
    items: tuple[RecordedItem, ...] = ()
    observers: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    gaze: str = ""
    started: str = ""

    def __post_init__(self) -> None:
        known = set(self.classes)
        if set(self.counts) != set(_SPLITS) or not set(self.observers) <= {"learned", "judged"}:
            raise RegardError(f"counts {dict(self.counts)}, observers {dict(self.observers)}: not those of a record")
        for item in self.items:
            if (
                item.split not in _SPLITS
                or not set(item.labels) <= known
                or (len(item.labels) != 1 and not self.multi_label)
            ):
                raise RegardError(f"item {item.name!r} is in {item.split!r} with labels {item.labels}")

    @property
    def copies(self) -> tuple[RecordedItem, ...]:
        """Test items whose content is that of a training item: nothing can be tested on them."""
        trained = self.hashes("train")
        return tuple(item for item in self.items if item.split == "test" and item.hash in trained)

    def hashes(self, *splits: str) -> frozenset[str]:
        """`content_hash` of all items of these splits."""
        return frozenset(item.hash for item in self.items if item.split in splits)

    @contextmanager
    def naming_places(self, *paths: object) -> Iterator[None]:
        """A block whose errors say where a relative path was found, where there is another at which the run began."""
        try:
            yield
        except RegardError as error:
            here = (Path(path).expanduser() for path in paths if isinstance(path, str | Path) and self.started)
            both = [(path.absolute(), Path(self.started) / path) for path in here if path.exists()]
            told = [
                f"{found} was taken, as it is in the working directory; the run began with {began}"
                for found, began in both
                if began.exists() and not began.samefile(found)
            ]
            if not told:
                raise
            remedy = f"work in {self.started}, or give the whole path in the run's recipe.yaml"
            raise RegardError(f"{error}. {'; '.join(told)}: {remedy}") from None

    def locate(self, path: str | Path) -> Path:
        """A path that the recipe names, from where the command works now, else from where the run was started.

        Raises:
            RegardError: there is nothing at either place.
        """
        here = Path(path).expanduser()
        there = Path(self.started) / here
        for place in (here, there):
            if not self.started or place.exists():
                return place
        places = [str(here)] if here.is_absolute() else [str(here.absolute()), str(there)]
        raise RegardError(
            f"data set {self.name}: {path} of the run's recipe is not there any more (looked for "
            f"{' and '.join(dict.fromkeys(places))}); put it back, or correct the path in the run's recipe.yaml"
        )


@dataclass(frozen=True)
class KeptItems:
    """Files as a record has them: ``labels`` of all files (those that are not used have the first), and ``groups``, the
    positions of every split's files in the order of the record; those of test without copies of training items.
    """

    classes: tuple[str, ...]
    labels: Num[Tensor, "N *n"]
    groups: Mapping[str, Int[Tensor, " _"]]
    remarks: tuple[str, ...]


def content_hash(path: Path) -> str:
    """SHA-256 of a file's content, 32 hexadecimal digits; of a folder (frames of a video) that of its files.

    Of files above 64 MiB, the length and three pieces of 4 MiB, from beginning, middle and end, are hashed.

    Raises:
        RegardError: it is missing or cannot be read.
    """
    try:
        if path.is_dir():
            files = sorted(file for file in path.iterdir() if file.is_file() and not file.name.startswith("."))
            return hashlib.sha256(" ".join(map(content_hash, files)).encode()).hexdigest()[:32]
        state = path.stat()
        return _file_hash(str(path.resolve()), state.st_size, state.st_mtime_ns, state.st_ctime_ns)
    except OSError as error:
        raise RegardError(f"{path}: cannot be read ({error.strerror or error}); restore it, or leave it out") from None


@lru_cache(maxsize=1_000_000)
def _file_hash(path: str, size: int, *_: int) -> str:
    with Path(path).open("rb") as file:
        if size <= _WHOLE:
            return hashlib.file_digest(file, "sha256").hexdigest()[:32]
        total = hashlib.sha256(str(size).encode())
        for start in (0, (size - _PIECE) // 2, size - _PIECE):
            file.seek(start)
            total.update(file.read(_PIECE))
        return total.hexdigest()[:32]


def content_hashes(paths: Sequence[Path]) -> list[str]:
    """`content_hash` of each path."""
    with ThreadPoolExecutor(4) as pool:
        return list(pool.map(content_hash, paths))


def record_data(name: str, data: DataSplits) -> DataRecord:
    """The record of an open set, called ``name`` in the catalog.

    Raises:
        RegardError: a file that cannot be read.
    """
    splits = {"train": data.train, "val": data.val, "test": data.test}
    items = [item for split in _SPLITS for item in _items(split, data.members.get(split, ()), data.where)]
    total = hashlib.sha256(repr((data.classes, {split: len(part) for split, part in splits.items()})).encode())
    if items:
        total.update(repr([(item.hash, item.split, item.labels, item.mask) for item in items]).encode())
    else:
        for part in splits.values():
            total.update(_pixels(part))
    height, width = data.train.batch([0]).size
    return DataRecord(
        schema=1,
        name=name,
        classes=tuple(data.classes),
        multi_label=data.train.labels.ndim == 2,
        size=(height, width),
        counts={split: len(part) for split, part in splits.items()},
        fingerprint=total.hexdigest()[:32],
        items=tuple(items),
        observers=data.observers,
        gaze=_gaze(splits.values()) if items else "",
    )


def keep_items(
    record: DataRecord, files: Sequence[tuple[Path, ...]], labels: Sequence[tuple[str, ...]], *, where: Path
) -> KeptItems:
    """The recorded classes, labels and splits of the files that a set has now; a file may have been renamed or moved.

    Args:
        record: made when the run was trained.
        files: of each item, its file and, if it has one, its mask's.
        labels: names of each item's classes.
        where: the set's folder, below which items are named, and which errors name.

    Raises:
        RegardError: recorded items that are missing, or whose content, mask or class is another now.
    """
    names = [item_name(own[0], where) for own in files]
    hashes = content_hashes([own[0] for own in files])
    named = {(name, value): i for i, (name, value) in enumerate(zip(names, hashes, strict=True))}
    place = {item: i for item in record.items if (i := named.get((item.name, item.hash))) is not None}
    free: dict[str, list[int]] = defaultdict(list)
    used = set(place.values())
    for i, value in enumerate(hashes):
        if i not in used:
            free[value].append(i)
    for item in record.items:
        if item not in place and free[item.hash]:
            same = [i for i in free[item.hash] if set(labels[i]) == set(item.labels)]
            place[item] = (same or free[item.hash])[0]
            free[item.hash].remove(place[item])
    _refuse_changes(record, place, files, labels, names=set(names), where=where)
    code = {name: k for k, name in enumerate(record.classes)}
    kept = torch.zeros(len(files), len(record.classes)) if record.multi_label else torch.zeros(len(files)).long()
    for item, i in place.items():
        codes = [code[name] for name in item.labels]
        kept[i] = torch.zeros(len(code)).index_fill_(0, torch.tensor(codes), 1) if record.multi_label else codes[0]
    copies = record.copies
    copied = _some([item.name for item in copies])
    if copies and len(copies) == record.counts["test"]:
        raise RegardError(
            f"{where}: all {len(copies)} test images are copies of training images ({copied}), so that "
            "nothing can be tested on them; add other images, and train under another name (--name)"
        )
    left_out = set(copies)
    judged = [item for item in record.items if item not in left_out]
    groups = {split: torch.tensor([place[item] for item in judged if item.split == split]).long() for split in _SPLITS}
    used = set(place.values())
    known = record.hashes(*_SPLITS)
    unused = [i for i in range(len(files)) if i not in used]
    others = {
        "not used, added after training": [i for i in unused if hashes[i] not in known],
        "not used, being copies of items of the run": [i for i in unused if hashes[i] in known],
    }
    remarks = [
        f"{_count(own, 'item')} of {printable(where)} {why}: {_some([names[i] for i in own])}."
        for why, own in others.items()
        if own
    ]
    if copies:
        remarks.append(f"{_count(copies, 'test item')} left out, being copies of training items: {copied}.")
    return KeptItems(record.classes, kept, groups, tuple(remarks))


def check_data(record: DataRecord, data: DataSplits, *, generated: bool) -> DataSplits:
    """The data, with a remark where they are not quite those of the record.

    Args:
        record: made when the run was trained.
        data: opened now.
        generated: the set is computed from its options: pixels may be rounded otherwise on another machine, so that
            other pixels are a remark and no error.

    Raises:
        RegardError: other classes, labels or images.
    """
    now = record_data(record.name, data)
    remedy = "restore it, or train a run on the set as it is under another name (--name)"
    if now.classes != record.classes:
        raise RegardError(f"data set {record.name}: has classes {_some(now.classes)}, not those of the run; {remedy}")
    if record.items:  # `keep_items` compared them
        same = now.gaze == record.gaze or bool(record.copies)
        return data if same else replace(data, remarks=(*data.remarks, _GAZE.format(record.name)))
    if now.counts != record.counts:
        raise RegardError(
            f"data set {record.name}: has {dict(now.counts)} items, the run was trained on {dict(record.counts)}; "
            f"{remedy}"
        )
    remarks = []
    if now.fingerprint != record.fingerprint:
        if not generated:
            raise RegardError(
                f"data set {record.name}: its content is not that on which the run was trained (fingerprint "
                f"{now.fingerprint}, recorded {record.fingerprint}); {remedy}"
            )
        remarks.append(
            f"The generated images of {record.name} are not bit for bit those of training (another version or machine)."
        )
    return replace(data, remarks=(*data.remarks, *remarks)) if remarks else data


def item_name(path: Path, where: Path) -> str:
    """The name of a file below a folder, with slashes; as it is where it lies elsewhere."""
    return (path.relative_to(where) if path.is_relative_to(where) else path).as_posix()


def _items(split: str, members: Sequence[Member], where: Path) -> list[RecordedItem]:
    hashes = content_hashes([member.files[0] for member in members])
    masks = content_hashes([member.files[-1] for member in members if len(member.files) > 1]) or [""] * len(members)
    return [
        RecordedItem(item_name(member.files[0], where), value, split, member.labels, mask)
        for member, value, mask in zip(members, hashes, masks, strict=True)
    ]


def _refuse_changes(
    record: DataRecord,
    place: Mapping[RecordedItem, int],
    files: Sequence[tuple[Path, ...]],
    labels: Sequence[tuple[str, ...]],
    *,
    names: set[str],
    where: Path,
) -> None:
    """Raises where an item is missing or not as it was."""
    wrong, masks = [], any(len(own) > 1 for own in files)
    for item in record.items:
        i = place.get(item)
        if i is None:
            wrong.append(f"{'changed' if item.name in names else 'missing'} {item.name} ({item.split})")
        elif set(labels[i]) != set(item.labels):
            wrong.append(f"{item.name} ({item.split}) is {'+'.join(labels[i])} now, was {'+'.join(item.labels)}")
        elif item.mask and len(files[i]) > 1 and content_hash(files[i][1]) != item.mask:
            wrong.append(f"changed mask {item_name(files[i][1], where)} ({item.split})")
        elif item.mask and len(files[i]) == 1 and masks:
            wrong.append(f"missing mask of {item.name} ({item.split})")
    if wrong:
        raise RegardError(
            f"{where}: {len(wrong)} of the {len(record.items)} items of the run are missing or changed: "
            f"{_some(wrong)}; restore them, or train a run on the set as it is under another name (--name)"
        )


def _count(items: Sequence[object] | Set[object], what: str) -> str:
    return f"{len(items)} {what}{'' if len(items) == 1 else 's'}"


def _some(names: Sequence[str]) -> str:
    more = f" and {len(names) - _NAMED} more" if len(names) > _NAMED else ""
    return ", ".join(map(printable, names[:_NAMED])) + more


def _pixels(split: Split) -> bytes:
    """Hash of a split's labels and pixels; of one that is not in memory, of the pixels of some items."""
    total = hashlib.sha256(_bytes(split.labels))
    images = getattr(split, "images", None)
    if isinstance(images, Tensor):
        total.update(_bytes(images))
    else:
        for part in evenly_spaced(len(split), _SAMPLE).split(64):
            total.update(_bytes((split.batch(part).images * 255).round().byte()))
    return total.digest()


def _gaze(splits: Iterable[Split]) -> str:
    """Hash of the fixations of all splits; empty where they have none."""
    every = [getattr(split, "fixations", None) for split in splits]
    points = [own for own in every if own is not None]
    if not points:
        return ""
    total = hashlib.sha256()
    for own in points:
        total.update(repr(tuple(own.shape)).encode() + _bytes(own))
    return total.hexdigest()[:32]


def _bytes(values: Tensor) -> memoryview:
    return values.detach().cpu().contiguous().numpy().data.cast("B") if values.numel() else memoryview(b"")
