"""Whether the prediction depends on what the map marks: pixels deleted and inserted in the map's order."""

from __future__ import annotations

from typing import Any

import numpy as np

from regard.data import Split, spread
from regard.evaluation.at_once import images_at_once
from regard.evaluation.entries import entry, reference
from regard.evaluation.in_turn import judged
from regard.evaluation.observe import Observation
from regard.metrics import BASELINES, Curve, Removal, controls, faithfulness, insertion, lerf_morf_gap
from regard.models import AttentiveClassifier
from regard.types import Map

IMAGES = 48
STEPS = 12
BASELINE_NAMES = {"mean": "mean colour", "blur": "blurred image", "noisy_linear": "noisy linear imputation"}


def faithfulness_scores(
    model: AttentiveClassifier, split: Split, seen: Observation, *, seed: int
) -> tuple[list[dict[str, Any]], dict[str, Any]]:
    """Rows of the table, and the curves; of ``IMAGES`` images of the split, beside random maps of their bandwidth."""
    if seen.map is None:
        return [], {}
    index = spread(len(split), IMAGES)
    batch = split.batch(index)
    classes = seen.mean[index].argmax(1)
    own = Map(seen.map.values[index], seen.map.unit)
    maps = {"map": own, "random, same bandwidth": controls.random_like(own, index=index, seed=seed)}
    at_once = images_at_once(split, next(model.parameters()).device)
    rows, curves = [], {}
    for baseline in BASELINES:
        removal = Removal(steps=STEPS, baseline=baseline, seed=seed, batch_size=at_once)
        gaps = {name: judged(lerf_morf_gap, model, batch, m, classes, removal) for name, m in maps.items()}
        mine, random = gaps.values()
        rows.append(
            entry(
                f"lerf_morf_{baseline}",
                "faithfulness",
                f"LeRF minus MoRF, {BASELINE_NAMES[baseline]}",
                f"Area between removing least and most relevant pixels first; {len(index)} images.",
                mine.gap,
                better="higher",
                reasons=faithfulness.undefined(own),
                references=[reference("random, same bandwidth", "floor", random.gap)],
                against=("random, same bandwidth", random.gap),
            )
        )
        if baseline == "mean":
            curves["deletion"] = _curve("Deletion, most relevant first", {k: g.morf for k, g in gaps.items()})
            found = {name: judged(insertion, model, batch, m, classes, removal) for name, m in maps.items()}
            curves["insertion"] = _curve("Insertion, most relevant first", found)
            for name, label, better, areas in (
                ("deletion", "Deletion area", "lower", [g.morf.area for g in gaps.values()]),
                ("insertion", "Insertion area", "higher", [c.area for c in found.values()]),
            ):
                rows.append(
                    entry(
                        name,
                        "faithfulness",
                        label,
                        f"Area under the class's probability while pixels leave or return; {len(index)} images.",
                        areas[0],
                        better=better,  # type: ignore[arg-type]
                        reasons=faithfulness.undefined(own),
                        references=[reference("random, same bandwidth", "floor", areas[1])],
                        against=("random, same bandwidth", areas[1]),
                    )
                )
    return rows, curves


def _curve(label: str, series: dict[str, Curve]) -> dict[str, Any]:
    """Mean curves on one grid of fractions, since tie groups give every image fractions of its own."""
    x = np.linspace(0, 1, STEPS + 1)
    means = {
        name: np.mean([np.interp(x, f, p) for f, p in zip(c.fractions, c.probabilities, strict=True)], axis=0)
        for name, c in series.items()
    }
    return {"label": label, "x": x.tolist(), "series": {name: y.tolist() for name, y in means.items()}}
