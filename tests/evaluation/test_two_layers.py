"""Attention at two layers of one network, from training with budgets to the page."""

import json
import math
from pathlib import Path

import pytest
import torch
from tests.training.tiny import metrics, tiny

from regard.evaluation import evaluate
from regard.report import write_report
from regard.training import load_run, sampled_rates, seed_everything, train
from regard.types import NATS_PER_BIT, RegardError

TWO = {"at": ["stage1", "stage2"], "anchors": 4}


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    recipe = tiny(
        model=TWO,
        train={"epochs": 2},
        objective={"budget_bits": 10.0, "map_budget_bits": 400.0, "code_beta": 1e-4, "kept_beta": 1e-3},
    )
    folder = train(recipe, tmp_path_factory.mktemp("two") / "run", quiet=True)
    evaluate(folder)
    return folder


def test_both_layers_pay_the_budget_together(run: Path) -> None:
    last = metrics(run)[-1]
    assert last["beta"] != 0.002
    assert last["val/gate_bits"] == pytest.approx(400.0, rel=0.05)
    assert {"val/latent_bits", "val/gate_bits", "val/code_bits", "val/kept_share"} <= last.keys()
    _, model, data = load_run(run)
    with torch.no_grad():
        output = model(data.val.batch(range(len(data.val))).images, samples=1)
    each = [layer.price.sum((0, 2, 3, 4)).mean().item() / NATS_PER_BIT for layer in output.attention]
    assert min(each) > 20
    assert sum(each) == pytest.approx(400.0, rel=0.05)


def test_each_layer_pays_a_budget_of_its_own(tmp_path: Path) -> None:
    recipe = tiny(model=TWO, train={"epochs": 2}, objective={"map_budget_bits": [300.0, 60.0]})
    folder = train(recipe, tmp_path / "run", quiet=True)
    _, model, data = load_run(folder)
    with torch.no_grad():
        output = model(data.val.batch(range(len(data.val))).images, samples=4)
    each = [layer.price.sum((2, 3, 4)).mean().item() / NATS_PER_BIT for layer in output.attention]
    assert each == pytest.approx([300.0, 60.0], rel=0.05)
    evaluate(folder)
    (row,) = (r for r in json.loads((folder / "evaluation.json").read_text())["scores"] if r["key"] == "gate_bits")
    assert next(r["value"] for r in row["references"] if r["label"] == "asked for") == 360.0
    assert write_report(folder).stat().st_size > 10_000


@pytest.mark.parametrize("budgets", [[300.0], [1.0, 2.0, 3.0]])
def test_as_many_budgets_as_layers(budgets: list[float], tmp_path: Path) -> None:
    words = rf"budget: {len(budgets)} budgets for 2 attended layers \(stage1, stage2\)"
    with pytest.raises(RegardError, match=words):
        train(tiny(model=TWO, objective={"map_budget_bits": budgets}), tmp_path / "run", quiet=True)


def test_prices_and_codes_of_both_layers_are_summed_and_shares_averaged(run: Path) -> None:
    _, model, data = load_run(run)
    scores = {row["key"]: row for row in json.loads((run / "evaluation.json").read_text())["scores"]}
    seed_everything(0, 0)
    images = data.test.batch(range(35)).images
    with torch.no_grad():
        model.eval()
        sampled, mean = model(images, samples=1), model(images, samples=0)
    first, second = sampled.attention
    assert first.map.shape[-2:] != second.map.shape[-2:]
    price = sum(layer.price.sum((0, 2, 3, 4)) for layer in (first, second)).mean() / NATS_PER_BIT
    assert scores["gate_bits"]["value"] == pytest.approx(price.item(), rel=1e-4)
    code = sum(-layer.log_prior[layer.index].sum((0, 2, 3, 4)) for layer in (first, second)).mean() / NATS_PER_BIT
    assert scores["code_bits"]["value"] == pytest.approx(code.item(), rel=1e-4)
    assert sampled_rates(model, sampled).keys() == {"latent_bits", "gate_bits", "code_bits"}
    ceiling = next(r for r in scores["code_bits"]["references"] if r["label"] == "uniform prior")
    assert ceiling["value"] == (8 * 8 + 4 * 4) * math.log2(4)
    kept = sum((layer.map > 0).float().mean() for layer in mean.attention) / 2
    assert scores["kept_share"]["value"] == pytest.approx(kept.item())


def test_the_page_and_the_interventions(run: Path) -> None:
    evaluation = json.loads((run / "evaluation.json").read_text())
    assert evaluation["model"]["at"] == ["stage1", "stage2"]
    assert {"own", "uniform", "shuffled"} <= {line["key"] for line in evaluation["interventions"]}
    assert write_report(run).stat().st_size > 10_000
    assert "stage1" in (run / "report.html").read_text()
