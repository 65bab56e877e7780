"""What a reader is told about a map: from networks whose maps are known to be constant, ignored or heeded."""

import torch
from tests.evaluation.test_observe import model, split

from regard.data import TensorSplit
from regard.evaluation import observe
from regard.evaluation.interventions import intervention_scores
from regard.evaluation.warnings import plain_words
from regard.models import AttentiveClassifier
from regard.types import Map


def told(network: AttentiveClassifier, items: TensorSplit) -> list[str]:
    seen = observe(network, items, seed=0)
    return plain_words(network, seen, intervention_scores(network, items, seen, items.labels, seed=0))


def test_a_constant_map() -> None:
    assert any("The map is constant" in words for words in told(model(attention="uniform"), split()))
    assert not any("constant" in words for words in told(model(attention="center"), split()))


def test_a_map_that_is_ignored() -> None:
    network = model(attention="random")
    with torch.no_grad():
        network.trunk.stage2[0][0].weight.zero_()
    words = told(network, split())
    assert any("ignores its map" in line for line in words)


def heeding() -> tuple[AttentiveClassifier, TensorSplit]:
    """The map is the image's own bright half, and the class is which half is bright: exchanged maps hide the answer."""
    network = model(attention="mask")
    draw = torch.Generator().manual_seed(0)
    images = torch.randint(90, 100, (40, 3, 16, 16), generator=draw, dtype=torch.uint8)
    return network, TensorSplit("test", tuple("abcd"), images, torch.arange(40) % 4)


def test_a_map_that_is_heeded(monkeypatch) -> None:
    network, items = heeding()
    seen = observe(network, items, seed=0)
    own = seen.gates[0]

    def forward(images: torch.Tensor, samples: int = 0, given=None):
        right = given is None or torch.equal(given[0], own[: len(images)])
        logits = torch.nn.functional.one_hot(items.labels if right else (items.labels + 1) % 4, 4).float() * 9
        return type("Out", (), {"probabilities": lambda self, multi: logits.softmax(-1)})()

    from dataclasses import replace

    monkeypatch.setattr(network, "forward", forward)
    seen = replace(seen, mean=forward(items.batch(range(40)).images).probabilities(False))
    rows = intervention_scores(network, items, seen, items.labels, seed=0)
    assert [row["key"] for row in rows] == ["accuracy_uniform", "accuracy_shuffled", "accuracy_another"]
    assert [row["value"] for row in rows] == [0.0, 0.0, 0.0]
    assert [row["difference"]["value"] for row in rows] == [-1.0, -1.0, -1.0]
    assert not any("ignores" in words for words in plain_words(network, seen, rows))


def test_other_maps_are_the_images_own_mean_its_values_shuffled_and_anothers(monkeypatch) -> None:
    network, items = model(attention="mask"), split()
    seen = observe(network, items, seed=0)
    given: list[torch.Tensor] = []
    forward = network.forward

    def watched(images, samples=None, given_=given, **kwargs):
        given_.append(kwargs["given"][0])
        return forward(images, samples=samples, **kwargs)

    monkeypatch.setattr(network, "forward", watched)
    intervention_scores(network, items, seen, items.labels, seed=0)
    own, (flat, shuffled, another) = seen.gates[0], given
    torch.testing.assert_close(flat, own.mean((2, 3), keepdim=True).expand_as(own))
    assert torch.equal(shuffled.flatten(1).sort(1).values, own.flatten(1).sort(1).values)
    assert not torch.equal(shuffled, own)
    whose = [[k for k in range(7) if torch.equal(m, own[k])] for m in another]
    assert sorted(k for found in whose for k in found) == list(range(7))
    assert all(k not in found for k, found in enumerate(whose))


def test_residual_gates_and_bypasses_are_told() -> None:
    assert any("residual gate never closes" in words for words in told(model(attention="aib"), split()))
    around = told(model(attention="mask", at="stage2.1.first"), split())
    assert any("no cut" in words for words in around)


def test_nothing_is_told_of_a_plain_network() -> None:
    assert told(model(attention=None), split()) == []


def test_maps_have_their_unit() -> None:
    assert observe(model(), split(), seed=0).map.unit == "bits"
    assert isinstance(observe(model(attention="mask"), split(), seed=0).map, Map)
