"""Interventions: what is put in place of the network's own map, and what is measured then."""

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


def test_every_intervention_is_what_it_says() -> None:
    own = random_gates()
    made = by_key((own,))
    torch.testing.assert_close(made["uniform"].maps[0], own.mean((2, 3), keepdim=True).expand_as(own))
    torch.testing.assert_close(made["mean"].maps[0][4], own.mean(0))
    shuffled, another = made["shuffled"].maps[0], made["another"].maps[0]
    assert torch.equal(shuffled.flatten(1).sort(1).values, own.flatten(1).sort(1).values)
    assert not torch.equal(shuffled, own)
    whose = [[k for k in range(7) if torch.equal(m, own[k])] for m in another]
    assert sorted(k for found in whose for k in found) == list(range(7))
    assert all(k not in found for k, found in enumerate(whose))


@pytest.mark.parametrize("percent", [10, 25])
def test_kept_and_removed_are_the_two_halves_of_the_map(percent: int) -> None:
    own = random_gates()
    made = by_key((own,))
    kept, removed = made[f"kept_{percent}"].maps[0], made[f"removed_{percent}"].maps[0]
    assert torch.equal(kept + removed, own)
    assert ((kept > 0).flatten(1).sum(1) == percent).all()
    for image in range(len(own)):
        assert kept[image][kept[image] > 0].min() > removed[image].max()
    assert made[f"kept_{percent}"].touched == pytest.approx(1 - percent / 100)
    assert made[f"removed_{percent}"].touched == pytest.approx(percent / 100)


def test_ties_are_not_broken_by_place() -> None:
    taken = highest(torch.ones(1024, 1, 8, 8), 0.25, seed=0).float().mean(0).flatten()
    assert taken.min() > 0.15  # each place has its chance; by index it would be 0 or 1
    assert taken.max() < 0.35


def test_at_least_one_position_is_kept() -> None:
    assert (highest(torch.rand(3, 1, 2, 2), 0.1, seed=0).flatten(1).sum(1) == 1).all()


def test_anchors_are_closed_one_by_one_where_they_are_taken() -> None:
    anchors = torch.tensor([0.0, 0.25, 0.5, 1.0])
    own = anchors[torch.tensor([[0, 1, 1], [3, 3, 0]])].view(1, 1, 2, 3)
    made = by_key((own,), anchors)
    assert [key for key in made if key.startswith("anchor")] == ["anchor_1", "anchor_3"]  # 0 is closed, 2 never taken
    assert made["anchor_1"].maps[0].flatten().tolist() == [0, 0, 0, 1, 1, 0]
    assert made["anchor_3"].maps[0].flatten().tolist() == [0, 0.25, 0.25, 0, 0, 0]
    assert made["anchor_1"].touched == pytest.approx(1 / 3)


def test_one_image_has_no_other() -> None:
    assert "another" not in by_key((random_gates(1),))


def test_several_layers_are_replaced_alike_and_anchors_only_at_the_last() -> None:
    first, last = random_gates(side=4), random_gates(side=2).round()
    made = by_key((first, last), torch.tensor([0.0, 1.0]))
    assert [m.shape for m in made["uniform"].maps] == [first.shape, last.shape]
    assert torch.equal(made["anchor_1"].maps[0], first)


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
