"""Does the order of methods in worlds of known truth hold on EfficientNet-Lite0/1/2 with birds? Agreement alone: what
is true there nobody knows.

    REGARD_DATA=... python benchmarks/truth_real.py [--images 8] [--runs runs] [--finished]

Every method of `regard truth`, with its options there, explains the predicted class on photographs of birds (CUB,
chosen by a seed); methods are ranked by the recommended metric of `regard judge`, its mean over the images. Gaps are
kept in RUNS/truth-real, one file a network, and a killed run goes on there. The worlds' order is read from
results/truth.json, and the table of docs/truth.md between its two comments is written anew. With ``--finished`` nothing
is run, and networks without a file are left out.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Sequence
from itertools import combinations
from pathlib import Path
from typing import Any

import numpy as np
import torch
from scipy.stats import kendalltau

from common import ROOT, record
from regard.evaluation import open_sample
from regard.explain import explain
from regard.files import write_arrays
from regard.judge import open_subject
from regard.judge.removal import RECOMMENDED
from regard.metrics import Removal, lerf_morf_gap
from regard.truth.methods import EXPLAINERS

NETWORKS = ("tf_efficientnet_lite0", "tf_efficientnet_lite1", "tf_efficientnet_lite2")
OPTIONS = {"occlusion": {"window": 64, "stride": 32}}
"""Beside those of the worlds: some 36 to 50 positions, since each is a forward at 224 pixels and more."""
STEPS = 5
DRAWS = 2000
PAGE = ROOT / "docs" / "truth.md"
BEGIN, END = "<!-- table: benchmarks/truth_real.py -->\n", "<!-- end of table -->\n"
NOTES = """gaps: LeRF minus MoRF, mean of the recommended baselines, mean over images. tau: Kendall's tau between two
orders of methods; intervals (95 %) draw images anew. worlds: the order by the recommended metric in results/truth.json;
truth: the order by the true relevance there."""


def gaps_of(network: str, images: int, runs: Path) -> dict[str, np.ndarray[Any, Any]]:
    """Method -> the recommended metric of each image."""
    file = kept(network, images, runs)
    if file.is_file():
        return dict(np.load(file))
    subject = open_subject(network)
    model = subject.model
    shown = open_sample("cub", images, subject.size).images
    classes = torch.cat([model.predict(part).argmax(1) for part in shown.split(8)])
    found = {}
    for method, options in EXPLAINERS.items():
        how = {**options, **OPTIONS.get(method, {})}
        map = explain(model, shown, method, target=classes, **how)
        gaps = []
        for name in RECOMMENDED:
            baseline: Any = torch.zeros_like(shown) if name == "black" else name
            removal = Removal(steps=STEPS, baseline=baseline, batch_size=16)
            gaps.append(lerf_morf_gap(model.predict, shown, map, classes, removal=removal).gap)
        found[method] = torch.stack(gaps).mean(0).double().numpy()
        print(network, method, f"{found[method].mean():.3f}", flush=True)
    write_arrays(file, found, parents=True)
    return found


def agreement(first: np.ndarray[Any, Any], second: np.ndarray[Any, Any]) -> dict[str, float]:
    """Kendall's tau between two orders of M methods; each is values (M,), higher is better, or gaps (M,N) of images."""
    generator = np.random.default_rng(0)

    def drawn(values: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
        if values.ndim == 1:
            return values
        mean: np.ndarray[Any, Any] = values[:, generator.integers(values.shape[1], size=values.shape[1])].mean(1)
        return mean

    def center(values: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
        return values if values.ndim == 1 else values.mean(1)

    taus = [kendalltau(drawn(first), drawn(second)).statistic for _ in range(DRAWS)]
    low, high = np.nanquantile(taus, [0.025, 0.975])
    value = kendalltau(center(first), center(second)).statistic
    return {"value": float(value), "low": float(low), "high": float(high)}


def kept(network: str, images: int, runs: Path) -> Path:
    """The file of a network's gaps."""
    return runs / "truth-real" / f"{network}-{images}.npz"


def measured(images: int, runs: Path, networks: Sequence[str]) -> dict[str, Any]:
    """All values of the record."""
    methods = list(EXPLAINERS)
    rows = {row["name"]: row for row in json.loads((ROOT / "results" / "truth.json").read_text())["values"]["methods"]}
    orders = {
        "worlds": np.array([-rows[name]["rank"]["value"] for name in methods]),
        "truth": np.array([-rows[name]["true_rank"]["value"] for name in methods]),
    }
    gaps = {}
    for network in networks:
        own = gaps_of(network, images, runs)
        gaps[network] = np.stack([own[name] for name in methods])
    return {
        "images": images,
        "baselines": list(RECOMMENDED),
        "gaps": {network: dict(zip(methods, values.mean(1), strict=True)) for network, values in gaps.items()},
        "tau": {
            name: {network: agreement(order, values) for network, values in gaps.items()}
            for name, order in orders.items()
        },
        "between": {f"{a} {b}": agreement(gaps[a], gaps[b]) for a, b in combinations(networks, 2)},
        "ranks": {"worlds": {name: rows[name]["rank"]["value"] for name in methods}},
    }


def short(value: float) -> str:
    """Two digits, without the zero in front."""
    return f"{value:.2f}".replace("-", "−").replace("0.", ".", 1) if abs(value) < 0.995 else f"{value:.2f}"


def interval(row: dict[str, float]) -> str:
    """A value with its interval."""
    return f"{short(row['value'])} ({short(row['low'])} to {short(row['high'])})"


def table(values: dict[str, Any]) -> str:
    """The table of the page, in Markdown."""
    networks = list(values["gaps"])
    names = [network.removeprefix("tf_efficientnet_").capitalize() for network in networks]
    order = sorted(values["ranks"]["worlds"], key=lambda name: values["ranks"]["worlds"][name])
    lines = [
        f"{values['images']} photographs of birds; gap by the recommended metric:",
        "",
        "| method | rank in the worlds | " + " | ".join(names) + " |",
        "|---" * (2 + len(names)) + "|",
        *(
            f"| `{m}` | {values['ranks']['worlds'][m]:.1f} | "
            + " | ".join(short(values["gaps"][network][m]) for network in networks)
            + " |"
            for m in order
        ),
        "",
        "| Kendall's tau with | " + " | ".join(names) + " |",
        "|---" * (1 + len(names)) + "|",
        *(
            f"| {words} | " + " | ".join(interval(values["tau"][key][network]) for network in networks) + " |"
            for key, words in (("worlds", "the order in the worlds"), ("truth", "the true order in the worlds"))
        ),
    ]
    if values["between"]:
        lines += ["", "Between the networks: " + ", ".join(interval(r) for r in values["between"].values()) + "."]
    return "\n".join(lines) + "\n"


def main() -> None:
    """Measures and records."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--images", type=int, default=8)
    parser.add_argument("--runs", type=Path, default=Path("runs"))
    parser.add_argument("--finished", action="store_true")
    options = parser.parse_args()
    there = [n for n in NETWORKS if not options.finished or kept(n, options.images, options.runs).is_file()]
    values = measured(options.images, options.runs, there)
    record("truth_real", values, seeds=[0], notes=" ".join(NOTES.split()))
    before, _, rest = PAGE.read_text(encoding="utf-8").partition(BEGIN)
    PAGE.write_text(before + BEGIN + table(values) + END + rest.partition(END)[2], encoding="utf-8")


if __name__ == "__main__":
    main()
