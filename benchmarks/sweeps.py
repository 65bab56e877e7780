"""What a budget, the number of anchors, the gate, the layer, and the number of samples change: sweeps on small clutter.

    REGARD_DATA=... python benchmarks/sweeps.py [NAME ...] [--workers 2] [--runs runs]

Each is one `regard sweep` over a smaller version of the default recipe, whose images have masks, recorded in
results/sweep_NAME.json; a sweep's page is in its folder. Recorded: every column with its interval over seeds and
images, and differences from the first value, corrected (Holm). Values were fixed beforehand.
"""

from __future__ import annotations

import json
from pathlib import Path

from common import keep_each, record, run_regard

SEEDS = 3
SMALL = ["--data.options", "{train: 4000, distractors: 1}", "--train.batch_size", "16"]
SMALL += ["--train.threads", "1", "--twin", "false"]
RESIDUAL = ["--model.attention", "aib", "--objective.budget_bits", "null", "--objective.map_budget_bits", "null"]
MAP_BUDGET = "objective.map_budget_bits"
SWEEPS = {
    "latent_budget": ["--budgets", "2,4,8,16,32", "--unknown", "cifar10_jpeg", "--objective.map_budget_bits", "null"],
    "map_budget": ["--field", MAP_BUDGET, "--values", "500,1000,2000,4000,8000"],
    "gate": ["--field", "model.attention", "--values", "deterministic,aib,mask,noise", f"--{MAP_BUDGET}", "null"],
    "anchors": ["--field", "model.anchors", "--values", "null,2,5,10,20,50", *RESIDUAL],
    "where": ["--field", "model.at", "--values", "[stage1],[stage2],[stage3]", f"--{MAP_BUDGET}", "1000"],
}
"""Name -> arguments of `regard sweep`."""
KEPT = ("title", "reference", "columns", "rows", "failed", "seconds", "made")


def keep(name: str, runs: Path, workers: int) -> None:
    """Runs what is missing of a sweep and records it."""
    grid = ["--seeds", SEEDS, "--workers", workers, "--runs", runs]
    run_regard("sweep", *SWEEPS[name], *SMALL, "--name", name, *grid)
    table = json.loads((runs / f"{name}-sweep" / "table.json").read_text())
    notes = (
        "clutter with 4,000 training images and one distractor, in batches of 16; intervals join seeds and images; "
        "bits are of one sample"
    )
    print(record(f"sweep_{name}", {key: table[key] for key in KEPT}, seeds=range(SEEDS), notes=notes))


if __name__ == "__main__":
    keep_each(keep, __doc__, tuple(SWEEPS))
