"""Interventions: the maps that replace the network's own, and the measurements with them."""

import pytest
import torch
from tests.evaluation.contexts import context_of, json_rows
from tests.evaluation.test_observe import model, split

from regard.evaluation.interventions import all_interventions, highest, intervention_maps
from regard.report import to_json


def by_key(gates: tuple[torch.Tensor, ...], anchors: torch.Tensor | None = None) -> dict:
    return {override.key: override for override in intervention_maps(gates, anchors, seed=0)}


def random_gates(count: int = 7, side: int = 10) -> torch.Tensor:
    return torch.rand(count, 1, side, side, generator=torch.Generator().manual_seed(3)) * 0.9 + 0.05


def test_maps_of_every_intervention() -> None:
    gates = random_gates()
    overrides = by_key((gates,))
    torch.testing.assert_close(overrides["uniform"].maps[0], gates.mean((2, 3), keepdim=True).expand_as(gates))
    torch.testing.assert_close(overrides["mean"].maps[0][4], gates.mean(0))
    shuffled, another = overrides["shuffled"].maps[0], overrides["another"].maps[0]
    assert torch.equal(shuffled.flatten(1).sort(1).values, gates.flatten(1).sort(1).values)
    assert not torch.equal(shuffled, gates)
    sources = [[k for k in range(7) if torch.equal(m, gates[k])] for m in another]
    assert sorted(k for matches in sources for k in matches) == list(range(7))
    assert all(k not in matches for k, matches in enumerate(sources))


@pytest.mark.parametrize("percent", [10, 25])
def test_kept_and_removed_are_the_two_halves_of_the_map(percent: int) -> None:
    gates = random_gates()
    overrides = by_key((gates,))
    kept, removed = overrides[f"kept_{percent}"].maps[0], overrides[f"removed_{percent}"].maps[0]
    assert torch.equal(kept + removed, gates)
    assert ((kept > 0).flatten(1).sum(1) == percent).all()
    for image in range(len(gates)):
        assert kept[image][kept[image] > 0].min() > removed[image].max()
    assert overrides[f"kept_{percent}"].touched == pytest.approx(1 - percent / 100)
    assert overrides[f"removed_{percent}"].touched == pytest.approx(percent / 100)


def test_ties_are_broken_at_random() -> None:
    shares = highest(torch.ones(1024, 1, 8, 8), 0.25, seed=0).float().mean(0).flatten()
    assert shares.min() > 0.15  # every position can be chosen; ordered by index the shares would be 0 or 1
    assert shares.max() < 0.35


def test_at_least_one_position_is_kept() -> None:
    assert (highest(torch.rand(3, 1, 2, 2), 0.1, seed=0).flatten(1).sum(1) == 1).all()


def test_each_used_anchor_is_closed_separately() -> None:
    anchors = torch.tensor([0.0, 0.25, 0.5, 1.0])
    gates = anchors[torch.tensor([[0, 1, 1], [3, 3, 0]])].view(1, 1, 2, 3)
    overrides = by_key((gates,), anchors)
    assert [key for key in overrides if key.startswith("anchor")] == [
        "anchor_1",
        "anchor_3",
    ]  # 0 is closed, 2 is not used
    assert overrides["anchor_1"].maps[0].flatten().tolist() == [0, 0, 0, 1, 1, 0]
    assert overrides["anchor_3"].maps[0].flatten().tolist() == [0, 0.25, 0.25, 0, 0, 0]
    assert overrides["anchor_1"].touched == pytest.approx(1 / 3)


def test_one_image_has_no_map_of_another_image() -> None:
    assert "another" not in by_key((random_gates(1),))


def test_several_layers_are_replaced_alike_and_anchors_only_at_the_last() -> None:
    first, last = random_gates(side=4), random_gates(side=2).round()
    overrides = by_key((first, last), torch.tensor([0.0, 1.0]))
    assert [m.shape for m in overrides["uniform"].maps] == [first.shape, last.shape]
    assert torch.equal(overrides["anchor_1"].maps[0], first)


@pytest.mark.parametrize("attention", ["noise", "mask"])
def test_accuracy_divergence_and_bits_of_every_intervention(attention: str) -> None:
    network, items = model(attention=attention), split()
    columns = all_interventions(context_of(network, items))
    rows, every = json_rows(columns), to_json(columns.parts["interventions"])
    own, *others = every
    assert (own["key"], own["kl"]["value"], own["touched"]) == ("own", 0, 0)
    assert {"uniform", "mean", "shuffled", "another", "kept_10", "removed_10"} <= {o["key"] for o in others}
    assert all(o["kl"]["value"] > 0 and 0 < o["touched"] <= 1 for o in others)
    assert (own["gate_bits"] is not None) == (attention == "noise")
    assert {r["key"] for r in rows} == {"accuracy_uniform", "accuracy_shuffled", "accuracy_another"}
    if attention == "noise":  # fewer open positions cost fewer bits
        bits = {o["key"]: o["gate_bits"]["value"] for o in every}
        assert bits["kept_10"] < bits["kept_25"] < bits["own"]
        assert bits["removed_25"] < bits["removed_10"] < bits["own"]


def test_a_plain_network_has_none() -> None:
    network, items = model(attention=None), split()
    columns = all_interventions(context_of(network, items))
    assert (columns.values, columns.parts["interventions"]) == ({}, ())
