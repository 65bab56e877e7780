"""Images in tar shards, as WebDataset and `timm` write them, read by index.

A shard holds ``KEY.jpg`` (or another image) and its label beside it, ``KEY.cls`` (a number) or ``KEY.json`` (with
``label``). Only the headers are read when the set is opened, and kept in the user's cache: where an image lies in which
shard. So images have an order like files, and every epoch sees each once, over any number of ranks and workers, also in
a run that is killed and goes on. Nothing is unpacked.
"""

from __future__ import annotations

import re
import tarfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath, PureWindowsPath

import numpy as np
import torch
from jaxtyping import Int, UInt8
from PIL import Image
from torch import Tensor

from regard.data.cache import cached
from regard.data.files import as_size, covered_batch, image_to_rgb
from regard.data.splits import DataSplits, ItemDataset, check_labels, complete
from regard.errors import printable
from regard.listing import IMAGE_SUFFIXES
from regard.reading import load_image, parse_json, read_text, reading_errors, regular_file
from regard.types import Batch, RegardError

_SPLIT = re.compile(r"(?:^|[^a-z])(train|training|validation|valid|val|test)(?=[^a-z]|$)")
_NAMES = {"training": "train", "validation": "val", "valid": "val"}
_REMEDY = "fetch the shard again, or leave it out"
_LABEL = 2**20
"""Bytes of a label's entry, at most."""


@dataclass(frozen=True)
class _Index:
    """Where images lie: shard, first byte and number of bytes (N,3); labels (N,); keys as one text, and ends."""

    places: Int[Tensor, "N 3"]
    labels: Int[Tensor, " N"]
    keys: UInt8[Tensor, " L"]
    ends: Int[Tensor, " N"]

    def key(self, i: int) -> str:
        """The name of an image, without its suffix."""
        begin = int(self.ends[i - 1]) if i else 0
        return self.keys[begin : int(self.ends[i])].numpy().tobytes().decode()


@dataclass(frozen=True)
class ShardSplit(ItemDataset):
    """Images in tar shards, resized to just cover ``size`` and cut to its centre.

    Attributes:
        name: ``train``, ``val`` or ``test``.
        classes: class names.
        labels: (N,) long.
        size: height and width of the output, pixels.
        shards: the files.
        index: of all their images.
        positions: of this split's images in the index (N,).
    """

    name: str
    classes: tuple[str, ...]
    labels: Int[Tensor, " N"]
    size: tuple[int, int]
    shards: tuple[Path, ...]
    index: _Index
    positions: Int[Tensor, " N"]

    def __len__(self) -> int:
        return len(self.positions)

    def batch(self, index: Sequence[int] | Tensor) -> Batch:
        """The items at these positions, read now; an unreadable image raises a RegardError with its name."""
        where = torch.as_tensor(index, dtype=torch.int64)
        images = covered_batch((self._picture(i) for i in where.tolist()), len(where), self.size)
        return Batch(images, self.labels[where], where, split=self.name)

    def item_name(self, i: int) -> str:
        """Shard and key."""
        position = int(self.positions[i])
        return f"{self.shards[int(self.index.places[position, 0])]}: entry {self.index.key(position)}"

    def _picture(self, i: int) -> Image.Image:
        return image_to_rgb(load_image(self._bytes(i), turned=True, name=self.item_name(i)), self.item_name(i))

    def _bytes(self, i: int) -> bytes:
        shard, begin, count = self.index.places[int(self.positions[i])].tolist()
        with reading_errors(self.item_name(i), _REMEDY), self.shards[shard].open("rb") as file:
            file.seek(begin)
            content = file.read(count)
        if len(content) < count:
            raise RegardError(f"{self.item_name(i)}: the shard ends before it; {_REMEDY}")
        return content


