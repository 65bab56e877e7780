"""One field of a recipe changes one thing in the network: attended layers, gate, number of anchors, their rate."""

from pathlib import Path

import pytest
import torch
from tests.training.tiny import tiny, weights

from regard.attention import MaskGate, NoiseGate, ResidualGate
from regard.backbones import attended
from regard.training import build_data, build_model, parse_recipe, train

BASE = ["--data.options", "{size: 16, train: 16, val: 8, test: 8, cache: false}", "--model.attention", "mask"]
BASE += ["--model.anchors", "4", "--objective.map_budget_bits", "null"]


def build(*field: str) -> torch.nn.Module:
    recipe = parse_recipe([*BASE, *field])
    return build_model(recipe, build_data(recipe))


@pytest.mark.parametrize("at", [["stem"], ["stage1"], ["stage2"], ["stage1", "stage2"]])
def test_attended_layers(at: list[str]) -> None:
    assert list(build("--model.at", f"[{', '.join(at)}]").at) == at


@pytest.mark.parametrize(
    ("name", "gate"), [("mask", MaskGate), ("variational+residual", ResidualGate), ("noise", NoiseGate)]
)
def test_gates(name: str, gate: type) -> None:
    (layer,) = attended(build("--model.attention", name).trunk).values()
    assert type(layer.attention.gate) is gate


@pytest.mark.parametrize("levels", [2, 3, 5, 10, 20, 50])
def test_numbers_of_anchors(levels: int) -> None:
    (layer,) = attended(build("--model.anchors", str(levels)).trunk).values()
    assert layer.attention.quantizer.anchors.shape == (levels,)
    assert layer.attention.quantizer.anchors[0] == 0


@pytest.mark.parametrize("optimizer", ["muon", "adamw", "adam", "sgd"])
@pytest.mark.parametrize("rate", [0.0, None])
def test_anchors_learn_unless_their_rate_is_zero(rate: float | None, optimizer: str, tmp_path: Path) -> None:
    """Frozen ones stay where they start, to the bit; the prior of their code is learned either way."""
    recipe = tiny(model={"attention": "mask", "anchors": 5}, optim={"anchors_lr": rate, "name": optimizer})
    learned = weights(train(recipe, tmp_path / "run", quiet=True))
    anchors = learned["trunk.stage1.attention.quantizer.raw"]
    assert torch.equal(anchors, torch.linspace(0, 1, 5)[1:]) == (rate == 0.0)
    assert learned["trunk.stage1.attention.quantizer.prior_logits"].abs().max() > 1e-3
