"""Warnings about maps, of networks whose maps are known to be constant, ignored or used."""

import json
from pathlib import Path

import pytest
import torch
from tests.evaluation.contexts import context_of
from tests.evaluation.test_observe import model, split

from regard.data import TensorSplit
from regard.evaluation import Observation, make_rows, observe
from regard.evaluation.interventions import all_interventions
from regard.evaluation.prediction import prediction
from regard.evaluation.warnings import map_warnings, probe_warnings, training_warnings
from regard.models import AttentiveClassifier
from regard.report import Difference, Reference, Score
from regard.types import Map, ModelOutput


def warnings_of(network: AttentiveClassifier, items: TensorSplit) -> list[str]:
    context = context_of(network, items)
    rows = make_rows([all_interventions(context)], count=len(items))
    return map_warnings(network, context.observation, rows)


def test_a_constant_map() -> None:
    assert any("The map is constant" in words for words in warnings_of(model(attention="uniform"), split()))
    assert not any("constant" in words for words in warnings_of(model(attention="center"), split()))


def test_a_map_that_is_ignored() -> None:
    network = model(attention="random")
    with torch.no_grad():
        network.trunk.stage2[0][0].weight.zero_()
    words = warnings_of(network, split())
    assert any("ignores its map" in line for line in words)


def used_map_network() -> tuple[AttentiveClassifier, TensorSplit]:
    """A network and images for a map that decides the class: another image's map gives another class."""
    network = model(attention="mask")
    draw = torch.Generator().manual_seed(0)
    images = torch.randint(90, 100, (40, 3, 16, 16), generator=draw, dtype=torch.uint8)
    return network, TensorSplit("test", tuple("abcd"), images, torch.arange(40) % 4)


def test_a_map_that_is_used(monkeypatch) -> None:
    network, items = used_map_network()
    observation = observe(network, items, seed=0)
    gates = observation.gates[0]

    def forward(images: torch.Tensor, samples: int = 0, map_override=None, stem=None):
        same_map = map_override is None or torch.equal(map_override[0], gates[: len(images)])
        logits = torch.nn.functional.one_hot(items.labels if same_map else (items.labels + 1) % 4, 4).float() * 9
        return ModelOutput(logits[None])

    from dataclasses import replace

    monkeypatch.setattr(network, "forward", forward)
    observation = replace(observation, mean=forward(items.batch(range(40)).images).probabilities(False))
    rows = make_rows([all_interventions(context_of(network, items, observation))], count=40)
    assert [row.key for row in rows] == ["accuracy_uniform", "accuracy_shuffled", "accuracy_another"]
    assert [row.value for row in rows] == [0.0, 0.0, 0.0]
    assert [row.difference.value for row in rows if row.difference is not None] == [-1.0, -1.0, -1.0]
    assert not any("ignores" in words for words in map_warnings(network, observation, rows))


def test_residual_gates_and_bypasses_have_warnings() -> None:
    assert any("residual gate never closes" in words for words in warnings_of(model(attention="aib"), split()))
    around = warnings_of(model(attention="mask", at="stage2.1.first"), split())
    assert any("goes around the gate" in words for words in around)


def test_a_plain_network_has_no_warnings() -> None:
    assert warnings_of(model(attention=None), split()) == []


def test_maps_have_their_unit() -> None:
    assert observe(model(), split(), seed=0).map.unit == "bits"
    assert isinstance(observe(model(attention="mask"), split(), seed=0).map, Map)


def row(key: str, value: float, **options) -> Score:
    return Score(key, "prediction", key, value, better="higher", **options)


IGNORED = row("accuracy_another", 0.9, difference=Difference("minus its own map, paired", 0.0, -0.01, 0.02))
BETTER = row("accuracy_mean", 0.9, difference=Difference("minus plain twin, paired", 0.1, 0.05, 0.15))
EQUAL = row("accuracy_mean", 0.9, difference=Difference("minus plain twin, paired", 0.0, -0.05, 0.05))
OPEN = row("gate_bits", 22_368.0, unit="bits")
ASKED = row("gate_bits", 8100.0, unit="bits", references=(Reference("asked for", "control", 8000.0),))


@pytest.mark.parametrize(
    ("rows", "said", "unsaid"),
    [
        (
            [IGNORED, BETTER, OPEN],
            ["not due to where it looks", "22,368 bits", "--objective.map_budget_bits 5600."],
            [],
        ),
        ([IGNORED, EQUAL, OPEN], ["--objective.map_budget_bits 5600."], ["clearly better"]),
        ([IGNORED, BETTER, ASKED], ["smaller gate budget than the 8000 bits", "--objective.map_budget_bits 2000."], []),
        ([IGNORED, BETTER], ["not due to where it looks"], ["map_budget_bits"]),
        ([IGNORED], ["The network ignores its map"], ["clearly better", "map_budget_bits"]),
    ],
)
def test_an_ignored_map_is_reconciled_with_a_better_accuracy(
    rows: list[Score], said: list[str], unsaid: list[str]
) -> None:
    network, items = model(attention="mask"), split()
    words = [w for w in map_warnings(network, observe(network, items, seed=0), rows) if "ignores its map" in w]
    assert len(words) == 1
    assert all(part in words[0] for part in said)
    assert not any(part in words[0] for part in unsaid)


@pytest.mark.parametrize(("right", "linear", "warns"), [(20, 38, True), (38, 20, False), (38, 38, False)])
def test_a_probe_that_is_better(right: int, linear: int, warns: bool) -> None:
    items = TensorSplit("test", tuple("abcd"), torch.zeros(40, 3, 16, 16, dtype=torch.uint8), torch.arange(40) % 4)

    def answers(number: int) -> Observation:
        guesses = torch.where(torch.arange(40) < number, items.labels, (items.labels + 1) % 4)
        return Observation(torch.nn.functional.one_hot(guesses, 4).float())

    probe = context_of(None, items, answers(linear))
    context = context_of(None, items, answers(right), probe=probe)
    words = probe_warnings(context)
    assert bool(words) == warns
    if warns:
        assert "answers 0.950 of the test images, this network 0.500" in words[0]
        assert "--model.init probe" in words[0]
    assert probe_warnings(context_of(None, items, answers(right))) == []
    beside = {r.label: r.values for r in prediction(context).references}
    assert beside["linear probe"]["accuracy_mean"].mean() == linear / 40


def test_validation_that_falls_is_said_with_the_settings(tmp_path: Path) -> None:
    journal = [{"epoch": k, "val/accuracy": v, "train/accuracy": t} for k, v, t in ((0, 0.61, 0.5), (1, 0.33, 0.99))]
    assert training_warnings(tmp_path, 100) == []
    (tmp_path / "metrics.jsonl").write_text("".join(json.dumps(line) + "\n" for line in journal))
    words = training_warnings(tmp_path, 100)
    assert len(words) == 1
    assert "from 0.610 (epoch 1) to 0.330 (epoch 2)" in words[0]
    assert "--train.keep best" in words[0]
    assert training_warnings(tmp_path, 4) == [], "four images tell nothing"
