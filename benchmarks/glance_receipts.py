"""Are predictions made again from receipts alone, and how long are the receipts beside what is stated?

    python benchmarks/glance_receipts.py RUN [RUN ...] [--images 1000]

RUN is a run of a glance on clutter, such as those that ``benchmarks/glance.py`` leaves in its folder. For each,
receipts of test images are written into a folder of their own, and checked by another process that has the model and
that folder, and opens no data set.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

import torch

from common import record
from regard.data import open_data
from regard.models import GlanceClassifier, check_receipt, make_receipt, read_receipt, write_receipt


def measured(run: Path, images: int) -> dict[str, Any]:
    """Receipts of one run."""
    model = GlanceClassifier.from_pretrained(run / "model")
    size = model.shape[1]
    data = open_data("clutter", None, size=size, side=[0.2, 0.25], train=1, val=1, test=images)
    with tempfile.TemporaryDirectory() as folder:
        lengths, stated = [], []
        for i in range(images):
            receipt = make_receipt(model, data.test.batch([i]).images)
            path = write_receipt(receipt, Path(folder) / f"{i}.receipt")
            lengths.append(8 * path.stat().st_size)
            stated.append(receipt.stated_bits)
        program = [sys.executable, __file__, "--check", folder, str(run)]
        done = subprocess.run(program, check=True, capture_output=True, text=True)
    ratios = torch.tensor(lengths) / torch.tensor(stated)
    return {
        "view": model.view,
        "receipts": images,
        "made_again": json.loads(done.stdout)["made_again"],
        "mean_bits": float(torch.tensor(lengths, dtype=torch.float64).mean()),
        "mean_stated_bits": float(torch.tensor(stated, dtype=torch.float64).mean()),
        "mean_ratio": float(ratios.mean()),
        "largest_ratio": float(ratios.max()),
        "largest_place_bits": model.attention.code / float(torch.tensor(2.0).log()),
    }


def check(folder: Path, run: Path) -> None:
    """Prints how many receipts of a folder give the prediction that they state."""
    model = GlanceClassifier.from_pretrained(run / "model")
    print(json.dumps({"made_again": sum(check_receipt(model, read_receipt(p, model))[2] for p in folder.iterdir())}))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("runs", nargs="+", type=Path)
    parser.add_argument("--images", type=int, default=1000)
    parser.add_argument("--check", type=Path, metavar="FOLDER", help="check the receipts there, of one run")
    options = parser.parse_args()
    torch.set_num_threads(1)
    if options.check is not None:
        check(options.check, options.runs[0])
        return
    values = {run.name: measured(run, options.images) for run in options.runs}
    notes = (
        "clutter, 96 pixels, a quarter of them bought; stated: logarithm of the number of choices, and 8 bits a value"
    )
    print(record("glance_receipts", values, notes=notes))
    print(json.dumps(values, indent=1))


if __name__ == "__main__":
    main()
