"""Finished cells in a store beside the grid's folder: an object store (``s3://``, ``gs://``) or whatever fsspec opens.

A grid works in a folder, since a training run needs one. What counts elsewhere, a finished cell's numbers and arrays
and how it was made, is copied to the store when the cell ends, and from there when a grid begins in another folder.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from regard.errors import RegardError
from regard.experiments.grid.cell import ARRAYS_FILE, RESULT_FILE, RUN, Cell, answers, finished_record
from regard.files import write_atomically
from regard.reading import DataError, parse_json

_HOW = f"{RUN}/environment.json"
"""How the cell's run was made; a cell without a run has none."""


@dataclass(frozen=True)
class CellStore:
    """Where finished cells of a grid are kept.

    Attributes:
        url: of the grid's folder there, such as ``s3://bucket/runs/cifar10``; local ones begin with ``file://``.
    """

    url: str

    @cached_property
    def _opened(self) -> tuple[Any, str]:
        """The file system and the path in it.

        Raises:
            RegardError: an unknown protocol, or a package that is not installed.
        """
        import fsspec

        if "://" not in self.url:
            raise RegardError(f"store {self.url}: give an address such as s3://bucket/runs, or file:///folder")
        try:
            system, path = fsspec.core.url_to_fs(self.url)
        except (ImportError, ValueError) as error:
            raise RegardError(f"store {self.url}: cannot be opened ({' '.join(str(error).split())})") from None
        return system, path

    def fetch(self, cells: Sequence[Cell], root: Path) -> int:
        """Copies finished cells that the folder ``root`` lacks into it; how many.

        A cell that was made from another request is left where it is. Arrays come first, as where a cell ends.

        Raises:
            RegardError: the store cannot be read.
        """
        fetched = 0
        for cell in cells:
            if finished_record(cell, root) is not None:
                continue
            text = self._read(f"{cell.path}/{RESULT_FILE}")
            try:
                record = None if text is None else parse_json(text.decode("utf-8"))
            except (DataError, UnicodeDecodeError):
                continue  # another command is writing it
            arrays = None
            if isinstance(record, dict) and answers(record, cell):
                arrays = self._read(f"{cell.path}/{ARRAYS_FILE}")
            if text is None or arrays is None:
                continue
            how = self._read(f"{cell.path}/{_HOW}")
            contents = {ARRAYS_FILE: arrays, _HOW: how, RESULT_FILE: text}
            for name, content in contents.items():
                if content is not None:
                    write_atomically(root / cell.path / name, content, parents=True)
            fetched += 1
        return fetched

    def keep(self, cell: Cell, root: Path) -> None:
        """Copies a finished cell to the store, its numbers last.

        Raises:
            RegardError: the store cannot be written to.
        """
        for name in (ARRAYS_FILE, _HOW, RESULT_FILE):
            file = root / cell.path / name
            if file.exists():
                self._write(f"{cell.path}/{name}", file.read_bytes())

    def keep_files(self, root: Path) -> None:
        """Copies the files that lie in the grid's folder itself: tables, pages.

        Raises:
            RegardError: the store cannot be written to.
        """
        for file in sorted(root.iterdir()):
            if file.is_file() and not file.name.startswith("."):
                self._write(file.name, file.read_bytes())

    def _read(self, name: str) -> bytes | None:
        system, path = self._opened
        try:
            content: bytes = system.cat_file(f"{path}/{name}")
        except FileNotFoundError:
            return None
        except Exception as error:  # of s3fs, gcsfs and others: of many kinds
            raise self._failure("read", name, error) from None
        return content

    def _write(self, name: str, content: bytes) -> None:
        system, path = self._opened
        place = f"{path}/{name}"
        try:
            system.makedirs(place.rpartition("/")[0], exist_ok=True)
            system.pipe_file(place, content)
        except Exception as error:  # as above
            raise self._failure("written", name, error) from None

    def _failure(self, what: str, name: str, error: Exception) -> RegardError:
        said = " ".join(str(error).split())[:300] or type(error).__name__
        return RegardError(
            f"store {self.url}: {name} cannot be {what} ({type(error).__name__}: {said}); check the address and the "
            "rights to it; what is finished lies in the grid's folder, and the same command goes on"
        )
