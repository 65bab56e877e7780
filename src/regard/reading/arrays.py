"""Arrays in ``.npy`` and ``.npz`` files: never pickled, and measured before memory is taken.

The header of an array may claim any shape, and a compressed member may unpack to a thousand times its size. An array
is read only if its header agrees with its length, and unpacks to at most 256 MiB or 20 times what it takes in the
file, whichever is more; the environment variable REGARD_MAX_BYTES raises the former.
"""

from __future__ import annotations

import math
import zipfile
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import IO, Any

import numpy as np
from numpy.typing import NDArray

from regard.errors import RegardError
from regard.reading.regular import limit, reading_errors, regular_file

MAX_BYTES = 256 * 2**20
_GROWTH = 20
_MEMBERS = 200_000
_REMEDY = "write it again with numpy"


def read_array(path: str | Path, remedy: str = _REMEDY) -> NDArray[Any]:
    """The array of an ``.npy`` file.

    Raises:
        RegardError: no such file, a pickled or damaged one, or one whose header does not agree with its length.
    """
    path = regular_file(path, remedy)
    with reading_errors(str(path), remedy), path.open("rb") as file:
        size = path.stat().st_size
        return _array(file, size, size, str(path), remedy)


def read_arrays(path: str | Path, remedy: str = _REMEDY) -> dict[str, NDArray[Any]]:
    """All arrays of an ``.npz`` file by name.

    Raises:
        RegardError: as `read_array`, of any of them.
    """
    with ArrayFile(path, remedy) as arrays:
        return dict(arrays)


class ArrayFile(Mapping[str, NDArray[Any]]):
    """An ``.npz`` file whose arrays are read when they are asked for.

    Args:
        path: the file.
        remedy: what to do if it cannot be read, for errors.

    Raises:
        RegardError: no such file, or no zip.
    """

    def __init__(self, path: str | Path, remedy: str = _REMEDY) -> None:
        self.path, self.remedy = regular_file(path, remedy), remedy
        with reading_errors(str(path), remedy):
            self._zip = zipfile.ZipFile(self.path)
            members = self._zip.infolist()
        if len(members) > _MEMBERS:
            raise RegardError(f"{path}: has {len(members):,} members, more than {_MEMBERS:,}; {remedy}")
        self._members = {member.filename.removesuffix(".npy"): member for member in members}

    def __getitem__(self, name: str) -> NDArray[Any]:
        member = self._members[name]
        what = f"{self.path}: array {name!r}"
        with reading_errors(what, self.remedy), self._zip.open(member) as file:
            return _array(file, member.file_size, member.compress_size, what, self.remedy)

    def __iter__(self) -> Iterator[str]:
        return iter(self._members)

    def __len__(self) -> int:
        return len(self._members)

    def __enter__(self) -> ArrayFile:
        return self

    def __exit__(self, *_: object) -> None:
        self._zip.close()


def check_growth(size: int, stored: int, what: str, remedy: str) -> None:
    """Refuses what unpacks to far more than it takes in its file.

    Raises:
        RegardError: more than 256 MiB (REGARD_MAX_BYTES) and more than 20 times as much.
    """
    most = limit("REGARD_MAX_BYTES", MAX_BYTES)
    if size > max(most, _GROWTH * stored):
        raise RegardError(
            f"{what}: {stored:,} bytes unpack to {size:,}, more than {most:,}; if you trust the file, set the "
            f"environment variable REGARD_MAX_BYTES to {size}, or else {remedy}"
        )


def _array(file: IO[bytes], size: int, stored: int, what: str, remedy: str) -> NDArray[Any]:
    """The array in a stream of ``size`` bytes, which take ``stored`` bytes in their file."""
    check_growth(size, stored, what, remedy)
    version = np.lib.format.read_magic(file)
    readers = {(1, 0): np.lib.format.read_array_header_1_0, (2, 0): np.lib.format.read_array_header_2_0}
    if version not in readers:
        raise RegardError(f"{what}: format {version} of numpy is not read; {remedy}")
    shape, column_major, dtype = readers[version](file)
    if dtype.hasobject:
        raise RegardError(f"{what}: cannot be read without executing code (it holds Python objects); {remedy}")
    expected, rest = dtype.itemsize * math.prod(shape), size - _position(file)
    if expected != rest or dtype.itemsize == 0:
        raise RegardError(f"{what}: its header says {dtype} {_short(shape)}, but {rest:,} bytes follow; {remedy}")
    content = bytearray(file.read(expected + 1))
    if len(content) != expected:
        raise RegardError(f"{what}: {len(content):,} bytes of {expected:,} could be read; {remedy}")
    values = np.frombuffer(content, dtype)
    return values.reshape(shape, order="F" if column_major else "C")


def _position(file: IO[bytes]) -> int:
    return int(file.tell())


def _short(shape: Sequence[int]) -> str:
    text = str(tuple(shape))
    return text if len(text) < 60 else text[:57] + "..."
