"""All salient-object metrics on ECSSD against pysodmetrics in its own environment: the same values, how much faster.

    benchmarks/make_oracle.sh
    REGARD_DATA=... python benchmarks/salient_metrics.py [--images 1000] [--cores 1]   # the record is named after cores

Predictions: the mask blurred by a box of 31 pixels, times a low-frequency pattern, plus a tenth of the grey image,
float64; masks and images resized to 240x320 before either side sees them. Both sides get the same arrays, pysodmetrics
with ``normalize=False``; only scoring is timed, the two sides in turn in blocks of 48 images. regard scores batches of
16; pysodmetrics has no batches. This file runs in either environment: with ``--oracle`` it is the
pysodmetrics side.
"""

from __future__ import annotations

import json
import os
import tempfile
from pathlib import Path

import numpy as np

from peers import score_in_turns, score_options, serve_scores

NAMES = ("max_f", "mean_f", "adaptive_f", "weighted_f", "mae", "s", "max_e", "mean_e", "adaptive_e")
BLOCK, BATCH = 48, 16


def oracle(folder: Path) -> None:
    """The side of pysodmetrics."""
    from py_sod_metrics import MAE, Emeasure, Fmeasure, Smeasure, WeightedFmeasure

    predictions, masks = (np.load(folder / f"{name}.npy", mmap_mode="r") for name in ("predictions", "masks"))

    def score(_: int, p: np.ndarray, g: np.ndarray) -> tuple[float, ...]:
        f, w, m, s, e = Fmeasure(), WeightedFmeasure(), MAE(), Smeasure(), Emeasure()
        for metric in (f, w, m, s, e):
            metric.step(p, g, normalize=False)
        curve, aligned = f.changeable_fms[0], e.changeable_ems[0]
        of_f = (curve.max(), curve.mean(), f.adaptive_fms[0], w.weighted_fms[0])
        return *of_f, m.maes[0], s.sms[0], aligned.max(), aligned.mean(), e.adaptive_ems[0]

    serve_scores(folder, (predictions, masks), len(NAMES), score)


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
    arguments = score_options(images=1000, cores=1, data="ecssd")
    if arguments.oracle:
        oracle(arguments.oracle)
        return
    import torch

    from common import plain, record
    from regard.metrics.salient_object import salient_object_scores

    torch.set_num_threads(arguments.cores)
    with tempfile.TemporaryDirectory() as name:
        predictions, masks = prepare(Path(name), arguments.images)
        values = np.full((len(masks), len(NAMES)), np.nan)

        def load(batch: slice) -> tuple[slice, torch.Tensor, torch.Tensor]:
            p, g = (torch.from_numpy(np.array(a[batch]))[:, None] for a in (predictions, masks))
            return batch, p, g

        def score(batch: slice, p: torch.Tensor, g: torch.Tensor) -> None:
            scores = salient_object_scores(p, g)
            values[batch] = torch.stack([scores[name] for name in NAMES], 1).numpy()

        size = {"block": BLOCK, "batch": BATCH, "cores": arguments.cores}
        times = score_in_turns(Path(name), len(masks), **size, load=load, score=score)
    known = np.isfinite(times.reference)  # pysodmetrics has no S where the centroid lies on the last row or column
    difference = np.abs(np.where(known, values - times.reference, 0)).max(0)
    result = {
        "images": len(masks),
        "size": list(masks.shape[1:]),
        "cores": arguments.cores,
        **times.per_image("pysodmetrics"),
        "largest_difference": dict(zip(NAMES, difference, strict=True)),
        "mean": dict(zip(NAMES, values.mean(0), strict=True)),
        "undefined_in_pysodmetrics": int((~known).sum()),
    }
    print(json.dumps(plain(result), indent=2))
    assert difference.max() < 1e-9, "values differ from pysodmetrics'"
    name = "salient_metrics" if arguments.cores == 1 else f"salient_metrics_{arguments.cores}_cores"
    record(name, result, notes=" ".join((__doc__ or "").split()))


if __name__ == "__main__":
    main()
