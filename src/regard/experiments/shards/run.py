"""Shards of one command: cut, done as cells of a grid in ``shards/`` of its output folder, and read again.

A shard that was finished before a command was killed is not done again. The folder is removed when the command has
ended well.
"""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar

from regard.experiments.grid import Cell, Result, read_result, run_grid
from regard.experiments.runner import grid_progress
from regard.files import make_folder
from regard.report import Terminal
from regard.types import RegardError

SHARDS = "shards"
_REFUSED = "refused"
_T = TypeVar("_T")


@dataclass(frozen=True)
class WorkerOptions:
    """How the shards of a command are done.

    Attributes:
        workers: shards at a time; None for one here, on a cluster for as many as it has room for.
        threads: processors of each; results are those of one process with as many threads.
        gpus: of each, a part of one or a whole number; None for one each, shared where there are fewer.
        address: of a Ray cluster, ``HOST:PORT`` or ``auto``; None for this machine.
    """

    workers: int | None = None
    threads: int = 1
    gpus: float | None = None
    address: str | None = None


@dataclass
class ShardFolder:
    """Where the shards of a command lie.

    Attributes:
        root: the folder.
        how: they are done.
        failed: paths of shards that failed in this call.
    """

    root: Path
    how: WorkerOptions
    failed: dict[str, str] = field(default_factory=dict)

    def run(self, cells: Sequence[Cell]) -> dict[str, str]:
        """Does the shards that are not finished; path of each failed one -> why.

        Raises:
            RegardError: what a shard refused, which every process would: an option that does not fit, for example.
        """
        with grid_progress(cells, self.root, console=Terminal(stderr=True)) as on_progress:
            outcome = run_grid(cells, make_folder(self.root), on_progress=on_progress, **vars(self.how))
        for cell in cells:
            result = None if cell.path in outcome.failed else self.result(cell)
            if result is not None and _REFUSED in result.values:
                shutil.rmtree(self.root / cell.path, ignore_errors=True)
                raise RegardError(result.values[_REFUSED])
        self.failed |= outcome.failed
        return dict(outcome.failed)

    def result(self, cell: Cell) -> Result:
        """What a finished shard left."""
        result = read_result(cell, self.root)
        assert result is not None, "the grid says that it is finished"
        return result


@contextmanager
def shard_folder(out: Path, how: WorkerOptions) -> Iterator[ShardFolder]:
    """The shards of a command that writes into ``out``; removed at its end, unless it, or a shard, failed."""
    shards = ShardFolder(out / SHARDS, how)
    try:
        yield shards
    except BaseException:
        shards.failed |= {"": "the command failed"}
        raise
    finally:
        if not shards.failed:
            shutil.rmtree(shards.root, ignore_errors=True)


def cut(count: int, size: int) -> list[range]:
    """The numbers below ``count`` in ranges of ``size``, the last one shorter.

    >>> cut(5, 2)
    [range(0, 2), range(2, 4), range(4, 5)]
    """
    return [range(start, min(start + size, count)) for start in range(0, count, size)]


def shard_cell(work: Callable[[Cell, Path], Result], name: str, part: range, spec: Mapping[str, Any]) -> Cell:
    """The cell of a shard: ``NAME/000064-000128``."""
    path = f"{name}/{part.start:06d}-{part.stop:06d}"
    return Cell(path, name, part.start, f"{work.__module__}:{work.__name__}", spec, size=len(part))


def refusing(work: Callable[[], Result]) -> Result:
    """A shard's result; a RegardError as a result, as every other shard would raise it, too."""
    try:
        return work()
    except RegardError as error:
        return Result({_REFUSED: str(error)})


def done_or_single(
    shards: ShardFolder, ranges: Sequence[range], cell_of: Callable[[range], Cell]
) -> tuple[list[tuple[range, Result]], dict[int, str]]:
    """Results of ranges in their order, and why single items have none.

    Where a shard's process ends without an answer, each of its items becomes a shard, so that one item that crashes the
    process does not take others with it.
    """
    cells = {part: cell_of(part) for part in ranges}
    failed = shards.run(list(cells.values()))
    lost = [part for part, cell in cells.items() if cell.path in failed and len(part) > 1]
    singles = {range(k, k + 1): cell_of(range(k, k + 1)) for part in lost for k in part}
    failed |= shards.run(list(singles.values())) if singles else {}
    every = sorted((cells | singles).items(), key=lambda item: (item[0].start, -len(item[0])))
    done = [(part, shards.result(cell)) for part, cell in every if cell.path not in failed]
    why = {part.start: failed[cell.path] for part, cell in every if cell.path in failed and len(part) == 1}
    if not why:  # what crashed together works alone
        shards.failed = {}
    return done, why
