"""Damaged files of every kind, each read by the command that reads it: exit codes, hangs, memory, and what it started.

    python benchmarks/fuzz.py [--times 80] [--only png "map .npy"] [--seed 0]

A file is damaged by flipped bits, cutting, insertion, doubling, zeros, or another word in place of one
(``tests/damaged.py``). Each command runs in a process of its own, forked from one that has the packages loaded. A case
passes if it ends within a minute by exit code 0 (the damage does not matter), 1 or 2 (told), prints no traceback, takes
less than 2 GiB, and neither starts a program nor opens a connection nor unpickles anything but tensors.
"""

from __future__ import annotations

import argparse
import os
import resource
import shutil
import signal
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path
from typing import Any

import torch

from common import ROOT, record

sys.path.insert(0, str(ROOT))
from tests.damaged import KINDS, Kind, damage, write_valid

SECONDS, BYTES = 60, 2 * 2**30
STARTED = ("os.system", "os.exec", "os.posix_spawn", "subprocess.Popen", "socket.connect", "webbrowser.open")
PRELOADED = (
    "regard.judge",
    "regard.score",
    "regard.report",
    "regard.experiments.tables",
    "regard.training",
    "regard.cli",
    "h5py",
    "pyarrow.parquet",
    "pandas",
    "matplotlib.pyplot",
    "timm",
)


def run_case(place: Path, kind: Kind, content: bytes) -> dict[str, Any]:
    """What the kind's command does where its file holds this content."""
    with tempfile.TemporaryDirectory(prefix="fuzz-") as name:
        copy = Path(name) / "place"
        shutil.copytree(place, copy)
        (copy / kind.file).write_bytes(content)
        begin = time.perf_counter()
        pid = os.fork()
        if pid == 0:
            _child(copy, kind)
        _, status, used = os.wait4(pid, 0)
        said = (copy / "said.txt").read_text(errors="replace") if (copy / "said.txt").exists() else ""
        started = (copy / "started.txt").read_text() if (copy / "started.txt").exists() else ""
    code = os.waitstatus_to_exitcode(status)
    result = {"code": code, "seconds": time.perf_counter() - begin, "bytes": used.ru_maxrss * 1024, "said": said}
    faults = {
        "hang": code == -signal.SIGALRM,
        "crash": code < 0 and code != -signal.SIGALRM,
        "fault": code not in (0, 1, 2) and code >= 0,
        "traceback": "Traceback (most recent call last)" in said,
        "memory": used.ru_maxrss * 1024 > BYTES,
        "started": bool(started),
    }
    return result | {"started": started, "faults": [name for name, is_so in faults.items() if is_so]}


def _child(place: Path, kind: Kind) -> None:
    """Runs the command and ends the process; what it prints and starts is written into the folder."""
    os.chdir(place)
    out = os.open("said.txt", os.O_WRONLY | os.O_CREAT)
    os.dup2(out, 1)
    os.dup2(out, 2)
    started = os.open("started.txt", os.O_WRONLY | os.O_CREAT)

    def watch(event: str, arguments: tuple[Any, ...]) -> None:
        if event in STARTED or (event == "pickle.find_class" and not str(arguments[0]).startswith(("torch", "numpy"))):
            os.write(started, f"{event} {arguments!r}\n"[:500].encode())

    sys.addaudithook(watch)
    signal.signal(signal.SIGALRM, signal.SIG_DFL)
    signal.alarm(SECONDS)
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    from regard.cli import main

    try:
        code = main(list(kind.command))
    except SystemExit as end:
        code = end.code if isinstance(end.code, int) else 1
    except BaseException:
        import traceback

        traceback.print_exc()
        code = 99
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(code)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--times", type=int, default=80, help="damaged files of each kind")
    parser.add_argument("--only", nargs="+", choices=list(KINDS), help="do not record; try these alone")
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    torch.set_num_threads(1)
    for name in PRELOADED:
        __import__(name)
    kinds: dict[str, Any] = {}
    with tempfile.TemporaryDirectory(prefix="fuzz-valid-") as name:
        place = Path(name)
        write_valid(place)
        for title in options.only or KINDS:
            kinds[title] = try_kind(place, title, options)
    total = {key: sum(kind[key] for kind in kinds.values()) for key in ("inputs", "failed")}
    values = {**total, "largest_bytes": max(kind["largest_bytes"] for kind in kinds.values()), "kinds": kinds}
    print({key: values[key] for key in ("inputs", "failed", "largest_bytes")})
    if not options.only:
        print(record("fuzz", values, seeds=(options.seed,), notes="seconds are beside other work; 2 GiB is the limit"))
    sys.exit(1 if total["failed"] else 0)


def try_kind(place: Path, title: str, options: argparse.Namespace) -> dict[str, Any]:
    """Counts of exit codes and faults over all damages of one kind."""
    kind = KINDS[title]
    content = (place / kind.file).read_bytes()
    whole = run_case(place, kind, content)
    if title != "recipe" and whole["code"] != 0:  # the recipe names a folder that is not there, so that nothing trains
        raise SystemExit(f"{title}: the undamaged file ends with {whole['code']}: {whole['said'][-500:]}")
    codes: Counter[int] = Counter()
    failed: list[dict[str, Any]] = []
    slowest, largest = 0.0, 0
    for time_ in range(options.times):
        case = run_case(place, kind, damage(content, options.seed * 100_000 + time_))
        codes[case["code"]] += 1
        slowest, largest = max(slowest, case["seconds"]), max(largest, case["bytes"])
        if case["faults"]:
            failed.append(
                {"seed": options.seed * 100_000 + time_, **{k: case[k] for k in ("faults", "code", "started")}}
            )
            print(title, failed[-1], case["said"][-600:], flush=True)
    print(f"{title:24} {dict(sorted(codes.items()))} slowest {slowest:.1f} s, {largest / 2**20:.0f} MiB", flush=True)
    return {
        "inputs": options.times,
        "codes": {str(code): count for code, count in sorted(codes.items())},
        "failed": len(failed),
        "failures": failed,
        "slowest_seconds": slowest,
        "largest_bytes": largest,
    }


if __name__ == "__main__":
    main()
