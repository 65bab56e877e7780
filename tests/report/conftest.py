"""A run folder as written by training and evaluation: digits on photographs, maps mostly on the digits."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import yaml
from sklearn.datasets import load_digits, load_sample_images

SIDE, GRID, EPOCHS = 48, 12, 14


def _pictures(rng: np.random.Generator, count: int) -> tuple[np.ndarray, np.ndarray, np.ndarray, list[str]]:
    """Images (G,48,48,3), maps in bits (G,12,12), masks (G,48,48) and labels."""
    digits, photographs = load_digits(), load_sample_images().images
    images, maps, masks, labels = [], [], [], []
    for i in range(count):
        photograph = photographs[i % 2]
        y, x = rng.integers(0, photograph.shape[0] - 240), rng.integers(0, photograph.shape[1] - 240)
        image = photograph[y : y + 240 : 5, x : x + 240 : 5].astype(float)
        chosen = int(rng.integers(len(digits.images)))
        size = int(rng.choice([2, 3]))
        glyph = np.kron(digits.images[chosen] / 16, np.ones((size, size)))
        side = 8 * size
        top, left = rng.integers(0, SIDE - side, 2)
        alpha = np.zeros((SIDE, SIDE))
        alpha[top : top + side, left : left + side] = glyph
        image = image * (1 - alpha[..., None]) + alpha[..., None] * rng.integers(0, 255, 3)
        focus = alpha.reshape(GRID, 4, GRID, 4).mean((1, 3))
        bits = 9 * focus * rng.uniform(0.5, 1) + rng.gamma(1.2, 0.25, focus.shape)
        images.append(image.clip(0, 255).astype(np.uint8))
        maps.append(bits.astype(np.float32))
        masks.append((alpha > 0.3).astype(np.uint8))
        labels.append(str(digits.target[chosen]))
    return np.stack(images), np.stack(maps), np.stack(masks), labels


def _metrics(rng: np.random.Generator, best: float, bits: bool) -> list[dict[str, float]]:
    lines = []
    for epoch in range(EPOCHS):
        done = 1 - np.exp(-(epoch + 1) / 3.5)
        line = {
            "epoch": epoch,
            "train/loss": float(2.4 * (1 - done) + 0.25 + rng.normal(0, 0.02)),
            "train/accuracy": float(0.1 + (best - 0.08) * done + rng.normal(0, 0.006)),
            "val/accuracy": float(0.1 + (best - 0.1) * done + rng.normal(0, 0.012)),
            "val/nll": float(2.2 * (1 - done) + 0.3 + rng.normal(0, 0.02)),
            "lr": float(0.05 * (1 + np.cos(np.pi * epoch / EPOCHS))),
            "seconds": 6.1,
        }
        if bits:
            line |= {
                "val/latent_bits": float(180 * np.exp(-epoch / 2.2) + 9.6 + rng.normal(0, 0.2)),
                "val/gate_bits": float(5200 * np.exp(-epoch / 3) + 640 + rng.normal(0, 20)),
                "val/code_bits": float(240 + 190 * np.exp(-epoch / 4) + rng.normal(0, 3)),
                "beta": float(1e-4 * min(1.0, (epoch + 1) / 6) * 40 ** (epoch / EPOCHS)),
                "map_beta": float(1e-5 * min(1.0, (epoch + 1) / 6)),
            }
        lines.append(line)
    return lines


def _score(key: str, group: str, label: str, value: float, half: float, meaning: str, **more: Any) -> dict[str, Any]:
    base: dict[str, Any] = {"unit": "", "better": "higher", "n": 2000, "undefined": {}, "references": []}
    base |= {"difference": None, "low": value - half, "high": value + half}
    return base | {"key": key, "group": group, "label": label, "value": value, "meaning": meaning} | more


def _reference(label: str, role: str, value: float, half: float = 0.0) -> dict[str, Any]:
    return {"label": label, "role": role, "value": value, "low": value - half, "high": value + half}


SCORES = [
    _score(
        "accuracy_mean", "prediction", "Accuracy, mean prediction", 0.917, 0.012,
        "Share of images whose class is right, with the mean map and the mean latent.",
        references=[_reference("plain twin", "control", 0.884, 0.014), _reference("most common class", "floor", 0.104)],
        difference={"label": "minus plain twin, paired", "value": 0.033, "low": 0.019, "high": 0.047},
    ),
    _score(
        "accuracy_sample", "prediction", "Accuracy at 9.8 bits, one sample", 0.896, 0.013,
        "The same with one sampled map and one sampled latent: the channel that the rate prices.",
        references=[_reference("plain twin", "control", 0.884, 0.014)],
        difference={"label": "minus plain twin, paired", "value": 0.012, "low": -0.003, "high": 0.026},
    ),
    _score(
        "ece", "prediction", "Calibration error", 0.021, 0.006, "Mean gap between confidence and accuracy, 15 bins.",
        better="lower", references=[_reference("plain twin", "control", 0.048, 0.008)],
    ),
    _score(
        "latent_bits", "information", "Latent rate", 9.8, 0.2, "Upper bound on what the latent says of the image.",
        unit="bits", better=None, references=[_reference("log2 of the classes", "floor", 3.32)],
    ),
    _score(
        "gate_bits", "information", "Gate price", 652.0, 14.0, "What the gate lets through, a map.",
        unit="bits", better=None,
    ),
    _score(
        "energy", "localization", "Energy inside the object", 0.661, 0.011,
        "Share of the map's bits inside the dilated mask.", n=1987, undefined={"mask is empty": 13},
        references=[_reference("area share", "floor", 0.195, 0.004), _reference("mask itself", "ceiling", 1.0)],
    ),
    _score(
        "pointing", "localization", "Pointing game", 0.962, 0.008, "Share of maps whose maximum lies in the mask.",
        references=[_reference("centre map", "floor", 0.241, 0.02), _reference("uniform map", "floor", 0.195, 0.02)],
    ),
    _score(
        "iou", "localization", "IoU at a threshold from validation", 0.187, 0.012, "Overlap of map and mask.",
        references=[_reference("centre map", "floor", 0.191, 0.01)],
    ),
    _score(
        "deletion", "faithfulness", "Deletion, area under the curve", 0.251, 0.012,
        "Mean probability while pixels go in the map's order.", better="lower",
        references=[_reference("random order", "floor", 0.517, 0.013)],
    ),
    _score(
        "permuted", "interventions", "Accuracy with the map permuted", 0.412, 0.02,
        "The map's values in another order: what the place of attention is worth.", better=None,
        references=[_reference("own map", "control", 0.917, 0.012)],
        difference={"label": "minus own map, paired", "value": -0.505, "low": -0.528, "high": -0.483},
    ),
]  # fmt: skip


@pytest.fixture
def make_run(tmp_path: Path) -> Callable[..., Path]:
    """A function that writes a run folder; each part can be left out, and evaluation.json can be edited."""

    def make(
        name: str = "demo",
        *,
        twin: bool = True,
        bits: bool = True,
        anchors: bool = True,
        masks: bool = True,
        edit: Callable[[dict[str, Any]], None] | None = None,
    ) -> Path:
        rng = np.random.default_rng(0)
        folder = tmp_path / "runs" / name
        folder.mkdir(parents=True)
        recipe = {
            "seed": 0,
            "data": {"name": "clutter", "size": 48},
            "model": {"backbone": "small", "attention": {"name": "aib", "gate": "noise", "anchors": 16}, "latent": 64},
            "objective": {"budget_bits": 10, "map_budget_bits": None},
            "training": {"epochs": EPOCHS, "batch": 128},
        }
        (folder / "recipe.yaml").write_text(yaml.safe_dump(recipe, sort_keys=False))
        environment = {
            "command": "regard train --objective.budget_bits 10 --name demo",
            "commit": "24dfdb3c0ffee",
            "versions": {"regard": "0.1.0", "torch": "2.15.0", "timm": "1.0.31", "python": "3.11.9"},
            "hardware": {"cpu": "2 cores", "accelerator": "none", "memory": "8 GB"},
            "seed": 0,
            "seconds": 171.4,
            "created": "2026-03-02T10:11:12+00:00",
        }
        (folder / "environment.json").write_text(json.dumps(environment))
        _write_lines(folder / "metrics.jsonl", _metrics(rng, 0.93, bits))
        if twin:
            (folder / "twin").mkdir()
            _write_lines(folder / "twin" / "metrics.jsonl", _metrics(rng, 0.89, False))
        images, maps, drawn, labels = _pictures(rng, 12)
        arrays = {"images": images, "maps": maps} | ({"masks": drawn} if masks else {})
        np.savez_compressed(folder / "gallery.npz", **arrays)
        evaluation = _evaluation(labels, twin, bits, anchors)
        if edit is not None:
            edit(evaluation := json.loads(json.dumps(evaluation)))
        (folder / "evaluation.json").write_text(json.dumps(evaluation))
        return folder

    return make


@pytest.fixture
def run_folder(make_run: Callable[..., Path]) -> Path:
    """A run folder with everything in it."""
    return make_run()


def _write_lines(file: Path, lines: list[dict[str, float]]) -> None:
    file.write_text("".join(json.dumps(line) + "\n" for line in lines))


def _evaluation(labels: list[str], twin: bool, bits: bool, anchors: bool) -> dict[str, Any]:
    rules = [("best", "lowest NLL"), ("typical", "NLL nearest the median"), ("worst", "highest NLL")]
    gallery = []
    for row, label in enumerate(labels):
        rule, why = rules[row // 4]
        wrong = rule == "worst" and row % 4 < 3
        gallery.append(
            {
                "row": row,
                "item": f"test-{137 * (row + 1) % 2000:04d}",
                "rule": rule,
                "why": why,
                "truth": label,
                "prediction": str((int(label) + 5) % 10) if wrong else label,
                "probability": [0.998, 0.94, 0.71][row // 4],
                "score": {"energy": round(0.8 - 0.02 * row, 3), "bits": 600.0 + 11 * row},
            }
        )
    x = [i / 10 for i in range(11)]
    fall = [0.93 * (1 - v) ** 3 + 0.07 for v in x]
    curves = {
        "deletion": {
            "label": "Deletion: probability of the class",
            "x": x,
            "series": {"map": fall, "random": [0.9 - 0.8 * v**1.5 for v in x]},
        },
        "insertion": {
            "label": "Insertion: probability of the class",
            "x": x,
            "series": {"map": [1.03 - f for f in fall], "random": [0.1 + 0.85 * v**2 for v in x]},
        },
    }
    values = [0.0, 0.03, 0.08, 0.14, 0.2, 0.27, 0.33, 0.4, 0.47, 0.55, 0.62, 0.7, 0.77, 0.85, 0.92, 0.97]
    usage = [0.41, 0.15, 0.09, 0.06, 0.05, 0.04, 0.03, 0.02, 0.02, 0.0, 0.02, 0.02, 0.02, 0.02, 0.02, 0.03]
    return {
        "schema": 1,
        "data": {
            "name": "clutter",
            "split": "test",
            "size": 2000,
            "classes": [str(i) for i in range(10)],
            "source": "scikit-learn digits on packaged photographs",
            "licence": "BSD-3-Clause, CC0",
        },
        "model": {
            "backbone": "small CNN",
            "parameters": 219_482,
            "twin_parameters": 201_004 if twin else None,
            "attention": "aib",
            "at": ["block2"],
            "gate": "noise",
            "anchors": 16 if anchors else None,
            "latent": 64 if bits else None,
            "cut": {"is_cut": True, "bypasses": []},
        },
        "scores": [s for s in SCORES if bits or s["group"] != "information"],
        "curves": curves,
        "anchors": {"values": values, "usage": usage, "perplexity": 7.9, "dead": 1} if anchors else None,
        "map": {"unit": "bits", "meaning": ""},
        "warnings": ["The IoU is no better than that of a centre map."],
        "gallery": gallery,
    }
