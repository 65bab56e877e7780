"""What was scored, as files: one row an image, and the whole as JSON."""

from __future__ import annotations

import csv
import io
import json
import math
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from regard.evaluation.scoring.options import MapScores
from regard.metrics import paired_difference
from regard.training import write_atomically


def write_scores(scores: MapScores, folder: str | Path, *, gallery: Sequence[dict[str, Any]] = ()) -> None:
    """Write ``per_image.csv`` (one row an image: name, number of fixations, every score) and ``scores.json``.

    Args:
        scores: what to write.
        folder: made if need be.
        gallery: what `write_gallery` returned, for the page.
    """
    folder = Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    pairs = [(kind, metric) for kind, columns in scores.values.items() for metric in columns]
    table = io.StringIO()
    writer = csv.writer(table, lineterminator="\n")
    writer.writerow(["image", "fixations", *(f"{kind}_{metric}" for kind, metric in pairs)])
    for k, name in enumerate(scores.images):
        cells = [scores.values[kind][metric][k].item() for kind, metric in pairs]
        writer.writerow([name, scores.fixations[k], *("" if math.isnan(v) else v for v in cells)])
    write_atomically(folder / "per_image.csv", table.getvalue())
    content = summary_of(scores) | {"gallery": list(gallery)}
    write_atomically(folder / "scores.json", json.dumps(content, indent=2, allow_nan=False) + "\n")


def summary_of(scores: MapScores) -> dict[str, object]:
    """What `write_scores` puts into JSON: options, counts, failures, of each score its mean and interval, and the
    paired difference to the centre prior.
    """

    def number(value: float) -> float | None:
        return value if math.isfinite(value) else None

    def numbers(s: Any) -> dict[str, object]:
        return {
            "mean": number(s.mean),
            "low": number(s.low),
            "high": number(s.high),
            "undefined": dict(s.undefined),
        }

    values, options = scores.values, scores.options
    beyond = {
        metric: numbers(paired_difference(own, values["center"][metric], draws=options.draws, seed=options.seed))
        for metric, own in values["maps"].items()
    }
    return {
        "options": asdict(options),
        "notes": list(scores.notes),
        "images": len(scores.images),
        "fixations": sum(scores.fixations),
        "failed": dict(scores.failed),
        "scores": {kind: {m: numbers(s) for m, s in columns.items()} for kind, columns in scores.summary.items()},
        "minus_center_paired": beyond,
        "share_from_center_to_observers": {m: number(scores.share(m)) for m in scores.summary["maps"]},
    }
