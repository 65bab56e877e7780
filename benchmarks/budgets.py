"""Does a budget in bits land? `regard train` at 20 and at 6 latent bits, side by side; test rates and accuracies.

python benchmarks/budgets.py [--bits 20 6] [--runs runs/budgets]
"""

from __future__ import annotations

import argparse
import json
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from common import record, run_regard

KEPT = ("accuracy_mean", "accuracy_one_sample", "latent_bits", "gate_bits", "label_bits", "energy_over_area")


def cell(bits: float, runs: Path) -> dict[str, float]:
    """One run: the requested budget and the results on test images."""
    name = f"bits-{bits:g}"
    fields = ["--twin", "false", "--train.threads", 1, "--objective.budget_bits", bits]
    run_regard("train", "--runs", runs, "--name", name, "--quiet", *fields)
    rows = {row["key"]: row for row in json.loads((runs / name / "evaluation.json").read_text())["scores"]}
    scores = {key: {part: rows[key][part] for part in ("value", "low", "high")} for key in KEPT}
    return {"asked_bits": bits, "off_by": rows["latent_bits"]["value"] / bits - 1, **scores}  # type: ignore[dict-item]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--bits", type=float, nargs="+", default=[20.0, 6.0])
    parser.add_argument("--runs", type=Path, default=Path("runs/budgets"))
    options = parser.parse_args()
    with ThreadPoolExecutor(2) as pool:
        cells = list(pool.map(lambda bits: cell(bits, options.runs), options.bits))
    print(record("budgets", {"runs": cells}, seeds=(0,), notes="clutter, default recipe; intervals over 2,000 images"))
    print(json.dumps(cells, indent=1))


if __name__ == "__main__":
    main()
