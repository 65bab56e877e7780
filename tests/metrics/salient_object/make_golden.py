"""Writes golden.json: scores of pysodmetrics 1.6.2 (normalize=False) for `cases`.

benchmarks/make_oracle.sh
.venv-oracle/bin/python tests/metrics/salient_object/make_golden.py
"""

import json
import warnings
from pathlib import Path

import numpy as np
from cases import cases
from py_sod_metrics import MAE, Emeasure, Fmeasure, Smeasure, WeightedFmeasure

warnings.simplefilter("ignore")


def values(prediction, mask):
    f, e, s, w, m = Fmeasure(), Emeasure(), Smeasure(), WeightedFmeasure(), MAE()
    for metric in (f, e, s, w, m):
        metric.step(prediction, mask, normalize=False)
    curve, enhanced = f.changeable_fms[0], e.changeable_ems[0]
    scores = {
        "max_f": curve.max(),
        "mean_f": curve.mean(),
        "adaptive_f": f.adaptive_fms[0],
        "weighted_f": w.weighted_fms[0],
        "mae": m.maes[0],
        "s": s.sms[0],
        "max_e": enhanced.max(),
        "mean_e": enhanced.mean(),
        "adaptive_e": e.adaptive_ems[0],
    }
    numbers = {name: float(value) for name, value in scores.items()}
    return {name: value if np.isfinite(value) else None for name, value in numbers.items()}


if __name__ == "__main__":
    golden = {name: values(*case) for name, case in cases().items()}
    path = Path(__file__).with_name("golden.json")
    path.write_text(json.dumps(golden, indent=1) + "\n")
    print(f"{len(golden)} cases: {path}")
