"""Methods on a network with ImageNet weights (EfficientNet-Lite0, from its package), judged by every metric with its
floors: eight on photographs of birds with boxes (CUB), six on photographs that scikit-image and scikit-learn carry.

    REGARD_DATA=... python benchmarks/judge_imagenet.py [--images 16] [--photographs 6] [--out runs/judge-imagenet]

It runs `regard judge`, which goes on where it was killed; pages and maps stay in the folder, the tables go to
results/judge_imagenet.json. Images are chosen by a seed, nothing is tuned.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
from pathlib import Path
from typing import Any

from torchvision.io import write_png

from common import record, run_regard
from regard.data.generated.drawing import PHOTOGRAPHS, photograph

NETWORK = "tf_efficientnet_lite0"
METHODS = (
    "grad_cam",
    "layer_cam",
    "input_x_gradient",
    "integrated_gradients",
    "smooth_grad",
    "occlusion",
    "rise",
    "iba",
)
QUICK = tuple(method for method in METHODS if method not in ("occlusion", "rise"))  # hundreds of forwards a map
OPTIONS = ("rise.samples=256",)
NO_SCENE = ("grass", "gravel", "brick", "moon", "hubble", "retina", "ihc")  # textures, and nothing ImageNet has


def write_photographs(folder: Path) -> None:
    """The packaged photographs of things and scenes, as files."""
    folder.mkdir(parents=True, exist_ok=True)
    for name in sum(PHOTOGRAPHS.values(), ()):
        if not any(word in name for word in NO_SCENE):
            write_png(photograph(name, 256), str(folder / f"{Path(name).stem}.png"))


def judged(data: str, out: Path, methods: tuple[str, ...], images: int, again: int) -> dict[str, Any]:
    """`regard judge` on one data set; its table without the names of images."""
    options = [part for option in OPTIONS for part in ("--option", option)]
    limits = ["--methods", ",".join(methods), "--images", images, "--again", again, "--steps", 8]
    run_regard("judge", "--model", NETWORK, "--data", data, "--out", out, *limits, *options)
    table = json.loads((out / "judge.json").read_text())
    kept = ("options", "methods", "measures", "comparisons", "failed")
    images = table["data"]["images"]
    return {"images": images, "rows": [_short(row) for row in table["rows"]]} | {key: table[key] for key in kept}


def _short(row: dict[str, Any]) -> dict[str, Any]:
    """A row without what its measure says once for all methods."""
    score = row["score"]
    beside = {r["label"]: r["value"] for r in score["references"]}
    numbers = {key: score[key] for key in ("value", "low", "high", "n", "difference")}
    return {"method": row["method"], "measure": score["key"]} | numbers | {"beside": beside}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--images", type=int, default=16, help="birds")
    parser.add_argument("--photographs", type=int, default=6)
    parser.add_argument("--again", type=int, default=4)
    parser.add_argument("--out", type=Path, default=Path("runs/judge-imagenet"))
    options = parser.parse_args()
    if "REGARD_DATA" not in os.environ:
        sys.exit("set REGARD_DATA to the folder that holds cub50 or CUB_200_2011")
    write_photographs(options.out / "pictures")
    tables = {
        name: judged(data, options.out / name, methods, count, options.again)
        for name, data, methods, count in (
            ("birds", "cub", METHODS, options.images),
            ("photographs", str(options.out / "pictures"), QUICK, options.photographs),
        )
    }
    notes = (
        "mean and 95 % bootstrap interval over images; `beside` holds floors (the same values rearranged: smooth noise "
        "of the map's bandwidth, and a centre map) and controls; `difference` is paired, to the first floor; "
        "infidelity and paths use every image, metrics that explain again the first `again` of them"
    )
    record("judge_imagenet", {"network": NETWORK, "method_options": OPTIONS} | tables, seeds=(0,), notes=notes)


if __name__ == "__main__":
    main()
