"""Warnings about maps, of networks whose maps are known to be constant, ignored or used."""

import torch
from tests.evaluation.contexts import context_of
from tests.evaluation.test_observe import model, split

from regard.data import TensorSplit
from regard.evaluation import make_rows, observe
from regard.evaluation.interventions import all_interventions
from regard.evaluation.warnings import map_warnings
from regard.models import AttentiveClassifier
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
    assert any("no cut" in words for words in around)


def test_a_plain_network_has_no_warnings() -> None:
    assert warnings_of(model(attention=None), split()) == []


def test_maps_have_their_unit() -> None:
    assert observe(model(), split(), seed=0).map.unit == "bits"
    assert isinstance(observe(model(attention="mask"), split(), seed=0).map, Map)
