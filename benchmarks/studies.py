"""The studies of recipes/study, run or resumed, and kept: results/study_NAME.json and a page, results/study_NAME.html.

    REGARD_DATA=... python benchmarks/studies.py small [--workers 2] [--runs runs]
    python benchmarks/studies.py generated

What is kept is what `regard study` writes: every question's answer with intervals over seeds and images, verdicts,
tuning, and with which commit and hardware each network was trained. The kept page is without the gallery, as the
pictures are not ours; `regard study report NAME` draws it with them.
"""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

from kept import keep_each
from record import ROOT, record
from regard.experiments.study import changes, read_trials
from regard.experiments.study.page import Notes, frozen_plan, render_study
from regard.experiments.study.plan import TRIALS


def keep(name: str, runs: Path, workers: int) -> None:
    """Runs what is missing of a study and records it."""
    command = [sys.executable, "-m", "regard", "study", "run", name, "--workers", str(workers), "--runs", str(runs)]
    subprocess.run(command, check=True)
    folder = runs / name
    found, notes = (json.loads((folder / file).read_text()) for file in ("results.json", "notes.json"))
    cells = [json.loads(path.read_text()) for path in (folder / "cells").rglob("cell.json")]
    values = {"seconds": sum(cell["seconds"] for cell in cells), "made": found["made"]} | found["values"]
    said = "intervals join seeds and images; seconds are the sum over cells, of one process each"
    print(record(f"study_{name}", values, seeds=found["seeds"], notes=f"{said}. {found['notes']}"))
    plan, trials = frozen_plan(folder), read_trials(folder / TRIALS)
    page = render_study(trials, plan, name, told=changes(plan, folder), notes=Notes(**notes))
    (ROOT / "results" / f"study_{name}.html").write_text(page)


if __name__ == "__main__":
    keep_each(keep, __doc__, ("small",))
