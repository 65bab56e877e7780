"""evaluation.json of whole runs: its content, its omissions, and that the report reads it."""

import json
import math
from pathlib import Path

import pytest
import torch
from PIL import Image
from tests.evaluation.contexts import context_of, json_rows
from tests.training.tiny import tiny

from regard.data import TensorSplit
from regard.evaluation import evaluate, observe
from regard.evaluation.information import information
from regard.evaluation.prediction import confusion, prediction
from regard.metrics import accuracy
from regard.report import read_evaluation, write_report
from regard.training import load_run, plain_twin, train
from regard.types import RegardError


def strict(folder: Path) -> dict:
    """The content, parsed without the NaN and Infinity that JSON does not have."""

    def refuse(word: str) -> float:
        raise AssertionError(f"{word} in evaluation.json")

    return json.loads((folder / "evaluation.json").read_text(), parse_constant=refuse)


def by_key(folder: Path) -> dict[str, dict]:
    return {row["key"]: row for row in strict(folder)["scores"]}


def labels_of(row: dict) -> set[str]:
    return {reference["label"] for reference in row["references"]}


def test_a_whole_run(evaluated_run: Path) -> None:
    evaluation = read_evaluation(evaluated_run)
    assert evaluation.data.size == 35
    assert evaluation.data.split == "test"
    assert set(evaluation.groups()) == {"prediction", "information", "localization", "faithfulness", "interventions"}
    rows = by_key(evaluated_run)
    assert {
        "accuracy_mean",
        "accuracy_one_sample",
        "nll",
        "calibration_error",
        "latent_bits",
        "gate_bits",
        "label_bits",
        "energy_inside",
        "pointing",
        "iou",
        "deletion",
        "insertion",
        "accuracy_uniform",
        "accuracy_shuffled",
        "accuracy_another",
    } <= set(rows)
    for row in rows.values():
        if row["low"] is not None and row["key"] != "calibration_error":  # its resamples are biased upwards
            assert row["low"] - 1e-9 <= row["value"] <= row["high"] + 1e-9, row["key"]
    assert set(evaluation.curves) == {"deletion", "insertion"}
    assert evaluation.map.unit == "bits"
    assert evaluation.anchors is None
    assert len(evaluation.gallery) == 12


def test_confusion_of_a_whole_run_agrees_with_its_accuracy(evaluated_run: Path) -> None:
    _, model, data = load_run(evaluated_run)
    counts = torch.zeros(len(data.classes), len(data.classes), dtype=torch.double)
    for cell in read_evaluation(evaluated_run).confusion:
        counts[cell.truth, cell.predicted] = cell.count
    assert counts.sum(1).tolist() == torch.bincount(data.test.labels, minlength=len(data.classes)).tolist()
    assert counts.diagonal().sum().item() / 35 == pytest.approx(by_key(evaluated_run)["accuracy_mean"]["value"])
    predicted = model.predict(data.test.batch(range(35)).images).argmax(1)
    assert counts.sum(0).tolist() == torch.bincount(predicted, minlength=len(data.classes)).tolist()


def test_confusion_counts_pairs_shares_ties_and_leaves_out_nan() -> None:
    p = [[0.7, 0.2, 0.1], [0.1, 0.8, 0.1], [0.1, 0.8, 0.1], [0.4, 0.4, 0.2], [math.nan, 0.5, 0.5]]
    cells = [(c.truth, c.predicted, c.count) for c in confusion(torch.tensor(p), torch.tensor([0, 2, 2, 0, 1]))]
    assert cells == [(0, 0, 1.5), (0, 1, 0.5), (2, 1, 2.0)]


def test_scores_agree_with_the_model(evaluated_run: Path) -> None:
    recipe, model, data = load_run(evaluated_run)
    observation = observe(model, data.test, seed=recipe.train.seed)
    rows = by_key(evaluated_run)
    hits = accuracy(model.predict(data.test.batch(range(35)).images), data.test.labels)
    assert rows["accuracy_mean"]["value"] == pytest.approx(hits.double().mean().item())
    assert rows["accuracy_one_sample"]["value"] == pytest.approx(
        accuracy(observation.one, data.test.labels).mean().item()
    )
    assert rows["latent_bits"]["value"] == pytest.approx(
        observation.rates["latent_bits"].double().mean().item(), rel=1e-5
    )
    assert rows["gate_bits"]["value"] == pytest.approx(observation.rates["gate_bits"].double().mean().item(), rel=1e-5)
    budget = next(r for r in rows["latent_bits"]["references"] if r["label"] == "asked for")
    assert budget["value"] == 10.0
    assert labels_of(rows["gate_bits"]) == set()
    counts = torch.bincount(data.test.labels, minlength=10) / 35
    entropy = -sum(float(p) * math.log2(float(p)) for p in counts if p > 0)
    ceiling = next(r["value"] for r in rows["label_bits"]["references"] if r["role"] == "ceiling")
    assert ceiling == pytest.approx(entropy, rel=1e-5)
    floor = next(r["value"] for r in rows["accuracy_mean"]["references"] if r["role"] == "floor")
    assert floor == pytest.approx(float(counts.max()))


