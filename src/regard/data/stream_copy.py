"""Streams of pictures and labels, which have no index, read once and packed as tar shards in the user's cache."""

from __future__ import annotations

import hashlib
import io
import tarfile
from collections.abc import Iterator, Mapping, Sequence
from itertools import islice
from pathlib import Path
from typing import Any

from PIL import Image

from regard.data.cache import cache_folder
from regard.data.files import cover, image_to_rgb
from regard.files import atomic_path
from regard.types import RegardError

_PACKED = 1000
"""Images of a shard."""


def pack_streams(
    name: str,
    root: str | Path,
    splits: Mapping[str, str],
    arguments: Mapping[str, Any],
    size: tuple[int, int],
    opened: Mapping[str, Any],
) -> Path:
    """The folder of the shards, with what is missing in it read from the streams and resized.

    Args:
        name: of the source; it, ``root``, ``splits``, ``arguments`` and ``size`` say which copy it is.
        root: where the source lies.
        splits: split -> what the source calls it.
        arguments: others that the source was opened with.
        size: height and width of the images.
        opened: split -> an iterable of pictures and class numbers, always in the same order.

    Raises:
        RegardError: a stream breaks, has no images, or has an item that is no picture with one class number.
    """
    key = hashlib.sha256(repr((1, name, str(root), sorted(splits.items()), sorted(arguments.items()), size)).encode())
    folder = cache_folder() / "streams" / key.hexdigest()[:16]
    for part, source in opened.items():
        if (folder / f"{part}.done").exists():
            continue
        there = len(list(folder.glob(f"{part}-*.tar")))
        items = islice(enumerate(source), there * _PACKED, None)
        while batch := _next(items, f"{name}, {part}"):
            with atomic_path(folder / f"{part}-{there:05d}.tar", parents=True) as file:
                _write_shard(file, batch, size, f"{name}, {part}")
            there += 1
        if not there:
            raise RegardError(f"{name}, split {splits[part]!r}: the stream has no images; correct name, root or splits")
        with atomic_path(folder / f"{part}.done", parents=True) as file:
            file.touch()
    return folder


def _next(items: Iterator[tuple[int, Any]], called: str) -> list[tuple[int, Any]]:
    """What goes into the next shard; empty at the end of the stream."""
    try:
        return list(islice(items, _PACKED))
    except Exception as error:  # of a network, of datasets or TensorFlow
        said = " ".join(str(error).split())[:300] or type(error).__name__
        raise RegardError(
            f"{called}: the stream broke ({said}); what was read is kept, the same command goes on"
        ) from None


def _write_shard(file: Path, items: Sequence[tuple[int, Any]], size: tuple[int, int], called: str) -> None:
    with tarfile.open(file, "w") as archive:
        for k, (picture, label) in items:
            if not isinstance(picture, Image.Image) or isinstance(label, bool) or not whole_number(label):
                raise RegardError(
                    f"{called}: item {k} is {type(picture).__name__} with label {label!r}; a picture and one class "
                    "number are needed (input_key and target_key in arguments)"
                )
            content = io.BytesIO()
            cover(image_to_rgb(picture, f"{called}: item {k}"), size, Image.Resampling.BILINEAR).save(content, "png")
            for suffix, data in ((".png", content.getvalue()), (".cls", str(int(label)).encode())):
                entry = tarfile.TarInfo(f"{k:09d}{suffix}")
                entry.size = len(data)
                archive.addfile(entry, io.BytesIO(data))


def whole_number(label: Any) -> bool:
    """Whether a label is a whole number."""
    try:
        return bool(int(label) == label)
    except (TypeError, ValueError):
        return False
