"""A table of 40 small cells survives kills of its workers, of Ray's own process and of the command, and costs little.

    python benchmarks/grid_kills.py [--kills 20] [--cells 40]

The table is made once undisturbed. Then its command is started again in another folder, something is killed (SIGKILL)
at a random time, and the command is given again whenever it has ended, until it has nothing left to do. Numbers and
arrays of all cells are compared exactly, what depends on the clock left out. At the end no process may be left.
The second part times a grid of 100 cells that do nothing, start of the engine apart.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from common import ROOT, record

sys.path.insert(0, str(ROOT))

import numpy as np
import yaml
from tests.experiments.grid.test_engine import descendants
from tests.experiments.grid.toys import toy
from tests.training.tiny import tiny

from regard.experiments.grid import run_grid
from regard.experiments.grid.engine import engine
from regard.training import save_recipe

CLOCK = {"seconds", "seconds_an_epoch", "host"}
PATIENCE = 150.0
"""Seconds within which Ray's helpers notice that their parent was killed."""


def table_file(folder: Path, cells: int) -> Path:
    """A table of four arms."""
    save_recipe(tiny("base", train={"epochs": 3}), folder / "base.yaml")
    arms = {"plain": {"model.attention": None, "model.latent": None}, "noise gate": {}}
    arms |= {"AIB": {"model.attention": "aib", "model.anchors": 4}, "no latent": {"model.latent": None}}
    content = {"title": "Killed", "base": "base.yaml", "arms": arms, "reference": "plain"}
    content |= {"seeds": list(range(cells // len(arms))), "columns": ["accuracy_mean", "gate_bits"]}
    path = folder / "killed.yaml"
    path.write_text(yaml.safe_dump(content, sort_keys=False))
    return path


def start(file: Path, runs: Path) -> subprocess.Popen[bytes]:
    command = [sys.executable, "-m", "regard", "table", str(file), "--runs", str(runs), "--workers", "2"]
    with (runs.parent / f"{runs.name}.log").open("ab") as log:
        return subprocess.Popen(command, stdout=log, stderr=log)


def content(runs: Path) -> dict[str, Any]:
    """Numbers and arrays of all cells."""
    found: dict[str, Any] = {}
    for file in sorted(runs.rglob("cell.json")):
        values = json.loads(file.read_text())
        name = str(file.parent.relative_to(runs))
        found[name] = {key: value for key, value in values["values"].items() if key not in CLOCK}
        with np.load(file.with_name("cell.npz")) as arrays:
            found[f"{name} arrays"] = {key: arrays[key].tobytes().hex() for key in arrays.files}
    return found


def victims(pid: int) -> dict[str, int]:
    """By kind, a process of the command that is there now."""
    found = {"driver": pid}
    for child in descendants(pid):
        try:
            words = Path(f"/proc/{child}/cmdline").read_bytes().replace(b"\0", b" ").decode()
        except OSError:
            continue
        if words.startswith("ray::do_cell"):
            found["worker"] = child
        elif "/raylet/raylet " in words:
            found["node"] = child
    return found


def killed(file: Path, runs: Path, kills: int, chance: random.Random) -> dict[str, Any]:
    """The table, with kills at random times until they are used up or it is finished."""
    done = {"worker": 0, "node": 0, "driver": 0}
    started, everyone = 0, set[int]()
    wanted = [chance.choice(list(done)) for _ in range(kills)]
    while True:
        command, started = start(file, runs), started + 1
        due = time.monotonic() + chance.uniform(8, 15)
        while command.poll() is None:
            everyone |= descendants(command.pid)
            time.sleep(0.2)
            if wanted and time.monotonic() >= due and (victim := victims(command.pid).get(wanted[0])):
                os.kill(victim, signal.SIGKILL)
                done[wanted.pop(0)] += 1
                due = time.monotonic() + chance.uniform(3, 10)
        if command.returncode == 0:
            break
        assert started < kills + 20, "it does not come to an end"
    begin = time.monotonic()
    while left := [pid for pid in everyone if is_ours(pid)]:
        if time.monotonic() - begin > PATIENCE:
            break
        time.sleep(1)
    helpers = round(time.monotonic() - begin)
    return {"killed": done, "commands": started, "processes_left": len(left), "seconds_until_none_was_left": helpers}


def is_ours(pid: int) -> bool:
    """Whether the process is still there, and one of Ray's or of the command."""
    try:
        words = Path(f"/proc/{pid}/cmdline").read_bytes()
    except OSError:
        return False
    return b"ray" in words or b"regard" in words


def overhead() -> dict[str, float]:
    """Seconds of the engine's start, and of each of 100 cells that do nothing."""
    begin = time.perf_counter()
    with engine(None, 2), tempfile.TemporaryDirectory() as folder:
        ready = time.perf_counter() - begin
        run_grid([toy(f"first {k}") for k in range(2)], Path(folder), workers=2)
        first = time.perf_counter()
        outcome = run_grid([toy(f"empty {k}") for k in range(100)], Path(folder), workers=2)
        each = (time.perf_counter() - first) / 100
    assert len(outcome.finished) == 100
    return {"start_seconds": round(ready, 2), "seconds_a_cell": round(each, 4)}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--kills", type=int, default=20)
    parser.add_argument("--cells", type=int, default=40, help="a multiple of 4")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name).resolve()
        file = table_file(folder, options.cells)
        begin = time.monotonic()
        assert start(file, folder / "whole").wait() == 0, (folder / "whole.log").read_text()[-2000:]
        undisturbed = time.monotonic() - begin
        expected = content(folder / "whole")
        result = killed(file, folder / "killed", options.kills, random.Random(0))
        found = content(folder / "killed")
    result |= {"cells": options.cells, "undisturbed_seconds": round(undisturbed, 1)}
    result["different"] = sorted(key for key in expected | found if expected.get(key) != found.get(key))
    result["empty_grid"] = overhead()
    print(json.dumps(result, indent=1))
    if sum(result["killed"].values()) >= 20 and options.cells >= 40:
        record("grid_kills", result, notes="tiny runs of three epochs; two workers; the machine was not otherwise idle")


if __name__ == "__main__":
    main()
