"""All salient-object metrics on ECSSD against pysodmetrics in its own environment: the same values, how much faster.

    benchmarks/make_oracle.sh
    REGARD_DATA=... python benchmarks/salient_metrics.py [--images 1000] [--cores 1]

Predictions: the mask blurred by a box of 31 pixels, times a low-frequency pattern, plus a tenth of the grey image,
float64; masks and images resized to 240x320 before either side sees them. Both sides get the same arrays, pysodmetrics
with ``normalize=False``; only scoring is timed, the two sides in turn in blocks of 48 images. regard scores batches of
16; pysodmetrics has no batches. This file runs in either environment: with ``--oracle`` it is the
pysodmetrics side.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np

NAMES = ("max_f", "mean_f", "adaptive_f", "weighted_f", "mae", "s", "max_e", "mean_e", "adaptive_e")
ORACLE = Path(__file__).resolve().parent.parent / ".venv-oracle/bin/python"
BLOCK, BATCH = 48, 16


def oracle(folder: Path) -> None:
    """Read block numbers from stdin; score each block with pysodmetrics; answer with seconds; values go to a file."""
    from py_sod_metrics import MAE, Emeasure, Fmeasure, Smeasure, WeightedFmeasure

    predictions, masks = (np.load(folder / f"{name}.npy", mmap_mode="r") for name in ("predictions", "masks"))
    values = np.full((len(masks), len(NAMES)), np.nan)

    def score(b: int, p: np.ndarray, g: np.ndarray) -> None:
        f, w, m, s, e = Fmeasure(), WeightedFmeasure(), MAE(), Smeasure(), Emeasure()
        for metric in (f, w, m, s, e):
            metric.step(p, g, normalize=False)
        curve, aligned = f.changeable_fms[0], e.changeable_ems[0]
        values[b, :6] = curve.max(), curve.mean(), f.adaptive_fms[0], w.weighted_fms[0], m.maes[0], s.sms[0]
        values[b, 6:] = aligned.max(), aligned.mean(), e.adaptive_ems[0]

    score(0, np.array(predictions[0]), np.array(masks[0]))
    print("ready", flush=True)
    for line in sys.stdin:
        block = [(b, np.array(predictions[b]), np.array(masks[b])) for b in json.loads(line)]
        start, cpu = time.perf_counter(), time.process_time()
        for one in block:
            score(*one)
        print(time.perf_counter() - start, time.process_time() - cpu, flush=True)
    np.save(folder / "oracle.npy", values)


def prepare(folder: Path, count: int):
    """Predictions and masks of ECSSD's first images on disk, as both sides read them."""
    import torch
    import torch.nn.functional as F
    from PIL import Image

    root = Path(os.environ["REGARD_DATA"]) / "ecssd"
    paths = sorted((root / "masks").glob("*.png"))[:count]
    size = (240, 320)
    predictions = np.lib.format.open_memmap(folder / "predictions.npy", "w+", np.float64, (len(paths), *size))
    masks = np.lib.format.open_memmap(folder / "masks.npy", "w+", np.bool_, (len(paths), *size))
    ramp = torch.linspace(0, 6, size[0]).double()[:, None] + torch.linspace(0, 9, size[1]).double()
    for b, path in enumerate(paths):
        mask = Image.open(path).convert("L").resize(size[::-1], Image.Resampling.NEAREST)
        grey = Image.open(root / "images" / f"{path.stem}.jpg").convert("L").resize(size[::-1])
        masks[b] = np.asarray(mask) > 127
        soft = F.avg_pool2d(torch.from_numpy(np.array(masks[b]))[None, None].double(), 31, 1, 15)[0, 0]
        predictions[b] = (soft * (0.7 + 0.2 * ramp.sin())).numpy() + np.asarray(grey) / 2550
    return predictions, masks


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--images", type=int, default=1000)
    parser.add_argument("--cores", type=int, default=1)
    parser.add_argument("--oracle", type=Path)
    arguments = parser.parse_args()
    if arguments.oracle:
        oracle(arguments.oracle)
        return
    if not os.environ.get("REGARD_DATA") or not ORACLE.exists():
        sys.exit("needs REGARD_DATA with ecssd/, and pysodmetrics' environment: run benchmarks/make_oracle.sh")
    import torch

    from record import record
    from regard.metrics.salient_object import all_scores

    torch.set_num_threads(arguments.cores)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        predictions, masks = prepare(folder, arguments.images)
        command = [str(ORACLE), "-W", "ignore", __file__, "--oracle", name]
        environment = os.environ | {"OMP_NUM_THREADS": str(arguments.cores), "PYTHONPATH": ""}
        other = subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=environment, bufsize=1
        )
        assert other.stdin is not None
        assert other.stdout is not None
        assert other.stdout.readline().strip() == "ready"
        count = len(masks)
        values = np.full((count, len(NAMES)), np.nan)
        ours, theirs = np.zeros(2), np.zeros(2)  # wall and processor seconds

        def load(batch: slice) -> tuple[slice, torch.Tensor, torch.Tensor]:
            p, g = (torch.from_numpy(np.array(a[batch]))[:, None] for a in (predictions, masks))
            return batch, p, g

        def score(batch: slice, p: torch.Tensor, g: torch.Tensor) -> None:
            scores = all_scores(p, g)
            values[batch] = torch.stack([scores[name] for name in NAMES], 1).numpy()

        score(*load(slice(0, BATCH)))
        for first in range(0, count, BLOCK):
            block = list(range(first, min(first + BLOCK, count)))
            other.stdin.write(json.dumps(block) + "\n")
            theirs += [float(v) for v in other.stdout.readline().split()]
            last = block[-1] + 1
            batches = [load(slice(k, min(k + BATCH, last))) for k in range(first, last, BATCH)]
            start, cpu = time.perf_counter(), time.process_time()
            for batch in batches:
                score(*batch)
            ours += time.perf_counter() - start, time.process_time() - cpu
        other.stdin.close()
        other.wait()
        reference = np.load(folder / "oracle.npy")
    known = np.isfinite(reference)  # pysodmetrics has no S where the centroid lies on the last row or column
    difference = np.abs(np.where(known, values - reference, 0)).max(0)
    wall, cpu = 1000 * np.stack([ours, theirs], 1) / count
    result = {
        "images": count,
        "size": list(masks.shape[1:]),
        "cores": arguments.cores,
        "wall_ms_an_image": {"regard": wall[0], "pysodmetrics": wall[1], "times_faster": wall[1] / wall[0]},
        "processor_ms_an_image": {"regard": cpu[0], "pysodmetrics": cpu[1], "times_faster": cpu[1] / cpu[0]},
        "largest_difference": dict(zip(NAMES, difference, strict=True)),
        "mean": dict(zip(NAMES, values.mean(0), strict=True)),
        "undefined_in_pysodmetrics": int((~known).sum()),
    }
    print(json.dumps(result, indent=2))
    assert difference.max() < 1e-9, "values differ from pysodmetrics'"
    record("salient_metrics", result, notes=" ".join((__doc__ or "").split()))


if __name__ == "__main__":
    main()
