import pytest
import torch
import torch.nn.functional as F
from torch import nn

from regard.attention import DeterministicMap, VariationalMap, conv_head
from regard.types import RegardError


def test_the_map_is_the_papers(features):
    proposal = VariationalMap(4)
    distribution = proposal(features)
    mean = torch.sigmoid(F.conv2d(features, proposal.head.weight, proposal.head.bias, padding=1))
    raw = F.conv2d(mean, proposal.std.weight, proposal.std.bias, padding=1)
    torch.testing.assert_close(distribution.mean, mean)
    torch.testing.assert_close(distribution.std, torch.log1p(torch.exp(raw - 5)))
    assert distribution.std.min() > 0


def test_without_its_noise_it_is_the_deterministic_map(features):
    head = conv_head(4)
    deterministic = DeterministicMap(4, head=head)(features)
    assert deterministic.std is None
    assert torch.equal(deterministic.mean, VariationalMap(4, head=head)(features).mean)


@pytest.mark.parametrize("initial", [0.1, 0.5, 0.8])
def test_a_head_starts_where_it_is_told(initial):
    head = conv_head(64, initial)
    start = torch.sigmoid(head(torch.zeros(1, 64, 5, 5)))
    torch.testing.assert_close(start, torch.full((1, 1, 5, 5), initial))
    typical = torch.sigmoid(head(torch.randn(4, 64, 5, 5))).mean().item()
    assert typical == pytest.approx(initial, abs=0.1)


def test_a_head_of_ones_own_is_used(features):
    head = nn.Conv2d(4, 1, 1)
    assert torch.equal(VariationalMap(4, head=head)(features).mean, torch.sigmoid(head(features)))


def test_maps_stay_float32_under_autocast(features):
    proposal = VariationalMap(4)
    with torch.autocast("cpu", torch.bfloat16):
        distribution = proposal(features)
    assert distribution.mean.dtype == distribution.std.dtype == torch.float32
    torch.testing.assert_close(distribution.mean, proposal(features).mean, atol=0.02, rtol=0)


def test_the_width_can_be_held_still(features):
    held = VariationalMap(4, initial_std=0.4, learned_std=False)
    torch.testing.assert_close(held(features).std, torch.full_like(held(features).std, 0.4))
    assert not any(p.requires_grad for p in held.std.parameters())
    assert all(p.requires_grad for p in VariationalMap(4, initial_std=0.4).std.parameters())
    with pytest.raises(RegardError, match="give an initial_std"):
        VariationalMap(4, learned_std=False)
