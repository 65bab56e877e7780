"""What a budget, the number of anchors, the gate, the layer, and the number of samples change: sweeps on small clutter.

    REGARD_DATA=... python benchmarks/sweeps.py [NAME ...] [--seeds 3] [--workers 2] [--runs runs]

Each is one `regard sweep` over a smaller version of the default recipe, whose images have masks; a sweep's page lies in
its folder. Recorded: every column with its interval over seeds and images, and differences from the first value,
corrected (Holm). Values were fixed before any was run.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
from pathlib import Path

from record import record

SMALL = ["--data.options", "{train: 4000, distractors: 1}", "--train.batch_size", "16"]
SMALL += ["--train.threads", "1", "--twin", "false"]
RESIDUAL = ["--model.attention", "aib", "--objective.budget_bits", "null", "--objective.map_budget_bits", "null"]
MAP_BUDGET = "objective.map_budget_bits"
SWEEPS = {
    "latent_budget": ["--budgets", "2,4,8,16,32", "--unknown", "cifar10_jpeg", "--objective.map_budget_bits", "null"],
    "map_budget": ["--field", MAP_BUDGET, "--values", "500,1000,2000,4000,8000"],
    "gate": ["--field", "model.attention", "--values", "deterministic,aib,mask,noise", f"--{MAP_BUDGET}", "null"],
    "anchors": ["--field", "model.anchors", "--values", "null,2,5,10,20,50", *RESIDUAL],
    "anchors_lr": ["--field", "optim.anchors_lr", "--values", "null,0", "--model.anchors", "20", *RESIDUAL],
    "where": ["--field", "model.at", "--values", "[stage1],[stage2],[stage3]", f"--{MAP_BUDGET}", "1000"],
}
"""Name -> arguments of `regard sweep`."""
KEPT = ("title", "reference", "columns", "rows", "failed", "seconds", "made")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("names", nargs="*", help=f"of {', '.join(SWEEPS)}; all by default")
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--runs", type=Path, default=Path("runs"))
    options = parser.parse_args()
    found = {}
    for name in options.names or SWEEPS:
        command = [sys.executable, "-m", "regard", "sweep", *SWEEPS[name], *SMALL, "--name", name]
        command += ["--seeds", str(options.seeds), "--workers", str(options.workers), "--runs", str(options.runs)]
        subprocess.run(command, check=True)
        table = json.loads((options.runs / f"{name}-sweep" / "table.json").read_text())
        found[name] = {key: table[key] for key in KEPT}
    notes = (
        "clutter with 4,000 training images and one distractor, in batches of 16; intervals join seeds and images; "
        "bits are of one sample"
    )
    print(record("sweeps", found, seeds=range(options.seeds), notes=notes))


if __name__ == "__main__":
    main()