def test_the_twin_is_a_reference_of_every_accuracy(evaluated_run: Path) -> None:
    _, twin, data = load_run(evaluated_run / "twin")
    row = by_key(evaluated_run)["accuracy_mean"]
    control = next(r for r in row["references"] if r["label"] == "plain twin")
    hits = accuracy(twin.predict(data.test.batch(range(35)).images), data.test.labels).double().mean().item()
    assert control["value"] == pytest.approx(hits)
    assert row["difference"]["value"] == pytest.approx(row["value"] - hits)
    model = strict(evaluated_run)["model"]
    assert model["twin_parameters"] == sum(p.numel() for p in twin.parameters())
    assert model["cut"] == {"is_cut": True, "bypasses": []}


def test_a_second_evaluation_writes_the_same_file(evaluated_run: Path) -> None:
    before = (evaluated_run / "evaluation.json").read_text()
    assert evaluate(evaluated_run) == evaluated_run / "evaluation.json"
    assert (evaluated_run / "evaluation.json").read_text() == before


def test_anchors_and_no_twin(tmp_path: Path) -> None:
    recipe = tiny(model={"attention": "mask", "anchors": 4, "latent": None}, objective={"code_beta": 1e-4})
    folder = train(recipe, tmp_path / "anchors", quiet=True)
    evaluate(folder)
    evaluation = read_evaluation(folder)
    assert len(evaluation.anchors.values) == 4
    assert sum(evaluation.anchors.usage) == pytest.approx(1)
    assert 1 <= evaluation.anchors.perplexity <= 4
    rows = by_key(folder)
    assert {"code_bits"} == {key for key in rows if key.endswith("_bits")}
    uniform = next(r for r in rows["code_bits"]["references"] if r["label"] == "uniform prior")
    assert uniform["value"] == 8 * 8 * 2
    assert "plain twin" not in labels_of(rows["accuracy_mean"])
    assert rows["accuracy_mean"]["difference"] is None
    assert strict(folder)["model"]["twin_parameters"] is None
    assert evaluation.map.unit == "gate"


def test_a_run_without_attention(tmp_path: Path) -> None:
    folder = train(plain_twin(tiny()), tmp_path / "plain", quiet=True)
    evaluate(folder)
    evaluation = read_evaluation(folder)
    assert set(evaluation.groups()) == {"prediction"}
    assert "accuracy_4_samples" not in by_key(folder)
    assert evaluation.map is None
    assert evaluation.gallery == ()
    assert evaluation.model.cut is None
    write_report(folder)
    assert (folder / "report.html").is_file()


@pytest.fixture
def many_labels(tmp_path: Path) -> Path:
    """A CSV set in which an image has one label or two."""
    lines = ["path,label,split"]
    for k in range(48):
        Image.new("RGB", (16, 16), (250 * (k % 2), 200 * (k // 2 % 2), 5 * k)).save(tmp_path / f"{k}.png")
        label = ("red;green", "green", "red")[k % 3]
        lines.append(f"{k}.png,{label},{('train', 'train', 'val', 'test')[k // 12]}")
    (tmp_path / "table.csv").write_text("\n".join(lines) + "\n")
    return tmp_path / "table.csv"


def test_several_labels_from_end_to_end(many_labels: Path, tmp_path: Path) -> None:
    options = {"size": 16, "in_memory": True}
    recipe = tiny(data={"name": "csv", "root": str(many_labels), "options": options})
    folder = train(recipe, tmp_path / "many", quiet=True)
    evaluate(folder)
    _, model, data = load_run(folder)
    assert data.test.labels.shape == (12, 2)
    assert model.multi_label
    rows = by_key(folder)
    assert "calibration_error" not in rows
    assert "label_bits" not in rows
    assert 0 <= rows["accuracy_mean"]["value"] <= 1
    assert {item["truth"] for item in strict(folder)["gallery"]} <= {"green, red", "green", "red"}
    assert "energy_inside" not in rows
    write_report(folder)


def test_a_run_that_is_not_finished(tmp_path: Path) -> None:
    with pytest.raises(RegardError, match="not a run folder"):
        evaluate(tmp_path)


def test_what_is_undefined_is_null(tmp_path: Path) -> None:
    from tests.evaluation.test_observe import model

    items = TensorSplit("test", tuple("abcd"), torch.zeros(3, 3, 16, 16, dtype=torch.uint8), torch.zeros(3).long())
    context = context_of(model(latent=3), items, recipe=tiny(), samples=(4,))
    rows = json_rows(prediction(context), information(context), samples=(4,))
    text = json.dumps(rows, allow_nan=False)
    assert {"accuracy_mean", "accuracy_4_samples", "nll", "latent_bits", "label_bits"} <= {row["key"] for row in rows}
    assert "NaN" not in text
