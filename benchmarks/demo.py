"""What `make demo` does, timed, its scores recorded in results/demo.json and its gallery drawn for the README.

    python benchmarks/demo.py [--runs runs] [--name demo] [--seeds 3]

Further seeds go through the same, to show how far the first one's scores are luck.
"""

from __future__ import annotations

import argparse
import json
import time
from pathlib import Path
from typing import Any

import numpy as np

from common import ROOT, record, run_regard
from regard.plot import rasterize, sheet, write_png
from regard.report import read_run

TARGETS = {
    "accuracy_mean": "not below the twin's by more than .005 on any seed, and on average not below",
    "accuracy_one_sample": "within .01 of the mean's",
    "gate_bits": "2,000 asked for, met within 5 %",
    "energy_inside": "at least .60",
    "pointing": "at least .97",
    "accuracy_another": "at least .10 below the model's own",
}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--runs", type=Path, default=Path("runs"))
    parser.add_argument("--name", default="demo")
    parser.add_argument("--seeds", type=int, default=3)
    options = parser.parse_args()
    folders = [options.runs / (f"{options.name}-{seed}" if seed else options.name) for seed in range(options.seeds)]
    seconds = [run(folder, seed) for seed, folder in enumerate(folders)]
    evaluation = json.loads((folders[0] / "evaluation.json").read_text())
    values = {
        "seconds_with_twin_evaluation_and_report": seconds[0],
        "targets": TARGETS,
        "model": evaluation["model"],
        "warnings": evaluation["warnings"],
        "scores": scores(folders[0]),
        "seeds": [
            {"seed": seed, "seconds": seconds[seed], "twin": twin_accuracy(folder)}
            | {key: scores(folder)[key]["value"] for key in TARGETS}
            for seed, folder in enumerate(folders)
        ],
    }
    notes = (
        f"{evaluation['data']['size']} test images; intervals over images; 'scores' is seed 0, what `make demo` shows"
    )
    print(record("demo", values, seeds=range(options.seeds), notes=notes))
    draw(folders[0])


def run(folder: Path, seed: int) -> float | None:
    """Seconds of training with its twin, evaluation and report; None where that was done before."""
    fresh, begin = not folder.exists(), time.perf_counter()
    run_regard("train", "--name", folder.name, "--runs", folder.parent, "--train.seed", seed)
    return time.perf_counter() - begin if fresh else None


def scores(folder: Path) -> dict[str, Any]:
    """Rows of the evaluation by key, without their explanations."""
    rows = json.loads((folder / "evaluation.json").read_text())["scores"]
    return {row["key"]: {k: v for k, v in row.items() if k not in ("key", "meaning")} for row in rows}


def twin_accuracy(folder: Path) -> dict[str, float]:
    """The plain twin's, with its interval."""
    beside = scores(folder)["accuracy_mean"]["references"]
    twin = next(r for r in beside if r["label"] == "plain twin")
    return {part: twin[part] for part in ("value", "low", "high")}


def draw(folder: Path) -> None:
    """Three images of the run's gallery, with their maps: the README's picture."""
    run = read_run(folder)
    assert run.pictures is not None
    assert run.evaluation.map is not None
    rows = [item.row for item in run.evaluation.gallery if item.rule == "typical"][:3]
    images = [np.repeat(np.repeat(run.pictures.images[row], 4, 0), 4, 1) for row in rows]
    titles = [f"{item.truth}, predicted {item.prediction}" for item in run.evaluation.gallery if item.row in rows]
    maps = [run.pictures.maps[row] for row in rows]
    out = ROOT / "docs" / "images" / "gallery.png"
    out.parent.mkdir(exist_ok=True)
    write_png(out, rasterize(sheet(images, maps, unit=run.evaluation.map.unit, titles=titles)))


if __name__ == "__main__":
    main()
