"""How long cells take, before they run: by cells that are finished, else by a few training steps on this machine."""

from __future__ import annotations

import statistics
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch

from regard.errors import RegardError
from regard.experiments.grid import RESULT_FILE, Cell, finished_record, read_object
from regard.report import Terminal, duration, plural
from regard.training import Pace, build_data, measure_pace, recipe_from

SECONDS = 20.0
"""After so many seconds no further kind of network is probed."""


@dataclass(frozen=True)
class Probed:
    """What a probe found.

    Attributes:
        seconds: path of a cell -> seconds of its training; empty where nothing could be probed.
        kinds: how many kinds of network were probed.
        why: the first reason why one could not be.
    """

    seconds: Mapping[str, float] = field(default_factory=dict)
    kinds: int = 0
    why: str = ""


def estimate_time(cells: Sequence[Cell], root: Path, workers: int | None) -> tuple[list[bool], float | None]:
    """Which cells are finished, and how many seconds the others will take; None where no cell is finished.

    A cell is expected to take its size times the median rate of finished cells of its arm, else of all arms. Where
    nobody knows how many run at a time (``workers`` None: a cluster decides), the seconds are those of one worker.
    """
    rates: dict[str, list[float]] = {}
    for cell in cells:
        record = read_object(root / cell.path / RESULT_FILE)
        if record is not None:
            rates.setdefault(cell.arm, []).append(record["seconds"] / max(record["size"], 1e-9))
    finished = [finished_record(cell, root) is not None for cell in cells]
    if not rates:
        return finished, 0.0 if all(finished) else None
    usual = statistics.median(rate for of_arm in rates.values() for rate in of_arm)
    left = [c for c, is_done in zip(cells, finished, strict=True) if not is_done]
    each = [c.size * (statistics.median(rates[c.arm]) if c.arm in rates else usual) for c in left]
    return finished, max(sum(each) / (workers or 1), max(each, default=0.0))


def time_line(cells: Sequence[Cell], root: Path, workers: int | None, threads: int) -> str:
    """How many cells are left, and how long they will take; ``workers`` is None where a cluster decides."""
    finished, seconds = estimate_time(cells, root, workers)
    left = [cell for cell, is_done in zip(cells, finished, strict=True) if not is_done]
    many = "as many workers as the cluster has room for" if workers is None else plural(workers, "worker")
    start, end = f"{plural(len(left), 'cell')} to run with {many}: ", " of one worker's time" if workers is None else ""
    if seconds is not None:
        return f"{start}about {duration(seconds)}{end}"
    if not all("recipe" in cell.spec for cell in left):
        return f"{start}time unknown until the first is finished"
    if any(cell.spec["recipe"]["train"]["fast_dev_run"] for cell in left):
        return f"{start}each is one step of training, and mostly the time to read data and to start"
    Terminal(stderr=True).print(
        f"No cell is finished: a few training steps are timed (about {duration(SECONDS)} at most)"
    )
    probed = probe(left, threads)
    if not probed.seconds:
        return f"{start}time unknown, as no cell is finished and none can be probed: {probed.why}"
    each = list(probed.seconds.values())
    longest = max(sum(each) / (workers or 1), max(each))
    kinds = plural(probed.kinds, "kind of network", "kinds of network")
    other = f". Another cannot be probed: {probed.why}" if probed.why else ""
    about = f"{start}about {duration(longest)}{end} of training{end and ' in all'}"
    return f"{about}, by a few steps of {kinds}; measuring comes on top{other}"


def probe(cells: Sequence[Cell], threads: int) -> Probed:
    """Times a few training steps of each kind of network, for some `SECONDS` in all, the most frequent kinds first.

    Nothing is written. A kind that was not probed is taken to be as fast as the median of the others.
    """
    kinds: dict[str, list[Cell]] = {}
    for cell in cells:
        kinds.setdefault(_kind(cell.spec["recipe"]), []).append(cell)
    paces: dict[str, Pace] = {}
    why, begin, before = "", time.monotonic(), torch.get_num_threads()
    for kind, some in sorted(kinds.items(), key=lambda item: -sum(map(_epochs, item[1]))):
        if paces and time.monotonic() - begin > SECONDS:
            break
        recipe = recipe_from(some[0].spec["recipe"])
        torch.set_num_threads(recipe.train.threads or threads)
        try:
            paces[kind] = measure_pace(recipe, build_data(recipe))
        except (RegardError, RuntimeError, MemoryError) as error:  # the cell will say so where it runs
            why = why or f"{some[0].path}: {' '.join(str(error).split())[:300]}"
        finally:
            torch.set_num_threads(before)
    if not paces:
        return Probed(why=why)
    usual = statistics.median(pace.seconds(1) for pace in paces.values())
    seconds, stems = {}, set()
    for kind, some in kinds.items():
        for cell in some:
            pace, stem = paces.get(kind), (kind, cell.spec["recipe"]["train"]["seed"])
            seconds[cell.path] = usual * _epochs(cell) if pace is None else pace.seconds(_epochs(cell))
            if pace is not None and stem not in stems:
                seconds[cell.path] += pace.once
            stems.add(stem)
    return Probed(seconds, len(paces), why)


def _epochs(cell: Cell) -> int:
    train = cell.spec["recipe"]["train"]
    return int(train["epochs"]) + int(train["plain_epochs"])


def _kind(recipe: Mapping[str, Any]) -> str:
    """Of a recipe as plain data, what decides how long a step of it takes, and how many make an epoch."""
    model, train = recipe["model"], recipe["train"]
    of_model = ("backbone", "backbone_options", "at", "attention", "freeze", "match")
    of_train = ("batch_size", "precision", "cache_stem", "views", "limit_train_batches", "limit_val_batches", "threads")
    parts = [recipe["task"], recipe["data"], recipe["align"]["gaze"], recipe["impose"]["map"]]
    return repr([*parts, *(model[name] for name in of_model), *(train[name] for name in of_train)])
