"""Exclusion is proved, and the proof fails where it should."""

import pytest
import torch
from torch import Tensor, nn

from regard.truth import Held, TrueMap, changed_outputs
from regard.truth.cues import plant
from regard.truth.network import build_network, held_maps, train_network
from regard.truth.relevance import agreements, cue_share, patch_game, true_relevance
from regard.types import RegardError


@pytest.fixture(scope="module")
def model():
    network = build_network(4, 36, patch=6, bought=9, places="learned", seed=0)
    images = torch.rand(64, 3, 36, 36, generator=torch.Generator().manual_seed(0))
    labels = torch.arange(64) % 4
    images[torch.arange(64), :, :6, :6] += labels[:, None, None, None] / 4
    losses: list[float] = []
    train_network(network, images.clamp(0, 1), labels, epochs=6, seed=0, on_epoch=lambda _, loss: losses.append(loss))
    assert losses[-1] < losses[0]
    assert not network.training
    return network


def test_nothing_that_was_not_bought_changes_a_bit(model) -> None:
    images = torch.rand(5, 3, 36, 36)
    assert changed_outputs(model, images, each=6) == (0, 30)
    bought = held_maps(model, images)
    assert bought.sum((1, 2, 3)).tolist() == [9] * 5


def test_the_proof_fails_for_a_network_that_sees_around_its_map(model, monkeypatch) -> None:
    seen = Held.forward
    monkeypatch.setattr(Held, "forward", lambda self, x: seen(self, x) + 1e-3 * x.nan_to_num().mean((1, 2, 3))[:, None])
    assert changed_outputs(model, torch.rand(5, 3, 36, 36), each=6) == (30, 30)


def test_a_held_map_is_kept_whatever_the_image(model) -> None:
    images = torch.rand(2, 3, 36, 36)
    maps = held_maps(model, images)
    held = Held(model, maps[:1])
    torch.testing.assert_close(held(images[:1]), model(images[:1]).logits[0])
    assert held.pixels((36, 36)).sum().item() == 9 * 36
    torch.testing.assert_close(held.predict(images).sum(1), torch.ones(2))


class Additive(nn.Module):
    """Class 0 has the mean brightness of the patches, weighted."""

    def __init__(self, bought: Tensor, weights: Tensor) -> None:
        super().__init__()
        self.bought, self.weights = bought[None, None].float(), weights

    def predict(self, images: Tensor) -> Tensor:
        patches = nn.functional.avg_pool2d(images.mean(1, keepdim=True), 6)[:, 0]
        p = (patches * self.weights * self.bought[0, 0]).sum((1, 2))
        return torch.stack([p, 1 - p], 1)


def test_the_game_of_an_additive_network_has_its_weights_as_values() -> None:
    from regard.truth import shapley

    bought = torch.zeros(6, 6)
    bought[1, 1:4], weights = 1, torch.arange(36.0).view(6, 6) / 1000
    held = Additive(bought, weights)
    game = patch_game(held, torch.ones(3, 36, 36), 0, torch.zeros(2, 3, 36, 36))  # type: ignore[arg-type]
    torch.testing.assert_close(shapley(game, 3).values, weights[1, 1:4])
    brighter = patch_game(held, torch.ones(3, 36, 36), 0, torch.full((2, 3, 36, 36), 0.5))  # type: ignore[arg-type]
    torch.testing.assert_close(shapley(brighter, 3).values, weights[1, 1:4] / 2)


def test_the_truth_of_a_network_is_zero_where_nothing_was_bought(model) -> None:
    images = torch.rand(12, 3, 36, 36, generator=torch.Generator().manual_seed(1))
    found = true_relevance(model, images, 3, seed=0, least=-1.0)
    assert len(found) == 3
    for own in found:
        assert (own.true.patches[~own.true.bought] == 0).all()
        assert own.true.bought.sum() == 9
        assert own.true.patches.sum().item() == pytest.approx(own.effect, abs=1e-5)
        assert own.error == 0.0
        assert -1 <= own.robust <= 1
    assert true_relevance(model, images, 3, seed=0, least=2.0) == []


def test_agreement_is_one_zero_or_minus_one() -> None:
    values = torch.zeros(6, 6)
    values[2:4, 2:4] = torch.tensor([[1.0, 0.5], [0.25, 0.1]])
    truth = TrueMap(values, values != 0)
    exact = truth.pixels((36, 36))
    maps = torch.cat([exact, exact.exp(), -exact, torch.ones_like(exact), exact.roll(12, 3)])
    found = agreements(maps, truth)
    torch.testing.assert_close(found[:4], torch.tensor([1.0, 1.0, -1.0, 0.0]), atol=1e-5, rtol=0)
    assert found[4] < 0
    with pytest.raises(RegardError, match="give whole patches"):
        agreements(torch.ones(1, 1, 35, 36), truth)


@pytest.mark.parametrize(("place", "share"), [(0, 0.75), (1, 0.25), (2, 0.0)])
def test_the_share_of_a_mark(place: int, share: float) -> None:
    values = torch.tensor([[0.6, 0.2], [-0.5, 0.0]])
    truth = TrueMap(values, values != 0)
    assert cue_share(truth, place) == pytest.approx(share)
    for missing in (-1, 3):  # no mark; not bought
        assert cue_share(truth, missing) != cue_share(truth, missing)


def test_cues_are_planted_as_often_as_asked() -> None:
    images, labels = torch.rand(600, 3, 12, 12), torch.arange(600) % 10
    masks = torch.zeros(600, 1, 12, 12, dtype=torch.bool)
    masks[:, :, 4:8, 4:8] = True
    how = {"classes": 10, "patch": 6, "seed": 0}
    mark = plant(images, labels, masks, "mark", **how)
    changed = (mark.images != images).any(1)
    assert changed.flatten(1).sum(1).max() == 36
    assert mark.places.min() == 0
    assert mark.places.max() == 3
    assert 0.87 < (mark.hues == labels).float().mean() < 0.95
    back = plant(images, labels, masks, "background", agreement=1.0, **how)
    assert torch.equal(back.images[:, :, 4:8, 4:8], images[:, :, 4:8, 4:8])
    assert torch.equal(back.hues, labels)
    assert (back.images != images).any(1)[~masks[:, 0]].float().mean() > 0.99
    assert torch.equal(plant(images, labels, masks, "none", **how).images, images)
    with pytest.raises(RegardError, match="cue='tone': one of none, background, mark"):
        plant(images, labels, masks, "tone", **how)  # type: ignore[arg-type]
