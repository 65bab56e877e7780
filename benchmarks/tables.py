"""The tables of this package, run or resumed, and recorded in results/table_NAME.json.

    REGARD_DATA=... python benchmarks/tables.py cifar10 [--workers 2] [--runs runs]
    REGARD_DATA=... python benchmarks/tables.py cub50

The record holds what `regard table` writes: every arm's columns with intervals over seeds and images, tuning trials,
differences from the reference, claims with their verdicts, and with which commit and hardware each cell was trained.
"""

from __future__ import annotations

import json
from pathlib import Path

from common import keep_each, record, run_regard

KEPT = ("title", "reference", "columns", "rows", "claims", "failed", "seconds", "made")


def keep(name: str, runs: Path, workers: int) -> None:
    """Runs what is missing of a table and records it."""
    run_regard("table", name, "--workers", workers, "--runs", runs)
    table = json.loads((runs / name / "table.json").read_text())
    notes = (
        "intervals join seeds and images; differences are paired, with the variance of seeds pooled over arms; "
        "primary claims are corrected (Holm), the others exploratory; seconds are the sum over cells, "
        "on a machine that also did other work; cells were trained and measured at the commits under made"
    )
    print(record(f"table_{name}", {key: table[key] for key in KEPT}, seeds=table["seeds"], notes=notes))


if __name__ == "__main__":
    keep_each(keep, __doc__, ("cifar10", "cub50"))
