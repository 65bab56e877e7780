"""Every family of timm's classifiers: the layers that regard chooses by default, and what works there.

    python benchmarks/timm_families.py [--only swin_transformer vision_transformer ...] [--runs runs/timm_families]

A family is a module of ``timm.models``; of each, the network with the fewest parameters is tried, with random weights
and ten classes, on two noise images of the size that it is made for. For each:

    grad_cam    `regard.explain` without a layer: the layer and the map's grid
    attention   `AttentiveClassifier` without a layer: the layer, the map's grid, and whether nothing goes around it
    rollout     `regard.explain(..., "rollout")`

Each gives a map, or is refused by an error of regard's own that says what to do. Anything else is a fault, named in the
record.
"""

from __future__ import annotations

import argparse
import json
import time
import warnings
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import timm
import torch
from timm.models import _registry

from common import ROOT, record
from regard.backbones import eval_mode, last_layer
from regard.explain import explain
from regard.files import write_json
from regard.models import AttentiveClassifier
from regard.types import RegardError

CLASSES = 10
INTRODUCTION = """# Families of networks

What regard does on a network that nobody configured: for every family of timm's classifiers, the smallest network with
random weights, and the layers that are chosen where none is named. Recorded by `python benchmarks/timm_families.py`
(`results/timm_families.json`).

* **Class activation maps at**: the last layer with positions on which the prediction depends, and the map's grid. In a
  vision transformer that reads its class token, the block before the last: after that the patches do not matter.
* **Attention at**: a layer with a grid of about a sixteenth of the image's side.
* **Cut**: nothing goes around the attention there, so its bits bound what the prediction can use. A class token, or a
  skip connection around the layer, goes around it.
* **Rollout**: whether the matrices of attention can be multiplied. They cannot where attention is within windows,
  between channels, or from fewer tokens to more, and there is none in a convolutional network.

*Refused* is an error that says why. Name a layer (`--layer`, `at=`), and where tokens lie in an order of their own
(Hiera's windows), their layout: `layout=Layout("tokens", prefix=0, grid=(14, 14))`.

"""


def families() -> list[str]:
    """Modules of ``timm.models`` that define classifiers."""
    return sorted(_registry._module_to_models)


def smallest(family: str) -> str:
    """The family's network with the fewest parameters, counted without memory for them."""
    return min(sorted(_registry._module_to_models[family]), key=parameters)


def parameters(name: str) -> float:
    """Number of parameters; infinite for a network that cannot be made without memory."""
    try:
        with torch.device("meta"):
            return sum(p.numel() for p in timm.create_model(name).parameters())
    except (RuntimeError, NotImplementedError, TypeError, ValueError, AssertionError):
        return float("inf")


def try_family(name: str) -> dict[str, Any]:
    """What works by default on one network."""
    torch.manual_seed(0)
    network = timm.create_model(name, num_classes=CLASSES).eval()
    shape = network.pretrained_cfg["input_size"]
    images = torch.rand(2, *shape)

    def grad_cam() -> dict[str, Any]:
        grid = explain(network, images, "grad_cam").values.shape[2:]
        return {"layer": last_layer(network, shape), "grid": list(grid)}

    def attention() -> dict[str, Any]:
        model = AttentiveClassifier(name, CLASSES, input_size=shape[1:])
        with torch.no_grad(), eval_mode(model):
            output = model(images)
        return {
            "layer": model.at[0],
            "grid": list(output.attention[0].map.shape[3:]),
            "cut": model.cut.is_cut,
        }

    def rollout() -> dict[str, Any]:
        return {"grid": list(explain(network, images, "rollout").values.shape[2:])}

    begin = time.perf_counter()
    result = {"name": name, "parameters": sum(p.numel() for p in network.parameters()), "input": list(shape)}
    for step in (grad_cam, attention, rollout):
        result[step.__name__] = outcome(step)
    return result | {"seconds": time.perf_counter() - begin}


def outcome(step: Callable[[], dict[str, Any]]) -> dict[str, Any]:
    """Its result, or ``refused`` with regard's own message, or ``fault``."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return step()
    except RegardError as error:
        return {"refused": str(error)}
    except Exception as error:
        return {"fault": f"{type(error).__name__}: {error}"[:300]}


def table(families: Mapping[str, Any]) -> str:
    """The table of docs/families.md."""

    def place(step: dict[str, Any]) -> str:
        return f"`{step['layer']}` {'x'.join(map(str, step['grid']))}" if "grid" in step else "refused"

    titles = ("family", "network", "class activation maps at", "attention at", "cut", "rollout")
    rows = [f"| {' | '.join(titles)} |", "|---|---|---|---|---|---|"]
    for family, r in families.items():
        cut = {True: "yes", False: "no", None: ""}[r["attention"].get("cut")]
        rollout = "yes" if "grid" in r["rollout"] else "refused"
        rows.append(
            f"| {family} | `{r['name']}` | {place(r['grad_cam'])} | {place(r['attention'])} | {cut} | {rollout} |"
        )
    return "\n".join(rows)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--only", nargs="+", metavar="FAMILY", help="these alone, without a record")
    parser.add_argument("--runs", type=Path, default=Path("runs/timm_families"), help="what is done is kept here")
    options = parser.parse_args()
    results = {}
    for family in options.only or families():
        path = options.runs / f"{family}.json"
        if not path.exists():
            write_json(path, try_family(smallest(family)), parents=True)
        results[family] = json.loads(path.read_text())
        print(family, results[family], flush=True)
    counts = {
        step: {kind: sum(kind in r[step] for r in results.values()) for kind in ("grid", "refused", "fault")}
        for step in ("grad_cam", "attention", "rollout")
    }
    print(counts)
    if not options.only:
        page = ROOT / "docs" / "families.md"
        page.write_text(f"{INTRODUCTION}{table(results)}\n")
        notes = "two noise images, random weights; seconds are of one network's three steps"
        print(record("timm_families", {"counts": counts, "families": results}, seeds=(0,), notes=notes))


if __name__ == "__main__":
    main()
