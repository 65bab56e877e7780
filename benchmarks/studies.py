"""The studies of this package, run or resumed, and recorded in results/study_NAME.json.

    REGARD_DATA=... python benchmarks/studies.py small [--workers 2] [--runs runs]
    python benchmarks/studies.py generated
    regard study report results/study_small.json     # the page of a record

The record holds what `regard study` writes: every question's answer with intervals over seeds and images, verdicts,
tuning, and with which commit and hardware each network was trained. Its page has no pictures, which are not ours;
`regard study report NAME` draws the page of the runs with them.
"""

from __future__ import annotations

import json
from pathlib import Path

from common import keep_each, record, run_regard


def keep(name: str, runs: Path, workers: int) -> None:
    """Runs what is missing of a study and records it."""
    run_regard("study", "run", name, "--workers", workers, "--runs", runs)
    folder = runs / name
    results = json.loads((folder / "results.json").read_text())
    cells = [json.loads(path.read_text()) for path in (folder / "cells").rglob("cell.json")]
    values = {"seconds": sum(cell["seconds"] for cell in cells), "made": results["made"]} | results["values"]
    units = "intervals join seeds and images; seconds are the sum over cells, of one process each"
    print(record(f"study_{name}", values, seeds=results["seeds"], notes=f"{units}. {results['notes']}"))


if __name__ == "__main__":
    keep_each(keep, __doc__, ("small",))
