"""How much of a gaze score needs no image: NSS of maps that know a bird's box alone, and what viewings reach.

    REGARD_DATA=... python benchmarks/gaze_floors.py [--grid 12] [--size 192]

CUB-GHA's gaze on 50 kinds of birds, test images of 192x192 and maps of 12x12 as in the table `cub50`: uniform in the
box, a Gaussian at its centre, and where viewers of training images looked in theirs; beside them one viewing by the
others of the same image, by the cross-fitted density and by one Gaussian.
"""

from __future__ import annotations

import argparse
import os
import sys
from pathlib import Path

import torch

from common import record
from regard.data import open_data
from regard.evaluation.box_prior import box_prior, on_boxes
from regard.evaluation.gaze import agreement
from regard.evaluation.gaze_ceilings import ceilings
from regard.evaluation.localization import boxed_floors
from regard.evaluation.rows import ANOTHER, BOX_PRIOR
from regard.gaze import SIGMA, leave_one_observer_out
from regard.metrics import score
from regard.types import Map


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--grid", type=int, default=12)
    parser.add_argument("--size", type=int, default=192)
    arguments = parser.parse_args()
    root = Path(os.environ.get("REGARD_DATA", ""))
    if not (root / "cub50").is_dir():
        sys.exit("set REGARD_DATA to the folder with cub50/")
    data = open_data("cub", root=root / "cub50", size=arguments.size)
    gaze, boxes, prior = data.gaze(), data.test.boxes, box_prior(data.train)
    grid, size = (arguments.grid,) * 2, (arguments.size,) * 2
    flat = Map(torch.ones(len(boxes), 1, *grid), "relevance")
    floors = boxed_floors(flat, boxes, size, seed=0)
    del floors[ANOTHER]
    floors[BOX_PRIOR] = Map(on_boxes(prior, boxes, size), "relevance").resize(grid)
    values = {label: {k: vars(score(v)) for k, v in agreement(map, gaze).items()} for label, map in floors.items()}
    values = {
        label: {k: {x: v[x] for x in ("mean", "low", "high")} for k, v in row.items()} for label, row in values.items()
    }
    new = ceilings(gaze, grid, sigma=SIGMA * arguments.size, seed=0)
    old = leave_one_observer_out(gaze, sigma=SIGMA * arguments.size, grid=grid).values
    values["viewings, cross-fitted"] = {f"gaze_{k}": v.nanmean().item() for k, v in new.items()}
    values["viewings, one Gaussian"] = {f"gaze_{k}": v.nanmean().item() for k, v in old.items()}
    values |= {"images": len(boxes), "training_images": len(data.train), "grid": arguments.grid}
    print(values)
    record("gaze_floors", values, seeds=(0,), notes=" ".join((__doc__ or "").split()))


if __name__ == "__main__":
    main()
