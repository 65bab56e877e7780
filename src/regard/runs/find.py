"""Which runs lie below a folder, and what each is, read from its files alone: no network and no data are loaded."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal, TypeAlias

from regard.listing import list_folders
from regard.report import Score, read_evaluation, read_history, read_provenance
from regard.training import CHECKPOINTS, DATA_FILE, JOURNAL, MODEL, RECIPE, RECORD, load_recipe
from regard.types import RegardError

RunState: TypeAlias = Literal["evaluated", "trained", "unfinished"]
"""``unfinished``: killed, or still in training; the same `regard train` goes on with it."""
_EVALUATION = "evaluation.json"
_SIGNS = (DATA_FILE, JOURNAL, CHECKPOINTS, MODEL, RECORD)
"""One of them makes a folder with a recipe a run; a recipe alone is a recipe."""
_DEPTH = 8
_BITS = ("gate_bits", "latent_bits", "code_bits")


@dataclass(frozen=True)
class FoundRun:
    """A run, as its files tell.

    Attributes:
        folder: of the run.
        name: its path below the folder that was searched.
        state: how far it is.
        task: of its recipe.
        data: name of its data set.
        model: backbone, attention and layers in words.
        epochs: that its journal holds.
        score: the first of its evaluation: accuracy of the mean prediction, or S-measure of a segmenter.
        bits: what an image pays, by what it pays for: ``gate``, ``latent`` or ``code``.
        seconds: of training, without evaluation; NaN where it is not known.
        created: when it was finished, ISO 8601; empty before.
        size: bytes of its files, twin and checkpoints included.
    """

    folder: Path
    name: str
    state: RunState
    task: str
    data: str
    model: str
    epochs: int
    score: Score | None = None
    bits: Mapping[str, float] = field(default_factory=dict)
    seconds: float = float("nan")
    created: str = ""
    size: int = 0


@dataclass(frozen=True)
class RunList:
    """The runs below a folder, by name, and what is wrong with those that could not be read."""

    runs: tuple[FoundRun, ...]
    problems: tuple[str, ...]


def is_run(folder: Path) -> bool:
    """Whether a run lies in the folder: a recipe, and something that training writes.

    >>> is_run(Path("nowhere"))
    False
    """
    return (folder / RECIPE).is_file() and any((folder / name).exists() for name in _SIGNS)


def find_runs(root: str | Path = "runs") -> RunList:
    """All runs in a folder and the folders below it, or the one that it is. Twins inside of runs are not listed.

    Links are not followed. A run whose files are damaged is a problem, and the others are still listed.

    Raises:
        RegardError: no such folder, or one that may not be read.

    Example:
        >>> find_runs("nowhere")
        Traceback (most recent call last):
        regard.errors.RegardError: nowhere: no such folder; `regard train` makes runs below it, --runs names another
    """
    root = Path(root)
    if not root.exists():
        raise RegardError(f"{root}: no such folder; `regard train` makes runs below it, --runs names another")
    runs, problems = [], []
    for folder in run_folders(root):
        try:
            runs.append(_read(folder, root))
        except RegardError as error:
            text = str(error)
            problems.append(text if str(folder) in text else f"{folder}: {text}")
    return RunList(tuple(runs), tuple(problems))


def run_folders(root: Path, depth: int = _DEPTH) -> Iterator[Path]:
    """Folders of runs at or below a folder, sorted; none inside of another run."""
    if is_run(root):
        yield root
    elif depth:
        for folder in list_folders(root):
            if not folder.is_symlink():
                yield from run_folders(folder, depth - 1)


def _read(folder: Path, root: Path) -> FoundRun:
    recipe = load_recipe(folder / RECIPE)
    finished, journal = (folder / RECORD).exists(), folder / JOURNAL
    provenance = read_provenance(folder) if finished else None
    evaluation = read_evaluation(folder) if (folder / _EVALUATION).exists() else None
    m = recipe.model
    scores = () if evaluation is None else evaluation.scores
    return FoundRun(
        folder,
        folder.name if folder == root else folder.relative_to(root).as_posix(),
        "unfinished" if not finished else "trained" if evaluation is None else "evaluated",
        recipe.task,
        recipe.data.name,
        m.backbone + (f", {m.attention}" if m.attention else "") + (f" at {', '.join(m.at)}" if m.at else ""),
        len(read_history(journal).epochs) if journal.exists() else 0,
        next((score for score in scores if score.group == "prediction"), None),
        {score.key.removesuffix("_bits"): score.value for score in scores if score.key in _BITS},
        float("nan") if provenance is None else provenance.seconds,
        "" if provenance is None else provenance.created,
        bytes_of(folder),
    )


def bytes_of(folder: Path) -> int:
    """Of all files in a folder; links count as links."""
    total = 0
    for path in folder.rglob("*"):
        try:
            total += 0 if path.is_dir() and not path.is_symlink() else path.lstat().st_size
        except OSError:  # removed just now by who writes there
            continue
    return total
