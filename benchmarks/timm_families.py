"""Every family of timm's classifiers: the layers that regard chooses by default, and what works there.

    python benchmarks/timm_families.py [--only swin_transformer vision_transformer ...]

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
import time
import warnings
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import timm
import torch
from timm.models import _registry

from common import ROOT, record
from regard.backbones import eval_mode, last_layer
from regard.explain import explain
from regard.models import AttentiveClassifier
from regard.types import RegardError

CLASSES = 10


def smallest(only: Sequence[str] = ()) -> dict[str, str]:
    """Family -> its network with the fewest parameters, counted without memory for them."""
    found: dict[str, str] = {}
    families = {family: _registry._module_to_models[family] for family in only} or _registry._module_to_models
    for family, names in sorted(families.items()):
        sizes = {name: parameters(name) for name in sorted(names)}
        found[family] = min(sizes, key=lambda name: sizes[name])
        print(f"{family:28} {found[family]:44} {sizes[found[family]] / 1e6:7.1f} M", flush=True)
    return found


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
    parser.add_argument("--only", nargs="+", metavar="FAMILY", help="do not record; print these alone")
    options = parser.parse_args()
    results = {}
    for family, name in smallest(options.only or ()).items():
        results[family] = try_family(name)
        print(family, results[family], flush=True)
    steps = ("grad_cam", "attention", "rollout")
    counts = {
        step: {kind: sum(kind in r[step] for r in results.values()) for kind in ("grid", "refused", "fault")}
        for step in steps
    }
    print(counts)
    if not options.only:
        notes = "two noise images, random weights; seconds are of one network's three steps beside other work"
        page = ROOT / "docs" / "families.md"
        head = page.read_text().partition("| family")[0]
        page.write_text(f"{head}{table(results)}\n")
        print(record("timm_families", {"counts": counts, "families": results}, seeds=(0,), notes=notes))


if __name__ == "__main__":
    main()
