"""What benchmarks share: the record of a result, `regard` as a subprocess, and work that is timed in turns.

From a script next to this file::

    from common import record
    record("augmentation", {"ratio": 7.2}, seeds=(0, 1, 2), notes="batch 128")

A record holds the command, the commit (and whether the working tree differs from it), versions, hardware, time, seeds,
notes and values. Values that JSON does not know (a tensor, a numpy number, a path) are converted; NaN and infinities
are written as null.
"""

from __future__ import annotations

import argparse
import os
import shlex
import subprocess
import sys
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from regard.files import write_json
from regard.report import to_json
from regard.training import collect_provenance

ROOT = Path(__file__).resolve().parent.parent
os.environ.pop("PYTHONDONTWRITEBYTECODE", None)  # compiling every module anew is no part of a command's time


def record(name: str, values: Mapping[str, Any], *, seeds: Iterable[int] = (), notes: str = "") -> Path:
    """Write ``results/NAME.json``, replacing it in one step, and return its path.

    Args:
        name: file name without ending, for example ``"augmentation"``.
        values: what was measured; nested mappings and sequences are kept.
        seeds: all seeds that went into the values.
        notes: what a reader must know to read the numbers: units, settings, caveats.
    """
    seeds = list(seeds)
    provenance = collect_provenance(seeds[0] if seeds else 0)
    content = {
        "name": name,
        "command": command(),
        **commit(),
        "date": provenance["created"],
        "versions": provenance["versions"],
        "hardware": provenance["hardware"],
        "seeds": seeds,
        "notes": notes,
        "values": plain(values),
    }
    return write_json(ROOT / "results" / f"{name}.json", content, indent=2, parents=True)


def command() -> str:
    """The command line without the machine's folders: paths from the project's root on, others by their name."""
    return shlex.join(["python", *(_without_folders(argument) for argument in sys.argv)])


def _without_folders(argument: str) -> str:
    path = Path(argument)
    if not path.is_absolute():
        return argument
    return str(path.relative_to(ROOT)) if path.is_relative_to(ROOT) else path.name


def commit() -> dict[str, Any]:
    """Commit and whether tracked files differ from it, result files apart; None outside a git checkout."""

    def git(*arguments: str) -> str | None:
        done = subprocess.run(["git", "-C", str(ROOT), *arguments], capture_output=True, text=True, check=False)
        return done.stdout.strip() if done.returncode == 0 else None

    status = git("status", "--porcelain", "--untracked-files=no", "--", ".", ":!results")
    return {"commit": git("rev-parse", "HEAD"), "dirty": None if status is None else bool(status)}


def plain(value: Any) -> Any:
    """The same value in JSON's types; what JSON does not know becomes a list, a number or text."""
    if isinstance(value, Mapping):
        return {str(key): plain(inner) for key, inner in value.items()}
    if hasattr(value, "tolist"):
        return plain(value.tolist())
    if isinstance(value, list | tuple | set | frozenset):
        return [plain(inner) for inner in value]
    return to_json(value) if value is None or isinstance(value, bool | int | float | str) else str(value)


def run_regard(*arguments: object, **options: Any) -> None:
    """Runs ``regard ARGUMENTS`` in this environment; ``options`` are those of `subprocess.run`."""
    subprocess.run([sys.executable, "-m", "regard", *map(str, arguments)], check=True, **options)


def keep_each(keep: Callable[[str, Path, int], None], doc: str | None, names: Sequence[str]) -> None:
    """The command line of benchmarks that run or resume grids by name: calls ``keep(name, runs, workers)`` for each.

    Args:
        keep: runs what is missing of one grid and records it.
        doc: of the script, shown by ``--help``.
        names: by default.
    """
    options = grid_options(doc, names, Path("runs"), seeds=None)
    for name in options.names:
        keep(name, options.runs, options.workers)


def grid_options(doc: str | None, names: Sequence[str], runs: Path, *, seeds: int | None = 5) -> argparse.Namespace:
    """The command line of a grid: ``names`` of its parts, ``workers``, ``runs``, and ``seeds`` where it has some.

    Args:
        doc: of the script, shown by ``--help``.
        names: of the parts, all by default; none where the grid has no parts.
        runs: where cells are kept by default.
        seeds: how many by default; None for no such option.
    """
    parser = argparse.ArgumentParser(description=doc, formatter_class=argparse.RawDescriptionHelpFormatter)
    if names:
        parser.add_argument("names", nargs="*", default=list(names), help=f"by default {', '.join(names)}")
    if seeds is not None:
        parser.add_argument("--seeds", type=int, default=seeds)
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--runs", type=Path, default=runs)
    return parser.parse_args()


def accuracy(model: Any, split: Any, change: Callable[[Tensor, Tensor, Any], Tensor] | None = None) -> float:
    """Share of right answers as a classifier predicts, on a split's images or on ``change(images, rows, batch)``."""
    hits = []
    for rows in torch.arange(len(split)).split(100):
        batch = split.batch(rows)
        images = batch.images if change is None else change(batch.images, rows, batch)
        hits.append(model.predict(images).argmax(1) == batch.labels)
    return float(torch.cat(hits).float().mean())


def seconds_in_turns(
    work: Mapping[str, Callable[[], object]],
    repeats: int,
    *,
    warmup: int = 1,
    clock: Callable[[], float] = time.perf_counter,
) -> dict[str, list[float]]:
    """Seconds of each repeat of each work, taking turns in an order that alternates; other load so falls on all alike.

    Args:
        work: name -> what is timed.
        repeats: timed ones.
        warmup: rounds before, which are thrown away.
        clock: `time.perf_counter` or `time.process_time`.
    """
    seconds: dict[str, list[float]] = {name: [] for name in work}
    for repeat in range(warmup + repeats):
        for name in list(work)[:: -1 if repeat % 2 else 1]:
            start = clock()
            work[name]()
            if repeat >= warmup:
                seconds[name].append(clock() - start)
    return seconds
