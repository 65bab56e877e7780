"""Generated scanpaths, and what multimatch-gaze 0.1.3 says of them.

Run in an environment with multimatch-gaze, this file writes multimatch.json beside it again:

    python tests/metrics/scanpath/multimatch_cases.py
"""

import json
from pathlib import Path

import numpy as np

FILE = Path(__file__).with_name("multimatch.json")
SIZE = (300, 400)  # height, width
LENGTHS = [(3, 3), (3, 9), (9, 3), (8, 12), (15, 15), (4, 30), (25, 7)]


def pair(k):
    """Two scanpaths (n,3): x, y, duration in ms, and no two ways through their saccades cost the same."""
    rng = np.random.default_rng(k)
    columns = ((rng.uniform(0, 400, n), rng.uniform(0, 300, n), rng.integers(40, 900, n)) for n in LENGTHS[k])
    return [np.stack(c, 1).astype(np.float64) for c in columns]


def main():
    from multimatch_gaze import docomparison

    known = []
    for k in range(len(LENGTHS)):
        records = [np.rec.fromarrays([*p[:, :2].T, p[:, 2] / 1000], names="start_x,start_y,duration") for p in pair(k)]
        known.append([float(value) for value in np.ravel(docomparison(*records, SIZE[::-1]))])
    FILE.write_text(json.dumps(known, indent=1) + "\n")


if __name__ == "__main__":
    main()
