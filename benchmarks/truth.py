"""Which faithfulness metric can be believed: `regard truth`, recorded.

    REGARD_DATA=... python benchmarks/truth.py [--seeds 14] [--workers 2] [--runs runs] [--finished]

Cells are kept in RUNS/truth and a killed run goes on where it stopped. With ``--finished`` nothing is run: what is
finished is recorded, and the record says how many networks were planned. The figure is docs/images/truth.png.
"""

from __future__ import annotations

import argparse
from dataclasses import asdict
from pathlib import Path

from common import ROOT, record
from regard.experiments import GridOptions
from regard.truth import make_truth, truth_figure
from regard.truth.run import NAME, SEEDS, truth_cells, write_truth

NOTES = """Kendall's tau with the truth over seven ladders of five maps, means over worlds; intervals (95 %) resample
networks. false: tests of maps of noise that call one clearly better than random. images: for a power of .8 at .05,
between the truth and the truth with a dose of .1; null where no number is enough. chosen and held: worlds of even and
of odd seeds."""


def main() -> None:
    """Runs and records."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seeds", type=int, default=SEEDS)
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--runs", type=Path, default=Path("runs"))
    parser.add_argument("--finished", action="store_true")
    options = parser.parse_args()
    how = GridOptions(options.runs, options.workers, seeds=options.seeds)
    root = options.runs / NAME
    results = write_truth(truth_cells(how), root, {}) if options.finished else make_truth(how)[0]
    truth_figure(results).savefig(ROOT / "docs" / "images" / "truth.png")
    record("truth", asdict(results), seeds=range(options.seeds), notes=" ".join(NOTES.split()))


if __name__ == "__main__":
    main()
