"""Where the time of the fixation metrics goes, and how far it is from what memory allows: all seven metrics on maps of
400x300, one thread, processor time.

    python benchmarks/fixation_profile.py [--images 8] [--repeats 15]

The limit: each map, its gold density and the other images' fixation counts are read once, in float64, at the bandwidth
of a sum over an array that is larger than the caches. A part's time is that of its function alone, on the same maps.
"""

from __future__ import annotations

import argparse
import statistics
import time

import torch

from common import record, seconds_in_turns
from regard.metrics.fixation import auc, auc_judd, cc, fixation_scores, kl_divergence, nss, sauc, sim

HEIGHT, WIDTH, FIXATIONS = 300, 400, 140
PEER = 7.85
"""Milliseconds of pysaliency for an image, from results/fixation_metrics.json on the same kind of machine."""


def bandwidth(repeats: int) -> float:
    """Bytes a second of a sum over 400 MB, one thread."""
    array = torch.rand(50_000_000, dtype=torch.float64)
    times = seconds_in_turns({"sum": array.sum}, repeats, clock=time.process_time)["sum"]
    return array.numel() * 8 / statistics.median(times)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--images", type=int, default=8)
    parser.add_argument("--repeats", type=int, default=15)
    options = parser.parse_args()
    torch.set_num_threads(1)
    torch.manual_seed(0)
    shape = (options.images, 1, HEIGHT, WIDTH)
    maps, gold = torch.rand(shape, dtype=torch.float64) ** 4 + 1e-7, torch.rand(shape, dtype=torch.float64) ** 8
    points = torch.rand(options.images, FIXATIONS, 2, dtype=torch.float64) * torch.tensor([WIDTH - 1.0, HEIGHT - 1.0])
    others = torch.randint(0, 3, (1, 1, HEIGHT, WIDTH)).double()
    work = {
        "all seven": lambda: fixation_scores(maps, points, gold, others, own_included=False),
        "auc": lambda: auc(maps, points),
        "sauc": lambda: sauc(maps, points, others, own_included=False),
        "auc_judd": lambda: auc_judd(maps, points),
        "nss": lambda: nss(maps, points),
        "cc": lambda: cc(maps, gold),
        "sim": lambda: sim(maps, gold),
        "kl": lambda: kl_divergence(maps, gold),
    }
    times = seconds_in_turns(work, options.repeats, warmup=2, clock=time.process_time)
    each = {name: 1e3 * statistics.median(found) / options.images for name, found in times.items()}
    speed = bandwidth(options.repeats)
    read = 8 * HEIGHT * WIDTH * (2 + 1 / options.images)  # the counts are shared by a batch
    limit = 1e3 * read / speed
    values = {
        "ms_an_image": each,
        "bytes_read_an_image": read,
        "gigabytes_a_second": speed / 1e9,
        "limit_ms_an_image": limit,
        "share_of_the_limit": limit / each["all seven"],
        "ms_an_image_for_15_times_the_peer": PEER / 15,
        "limit_over_that": limit / (PEER / 15),
    }
    print(values)
    record("fixation_profile", values, seeds=(0,), notes=" ".join((__doc__ or "").split()))


if __name__ == "__main__":
    main()