def tar_shards(
    root: str | Path,
    *,
    size: int | tuple[int, int] = 224,
    image: str | None = None,
    label: str = "label",
    classes: str | Path | Sequence[str] | None = None,
    val_share: float = 0.1,
    test_share: float = 0.1,
    seed: int = 0,
    mirror: bool = True,
) -> DataSplits:
    """A folder of tar shards, as WebDataset and `timm` write them.

    Args:
        root: the folder. A shard's split is the word ``train``, ``val`` (``valid``, ``validation``) or ``test`` in its
            name or its folder's, as in ``imagenet1k-train-0000.tar`` and ``train/0000.tar``; without such words all
            are for training.
        size: height and width of the images, or one number for both: resized to just cover it, cut to the centre.
        image: what follows the key's dot in the name of an image, where a sample has several, such as ``jpg``.
        label: name of the label, a number, in a sample's ``.json``, where it has no ``.cls``.
        classes: class names in the order of the labels, or a text file with one a line; None takes ``classes.txt`` of
            the folder, else the numbers.
        val_share: share of the training images for validation where there is no shard for it.
        test_share: likewise for test.
        seed: decides which.
        mirror: whether a mirrored image keeps its class.

    Raises:
        RegardError: no shards; one that is cut short, compressed, or has an entry that would leave its folder; a
            sample without an image or label; a label that no class has. Shard and entry are named.
    """
    root = Path(root)
    if not root.is_dir():
        raise RegardError(f"{root}: no such folder of shards; correct the path")
    shards = tuple(sorted(path for path in root.rglob("*.tar") if not path.name.startswith(".")))
    if not shards:
        packed = next(iter(sorted([*root.rglob("*.tar.*"), *root.rglob("*.tgz")])), None)
        why = (
            "no tar files in it" if packed is None else f"{packed.name} is compressed, and images need none: unpack it"
        )
        raise RegardError(f"{root}: {why}; shards are *.tar, not compressed")
    split_of = _splits(shards, root)
    stamps = [(str(path.resolve()), (state := path.stat()).st_size, state.st_mtime_ns) for path in shards]
    stored = cached("shards", repr((1, image, label, stamps)), lambda: _indexed(shards, image, label))
    index = _Index(**stored)
    names = _class_names(classes, root, index.labels)
    _check_range(index, names, shards)
    split = torch.tensor([("train", "val", "test").index(split_of[path]) for path in shards])[index.places[:, 0]]
    groups = {name: (split == k).nonzero()[:, 0] for k, name in enumerate(("train", "val", "test"))}
    groups = complete(groups, index.labels, {"val": val_share, "test": test_share}, seed=seed, where=root)
    parts = {
        name: ShardSplit(name, names, index.labels[own], as_size(size), shards, index, own)
        for name, own in groups.items()
    }
    for name, part in parts.items():
        check_labels(part.labels, names, where=f"split {name!r}")
    return DataSplits.of_parts(
        parts, statistics_images=500, source=f"shards in {root}", licence="yours", mirror=mirror, where=root
    )


def _splits(shards: Sequence[Path], root: Path) -> dict[Path, str]:
    """The split of each shard, by the words in its name."""
    found: dict[Path, str] = {}
    for path in shards:
        words = _SPLIT.findall(path.relative_to(root).as_posix().lower())
        named = {_NAMES.get(word, word) for word in words}
        if len(named) > 1:
            raise RegardError(f"{path}: named for {' and '.join(sorted(named))}; rename it, one split a shard")
        if named:
            found[path] = named.pop()
    if found and len(found) < len(shards):
        bare = next(path for path in shards if path not in found)
        raise RegardError(f"{bare}: no split in its name, as in {next(iter(found)).name}; rename it, or leave it out")
    if found and "train" not in found.values():
        raise RegardError(f"{root}: no shard is named for training, such as train-0000.tar")
    return found or dict.fromkeys(shards, "train")


def _indexed(shards: Sequence[Path], image: str | None, label: str) -> dict[str, Tensor]:
    """The fields of the index of all shards."""
    places, labels, keys = [], [], []
    for k, path in enumerate(shards):
        for key, begin, count, number in _samples(path, image, label):
            places.append((k, begin, count))
            labels.append(number)
            keys.append(key.encode())
    if not places:
        raise RegardError(f"{shards[0].parent}: no images in {len(shards)} shards ({', '.join(IMAGE_SUFFIXES)})")
    text = np.frombuffer(b"".join(keys), dtype=np.uint8).copy()
    ends = torch.tensor([len(key) for key in keys]).cumsum(0)
    return {
        "places": torch.tensor(places),
        "labels": torch.tensor(labels),
        "keys": torch.from_numpy(text),
        "ends": ends,
    }


