"""Removing runs, or only the checkpoints of those that are finished.

What is removed is decided first and shown, and only then done. Never removed: a folder that is no run, a link, a run
that a process is writing into, one that another run below the same folder starts from (`model.init`), and one that
belongs to a table or a study, whose results would be computed again.
"""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from regard.owner import OWNER_FILE, owned
from regard.runs.find import bytes_of, is_run, run_folders
from regard.training import CHECKPOINTS, RECIPE, RECORD, load_recipe
from regard.types import RegardError

_CELL = ("wanted.json", "cell.json")
"""Files of a grid's cell, around the run that it trained."""


@dataclass(frozen=True)
class Pruned:
    """What is to be removed.

    Attributes:
        run: the run's folder.
        places: the run's folder itself, or folders of checkpoints in it.
        size: bytes.
        why: in words: a run that was named, an unfinished one, checkpoints.
    """

    run: Path
    places: tuple[Path, ...]
    size: int
    why: str


@dataclass(frozen=True)
class PrunePlan:
    """What is to be removed, and why other runs are kept that were asked for."""

    removals: tuple[Pruned, ...]
    problems: tuple[str, ...]

    @property
    def size(self) -> int:
        """Bytes in all."""
        return sum(removal.size for removal in self.removals)


def plan_pruning(folders: Sequence[str | Path], *, unfinished: bool = False, checkpoints: bool = False) -> PrunePlan:
    """Decides what is to be removed; nothing is.

    Args:
        folders: runs to remove; with ``unfinished`` or ``checkpoints`` also folders that hold runs, of which those
            are meant.
        unfinished: runs that were not trained to their end.
        checkpoints: of runs that were, their checkpoints and their twins': model, scores and page stay, and nothing of
            regard reads them any more.

    Raises:
        RegardError: a folder is absent, or holds runs and is none, and it is not said which of them.

    Example:
        >>> plan_pruning(["nowhere"])
        Traceback (most recent call last):
        regard.errors.RegardError: nowhere: no such folder; `regard runs list` shows the runs
    """
    removals, problems, seen = [], [], set()
    for root in map(Path, folders):
        if not root.is_dir():
            raise RegardError(f"{root}: no such folder; `regard runs list` shows the runs")
        if not (is_run(root) or unfinished or checkpoints):
            inside = next(run_folders(root), None)
            if inside is None:
                raise RegardError(f"{root}: is no run and holds none, so it is left alone")
            raise RegardError(
                f"{root}: is no run, but holds runs, such as {inside}; name them, or add --unfinished or --checkpoints"
            )
        starts = _starts(root.parent if is_run(root) else root)
        for run in run_folders(root):
            if run.resolve() in seen:
                continue
            seen.add(run.resolve())
            if (removal := _removal(run, unfinished=unfinished, checkpoints=checkpoints)) is None:
                continue
            if (kept := _kept(removal, starts)) is not None:
                problems.append(kept)
            else:
                removals.append(removal)
    return PrunePlan(tuple(removals), tuple(problems))


def _removal(run: Path, *, unfinished: bool, checkpoints: bool) -> Pruned | None:
    finished = (run / RECORD).exists()
    if not (unfinished or checkpoints):
        return Pruned(run, (run,), bytes_of(run), "the whole run")
    if unfinished and not finished:
        return Pruned(run, (run,), bytes_of(run), "unfinished")
    if checkpoints and finished:
        places = tuple(place for place in sorted(run.rglob(CHECKPOINTS)) if place.is_dir() and not place.is_symlink())
        if places:
            return Pruned(run, places, sum(map(bytes_of, places)), "checkpoints")
    return None


def _kept(removal: Pruned, starts: dict[Path, Path]) -> str | None:
    """Why a run is not touched; None where it may go."""
    run, whole = removal.run, removal.places == (removal.run,)
    if run.is_symlink():
        return f"{run}: a link to {run.readlink()}, left alone; remove the run where it lies"
    if any((run.parent / name).is_file() for name in _CELL):
        return f"{run}: belongs to a table or study, left alone; remove the whole folder of that"
    if whole and run.resolve() in starts:
        return f"{run}: {starts[run.resolve()]} starts from it (model.init), left alone; remove that first"
    return None


def _starts(root: Path) -> dict[Path, Path]:
    """Run that others below a folder start from -> one of those."""
    starts: dict[Path, Path] = {}
    for run in run_folders(root):
        with suppress(RegardError):  # `regard runs list` names it
            init = load_recipe(run / RECIPE).model.init
            if init is not None:
                starts |= {(place / init).resolve(): run for place in (run, Path()) if is_run(place / init)}
    return starts


def remove(removal: Pruned) -> None:
    """Removes what was planned. Interrupted, it leaves an unfinished run, which can be removed again.

    Raises:
        RegardError: somebody writes into the run, or a file cannot be removed.
    """
    with owned(removal.run, option=""):
        for place in removal.places:
            if place == removal.run:
                _empty(place)
            else:
                _remove_tree(place)
    if removal.places == (removal.run,):
        try:
            removal.run.rmdir()
        except OSError as error:
            raise RegardError(f"{removal.run}: cannot be removed ({error.strerror or error})") from error


def _empty(run: Path) -> None:
    """Removes all but the owner's file; the mark of a finished run first, its recipe last."""
    order = {RECORD: 0, RECIPE: 2}
    for path in sorted(run.iterdir(), key=lambda path: order.get(path.name, 1)):
        if path.name != OWNER_FILE:
            _remove_tree(path)


def _remove_tree(path: Path) -> None:
    try:
        if path.is_dir() and not path.is_symlink():
            shutil.rmtree(path)
        else:
            path.unlink()
    except OSError as error:
        raise RegardError(
            f"{path}: cannot be removed ({error.strerror or error}); check its permissions, then the same command again"
        ) from error
