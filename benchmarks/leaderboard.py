"""The classifiers that come with weights (EfficientNet-Lite0, 1 and 2, in packages) and their untrained controls, on
birds with boxes (CUB) and against where people look (OSIE), run or resumed, and recorded in results/leaderboard.json.

    REGARD_DATA=... python benchmarks/leaderboard.py [--workers 1] [--runs runs] [--name leaderboard]

The record holds what `regard leaderboard` writes: a row for every network and method. Nothing is tuned; images are
evenly spaced or chosen by a seed.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
from pathlib import Path
from typing import Any

from common import record, run_regard

MODELS = "tf_efficientnet_lite*"
METHODS = "grad_cam,amortized_iba"
LIMITS = ("--images", 24, "--gaze-images", 70, "--steps", 6, "--shots", 8, "--option", "amortized_iba.steps=80")


def _short(row: dict[str, Any]) -> dict[str, Any]:
    """A row with its scores as value, interval, and paired difference to random maps of the same bandwidth."""
    scores = {
        key: {name: score[name] for name in ("value", "low", "high", "n", "difference")}
        for key, score in row["scores"].items()
    }
    return {key: value for key, value in row.items() if key not in ("folder", "model")} | {"scores": scores}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--workers", type=int, default=1)
    parser.add_argument("--runs", type=Path, default=Path("runs"))
    parser.add_argument("--name", default="leaderboard")
    options = parser.parse_args()
    if "REGARD_DATA" not in os.environ:
        sys.exit("set REGARD_DATA to the folder that holds cub50 or CUB_200_2011, and osie")
    how = ("--workers", options.workers, "--runs", options.runs, "--name", options.name)
    run_regard(
        "leaderboard", "--models", MODELS, "--data", "cub", "--gaze", "osie", "--methods", METHODS, *LIMITS, *how
    )
    board = json.loads((options.runs / options.name / "leaderboard.json").read_text())
    kept = {key: board[key] for key in ("options", "failed", "seconds", "made")}
    notes = (
        "agreement: share of the way from the centre prior of training images (0) to other people (1), by metric, with "
        "a 95 % bootstrap interval over images; scores: mean over images, and `difference` to random maps of the same "
        "bandwidth, paired; seconds are the sum over cells on a machine that also did other work"
    )
    print(record("leaderboard", {"rows": [_short(row) for row in board["rows"]]} | kept, seeds=(0,), notes=notes))


if __name__ == "__main__":
    main()