def _samples(path: Path, image: str | None, label: str) -> Iterator[tuple[str, int, int, int]]:
    """Key, first byte, number of bytes and label of every image of a shard."""
    regular_file(path)
    pictures: dict[str, tuple[int, int]] = {}
    numbers: dict[str, int] = {}
    with reading_errors(str(path), _REMEDY, form="tar"), tarfile.open(path, "r:") as archive:
        for entry in archive:
            _check_entry(path, entry)
            name = PurePosixPath(entry.name)
            stem, _, suffix = name.name.partition(".")
            if entry.isdir() or not suffix or not stem:  # hidden files, as systems leave them, have no stem
                continue
            key, suffix = str(name.with_name(stem)), suffix.lower()
            if (suffix == image) if image else f".{suffix}" in IMAGE_SUFFIXES:
                if key in pictures:
                    raise RegardError(
                        f"{path}: entry {printable(entry.name)}: a second image of its sample; say which, such "
                        f"as by image={suffix!r}"
                    )
                pictures[key] = entry.offset_data, entry.size
            elif suffix == "cls" or (suffix == "json" and key not in numbers):
                numbers[key] = _number(path, archive, entry, suffix, label)
        archive.fileobj.seek(archive.offset)
        if archive.fileobj.read(tarfile.BLOCKSIZE) != tarfile.NUL * tarfile.BLOCKSIZE:
            raise RegardError(f"{path}: cannot be read as tar: it ends without the mark of its end; {_REMEDY}")
    for key, (begin, count) in pictures.items():
        if key not in numbers:
            raise RegardError(
                f"{path}: entry {printable(key)}: an image without a label; add {key}.cls with its number"
            )
        yield key, begin, count, numbers[key]


def _check_entry(path: Path, entry: tarfile.TarInfo) -> None:
    posix, windows = PurePosixPath(entry.name), PureWindowsPath(entry.name)
    if posix.is_absolute() or windows.anchor or ".." in posix.parts or ".." in windows.parts:
        raise RegardError(f"{path}: entry {printable(entry.name)} leaves the archive's folder; do not use this archive")
    if not (entry.isfile() or entry.isdir()) or entry.issparse():
        raise RegardError(f"{path}: entry {printable(entry.name)} is no plain file; do not use this archive")


def _number(path: Path, archive: tarfile.TarFile, entry: tarfile.TarInfo, suffix: str, label: str) -> int:
    """The label that an entry holds."""
    where = f"{path}: entry {printable(entry.name)}"
    file = archive.extractfile(entry) if entry.size <= _LABEL else None
    if file is None:
        raise RegardError(f"{where}: {entry.size:,} bytes are no label; correct the shard")
    with reading_errors(where, "correct the label"):
        text = file.read().decode("utf-8")
        value = text.strip() if suffix == "cls" else parse_json(text).get(label)
    if isinstance(value, bool) or not re.fullmatch(r"\d{1,9}", str(value)):
        raise RegardError(f"{where}: label {printable(str(value))} is no class number; use 0, 1, 2, ...")
    return int(value)


def _class_names(classes: str | Path | Sequence[str] | None, root: Path, labels: Tensor) -> tuple[str, ...]:
    if classes is None and not (root / "classes.txt").exists():
        return tuple(str(k) for k in range(max(int(labels.max()) + 1, 2)))
    if classes is None or isinstance(classes, str | Path):
        file = root / "classes.txt" if classes is None else Path(classes)
        classes = [line.strip() for line in read_text(file, "give one class a line").splitlines() if line.strip()]
    names = tuple(classes)
    if len(names) < 2 or len(set(names)) < len(names):
        raise RegardError(f"{root}: {len(names)} classes; give at least 2, each once")
    return names


def _check_range(index: _Index, names: Sequence[str], shards: Sequence[Path]) -> None:
    outside = (index.labels >= len(names)).nonzero()[:, 0]
    if len(outside):
        i = int(outside[0])
        raise RegardError(
            f"{shards[int(index.places[i, 0])]}: entry {index.key(i)}: label {int(index.labels[i])}, but there are "
            f"{len(names)} classes, 0 to {len(names) - 1}; correct it, or give all classes"
        )
