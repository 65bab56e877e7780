"""What `make demo` does, timed, its scores recorded in results/demo.json and its gallery drawn for the README.

python benchmarks/demo.py [--runs runs] [--name demo]
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import time
from pathlib import Path

import numpy as np

from record import ROOT, record
from regard.report import read_run, sheet, write_png

TARGETS = {
    "accuracy_mean": "at least .90 and not below the twin's interval",
    "accuracy_one_sample": "at least .88",
    "latent_bits": "at most 20",
    "energy_over_area": "at least 3",
    "pointing": "at least .95",
    "accuracy_another": "at least .10 below the model's own",
}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--runs", type=Path, default=Path("runs"))
    parser.add_argument("--name", default="demo")
    options = parser.parse_args()
    folder = options.runs / options.name
    fresh, begin = not folder.exists(), time.perf_counter()
    subprocess.run(
        [sys.executable, "-m", "regard", "train", "--name", options.name, "--runs", str(options.runs)], check=True
    )
    seconds = time.perf_counter() - begin
    evaluation = json.loads((folder / "evaluation.json").read_text())
    scores = {row.pop("key"): row for row in evaluation["scores"]}
    for row in scores.values():
        row.pop("meaning")
    values = {
        "seconds_with_twin_evaluation_and_report": seconds if fresh else None,
        "targets": TARGETS,
        "model": evaluation["model"],
        "warnings": evaluation["warnings"],
        "scores": scores,
    }
    print(record("demo", values, seeds=(0,), notes=f"{evaluation['data']['size']} test images; intervals over images"))
    draw(folder)


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
    write_png(out, sheet(images, maps, unit=run.evaluation.map.unit, titles=titles))


if __name__ == "__main__":
    main()
