"""All fixation metrics on OSIE against pysaliency in its own environment: the same values, and how much faster.

    benchmarks/make_oracle.sh
    REGARD_DATA=... python benchmarks/fixation_metrics.py [--images 700] [--cores 2]

Maps: for each image the density of all fixations on the next image (sigma 15 px) times a low-frequency pattern plus a
floor, float64, 400x300. Gold: the density of the image's own fixations. Both sides get the same arrays; only scoring is
timed, the two sides in turn in blocks, so that what else the machine does falls on both; where it does much, compare
processor time. Both may use as many threads as there are cores. regard scores batches of 8 images; pysaliency has no
batches. This file runs in either environment: with ``--oracle`` it is the pysaliency side.
"""

from __future__ import annotations

import json
import os
import tempfile
import time
from pathlib import Path

import numpy as np

from peers import score_in_turns, score_options, serve_scores

NAMES = ("auc", "sauc", "auc_judd", "nss", "cc", "sim", "kl")
BLOCK, BATCH = 50, 8


def oracle(folder: Path) -> None:
    """The side of pysaliency."""
    import pysaliency

    table, sizes = np.load(folder / "fixations.npy"), np.load(folder / "sizes.npy")
    maps, gold = (np.load(folder / f"{name}.npy", mmap_mode="r") for name in ("maps", "gold"))
    stimuli = pysaliency.Stimuli([np.full((*size, 3), k % 251, np.uint8) for k, size in enumerate(sizes)])
    fixations = pysaliency.Fixations.create_without_history(table[:, 1], table[:, 2], table[:, 0].astype(int))
    from pysaliency.metrics import CC, NSS, SIM, image_based_kl_divergence
    from pysaliency.roc import general_roc
    from pysaliency.saliency_map_models import FullShuffledNonfixationProvider, _get_unfixated_values

    others = FullShuffledNonfixationProvider(stimuli, fixations)

    def score(b: int, s: np.ndarray, g: np.ndarray) -> tuple[float, ...]:
        mine = fixations.n == b
        x, y = fixations.x_int[mine], fixations.y_int[mine]
        ox, oy = others.nonfixations_for_image(b)
        if b == 0:  # of the call that warms up
            others.cache.clear()
        positive = s[y, x]
        return (
            general_roc(positive, s.flatten())[0],
            general_roc(positive, s[oy, ox])[0],
            general_roc(positive, _get_unfixated_values(s, y, x), judd=1)[0],
            NSS(s, x, y).mean(),
            CC(s, g),
            SIM(s, g),
            image_based_kl_divergence(s, g),
        )

    serve_scores(folder, (maps, gold), len(NAMES), score)


def prepare(folder: Path, count: int):
    """OSIE's first images: fixations, maps and gold densities on disk, as both sides read them."""
    import torch

    from regard.gaze import density, read_osie

    fixations = read_osie(Path(os.environ["REGARD_DATA"]) / "osie")
    fixations = fixations.select(images=fixations.images[:count])
    np.save(folder / "fixations.npy", np.stack([fixations.image, fixations.x, fixations.y], 1))
    np.save(folder / "sizes.npy", fixations.sizes)
    points = fixations.points()
    h, w = (int(v) for v in fixations.sizes[0])
    maps = np.lib.format.open_memmap(folder / "maps.npy", "w+", np.float64, (count, h, w))
    gold = np.lib.format.open_memmap(folder / "gold.npy", "w+", np.float64, (count, h, w))
    ramp = torch.linspace(0, 6, h, dtype=torch.float64)[:, None] + torch.linspace(0, 9, w, dtype=torch.float64)
    for b in range(count):
        gold[b] = density(points[b : b + 1], size=(h, w), sigma=15.0)[0, 0].numpy()
    for b in range(count):
        maps[b] = gold[(b + 1) % count] * (1.2 + ramp.sin().numpy()) + 1e-7 * (2 + ramp.cos().numpy())
    return fixations, maps, gold


def main() -> None:
    arguments = score_options(images=700, cores=2, data="osie")
    if arguments.oracle:
        oracle(arguments.oracle)
        return
    import torch

    from common import plain, record
    from regard.gaze import fixation_counts
    from regard.metrics.fixation import fixation_scores

    torch.set_num_threads(arguments.cores)
    values = np.full((arguments.images, len(NAMES)), np.nan)
    with tempfile.TemporaryDirectory() as name:
        fixations, maps, gold = prepare(Path(name), arguments.images)
        points = fixations.points()
        start, cpu = time.perf_counter(), time.process_time()
        total = fixation_counts(fixations, grid=maps.shape[1:])
        counting = time.perf_counter() - start, time.process_time() - cpu

        def load(batch: slice) -> tuple[slice, torch.Tensor, torch.Tensor]:
            s, g = (torch.from_numpy(np.array(a[batch]))[:, None] for a in (maps, gold))
            return batch, s, g

        def score(batch: slice, s: torch.Tensor, g: torch.Tensor) -> None:
            scores = fixation_scores(s, points[batch], g, total)
            values[batch] = torch.stack([scores[name] for name in NAMES], 1).numpy()

        size = {"block": BLOCK, "batch": BATCH, "cores": arguments.cores}
        times = score_in_turns(Path(name), arguments.images, **size, load=load, score=score)
    times.ours[:] += counting
    difference = np.abs(values - times.reference).max(0)
    result = {
        "images": arguments.images,
        "cores": arguments.cores,
        **times.per_image("pysaliency"),
        "largest_difference": dict(zip(NAMES, difference, strict=True)),
        "mean": dict(zip(NAMES, values.mean(0), strict=True)),
        "peak_memory_mib": {"after_first_block": times.memory[0], "at_the_end": times.memory[-1]},
    }
    print(json.dumps(plain(result), indent=2))
    assert difference.max() < 1e-9, "values differ from pysaliency's"
    record("fixation_metrics", result, notes=" ".join((__doc__ or "").split()))


if __name__ == "__main__":
    main()
