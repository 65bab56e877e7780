from itertools import pairwise

import pytest
import torch
from torch.distributions import Normal, kl_divergence

from regard.attention import GATES, NoiseGate, SpatialAttention, UniformMap, create_attention


def attended(gate, channels=4):
    return SpatialAttention(UniformMap(), GATES[gate](channels)).eval()


def seeded(attention, features, map_override, samples):
    torch.manual_seed(3)
    return attention(features, samples=samples, map_override=map_override).features


@pytest.mark.parametrize("gate", GATES)
@pytest.mark.parametrize("samples", [0, 1])
@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_at_its_unit_value_a_gate_is_the_identity_bit_for_bit(features, gate, samples, dtype):
    attention = attended(gate)
    attention.gate.observe(features)
    features = features.to(dtype)
    unit = torch.full((1, 1, 1, 1), attention.gate.unit_value)
    assert torch.equal(attention(features, samples=samples, map_override=unit).features, features)
    other = attention(features, samples=samples, map_override=torch.full((1, 1, 1, 1), 0.5)).features
    assert not torch.equal(other, features)


@pytest.mark.parametrize(("gate", "factor"), [("residual", lambda a: 1 + a), ("mask", lambda a: a)])
def test_gates_without_noise_multiply(features, gate, factor):
    a = torch.rand(2, 1, 7, 9)
    out = GATES[gate](4)(features, a, noisy=True)
    torch.testing.assert_close(out.features, features * factor(a))
    assert out.price is None


def holes():
    """A map (2,1,7,9) with zeros at about half of the positions, and where they are."""
    g = torch.Generator().manual_seed(2)
    a = 0.2 + 0.7 * torch.rand(2, 1, 7, 9, generator=g)
    closed = torch.rand(2, 1, 7, 9, generator=g) < 0.5
    return a.masked_fill(closed, 0.0), closed


@pytest.mark.parametrize("samples", [0, 2])
@pytest.mark.parametrize(("gate", "excludes"), [("mask", True), ("noise", True), ("residual", False)])
def test_content_where_the_map_is_zero_cannot_change_the_output(features, gate, excludes, samples):
    attention = attended(gate)
    attention.gate.observe(features)
    a, closed = holes()
    changed = torch.where(closed, 1000 * torch.randn(features.shape), features)
    own, other = (seeded(attention, x, a, samples) for x in (features, changed))
    assert torch.equal(own, other) is excludes
    opened = torch.where(closed, features, features + 1)  # content at open positions passes every gate
    assert not torch.equal(seeded(attention, opened, a, samples), own)


@pytest.mark.parametrize("gate", ["mask", "noise"])
def test_in_training_closed_content_reaches_only_the_statistics(features, gate):
    a, closed = holes()
    changed = torch.where(closed, 3 * features + 1, features)
    results = []
    for x in (features, changed):
        attention = attended(gate).train()
        out = seeded(attention, x, a, 1)
        results.append((out, seeded(attention.eval(), features, a, 1)))
    (own, own_after), (other, other_after) = results
    assert torch.equal(own, other) is (gate == "mask")
    # evaluated on the same features, what is left of the difference is the statistics'
    assert torch.equal(own_after, other_after) is (gate == "mask")
    if gate == "noise":
        assert torch.equal(own, own_after)


@pytest.mark.parametrize("gate", ["mask", "noise"])
def test_excluded_positions_get_no_gradient_and_attended_ones_do(features, gate):
    a, closed = holes()
    features.requires_grad_()
    seeded(attended(gate), features, a, 1).square().sum().backward()
    closed = closed.expand_as(features.grad)
    assert torch.all(features.grad[closed] == 0)
    assert torch.all(features.grad[~closed] != 0)


@pytest.mark.parametrize("gate", ["mask", "noise"])
def test_the_lowest_anchor_excludes_for_good(features, gate):
    attention = create_attention(f"deterministic+{gate}", 4, anchors=3).eval()
    with torch.no_grad():
        attention.quantizer.raw.copy_(torch.tensor([-2.0, 0.9]))
    out = attention(features)
    closed = out.index == 0
    assert torch.all(out.map[closed] == 0)
    assert attention.quantizer.anchors[0] == 0
    own = attention(features, map_override=torch.zeros(1, 1, 1, 1)).features
    assert torch.equal(own, attention(features + 7, map_override=torch.zeros(1, 1, 1, 1)).features)


@pytest.mark.parametrize("gate", GATES)
def test_the_attributes_of_a_gate(gate):
    built = GATES[gate](4)
    assert 0 < built.upper <= 1
    assert built.unit_value in (0.0, 1.0)
    assert built.pinned is (gate != "residual")  # residual cannot exclude, so zero means nothing to it
    if gate == "noise":
        assert built.upper < 1


def price(features, a, gate=None):
    gate = gate or NoiseGate(features.shape[1])
    return gate(features, a, noisy=False).price


def adapted(features):
    gate = NoiseGate(features.shape[1])
    gate.observe(features)
    return gate


@pytest.mark.parametrize("a", [0.05, 0.2, 0.5, 0.9, 0.99])
def test_the_price_is_the_divergence_of_the_channel_from_noise(features, a):
    gate = adapted(features)
    wide = features.double()
    var, mean = torch.var_mean(wide, dim=(0, 2, 3), correction=0, keepdim=True)
    level = torch.full((2, 1, 7, 9), a).double()
    channel = Normal(level * (wide - mean) / var.sqrt(), (1 - level).expand_as(wide))
    expected = kl_divergence(channel, Normal(torch.zeros_like(wide), torch.ones_like(wide))).sum(1, keepdim=True)
    got = price(features, level.float(), gate)
    assert got.shape == (2, 1, 7, 9)
    torch.testing.assert_close(got.double(), expected, rtol=2e-6, atol=0)


def test_the_price_is_zero_when_closed_never_negative_beyond_rounding_and_infinite_when_open(features):
    assert torch.all(price(features, torch.zeros(2, 1, 7, 9)) == 0)
    assert torch.all(price(features, torch.ones(2, 1, 7, 9)) == torch.inf)
    for a in torch.logspace(-8, -1, 15):
        assert price(torch.zeros(1, 4, 1, 1), a.view(1, 1, 1, 1)).item() > -1e-6


def test_the_price_rises_with_the_map(features):
    levels = [price(features, torch.full((2, 1, 7, 9), a)) for a in (0.0, 0.1, 0.3, 0.6, 0.9, 0.99)]
    assert all(torch.all(low < high) for low, high in pairwise(levels))


def test_running_statistics_are_cumulative_first_then_exponential():
    batches = torch.randn(7, 5, 3, 4, 4) * torch.arange(1, 8).view(7, 1, 1, 1, 1)
    gate = NoiseGate(3, momentum=0.25)
    means = [b.mean((0, 2, 3)) for b in batches]
    variances = [b.var((0, 2, 3), correction=0) for b in batches]
    for i in range(4):  # 1/momentum batches
        gate.observe(batches[i])
        torch.testing.assert_close(gate.mean, torch.stack(means[: i + 1]).mean(0))
        torch.testing.assert_close(gate.var, torch.stack(variances[: i + 1]).mean(0))
    mean, var = gate.mean.clone(), gate.var.clone()
    for i in range(4, 7):
        gate.observe(batches[i])
        mean, var = 0.75 * mean + 0.25 * means[i], 0.75 * var + 0.25 * variances[i]
        torch.testing.assert_close(gate.mean, mean)
        torch.testing.assert_close(gate.var, var)


def test_statistics_are_updated_once_per_training_batch_and_never_in_evaluation(features):
    attention = create_attention("noise", 4)
    attention(features, samples=3)
    assert attention.gate.batches == 1
    torch.testing.assert_close(attention.gate.mean, features.mean((0, 2, 3)))
    before = {k: v.clone() for k, v in attention.gate.state_dict().items()}
    attention.eval()(features * 5, samples=3)
    assert before.keys() == {"mean", "var", "batches"}
    for name, value in attention.gate.state_dict().items():
        assert torch.equal(value, before[name])


@pytest.mark.parametrize("scale", [10.0, 0.1])
def test_rescaled_features_cost_the_same(features, scale):
    a = torch.rand(2, 1, 7, 9) * 0.99
    own, scaled = price(features, a, adapted(features)), price(features * scale, a, adapted(features * scale))
    torch.testing.assert_close(own, scaled, rtol=1e-4, atol=1e-5)
    assert not torch.allclose(own, price(features * scale, a, adapted(features)), rtol=0.1)


def test_closed_positions_are_noise_with_the_statistics_of_the_channel(features):
    gate = adapted(features)
    out = gate(features.repeat(400, 1, 1, 1), torch.zeros(800, 1, 7, 9), noisy=True).features
    error = gate.var.sqrt() / (800 * 63) ** 0.5
    assert torch.all((out.mean((0, 2, 3)) - gate.mean).abs() < 5 * error)
    torch.testing.assert_close(out.var((0, 2, 3)), gate.var, rtol=0.05, atol=0)
    quiet = gate(features, torch.zeros(2, 1, 7, 9), noisy=False).features
    assert torch.equal(quiet, gate.mean.view(1, 4, 1, 1).expand_as(quiet))


def test_between_open_and_closed_signal_and_noise_are_mixed(features):
    gate = adapted(features)
    a = torch.full((800, 1, 7, 9), 0.7)
    out = gate(features.repeat(400, 1, 1, 1), a, noisy=True).features.view(400, 2, 4, 7, 9)
    expected = 0.7 * features + 0.3 * gate.mean.view(4, 1, 1)
    error = 0.3 * gate.var.sqrt().view(4, 1, 1) / 400**0.5
    assert torch.all((out.mean(0) - expected).abs() < 5 * error)
    spread = out.var(0).mean((0, 2, 3)) / (0.09 * gate.var)
    torch.testing.assert_close(spread, torch.ones(4), rtol=0.05, atol=0)


def test_prices_stay_float32_and_gradients_finite_in_bfloat16(features):
    half = features.bfloat16().requires_grad_()
    a = torch.full((2, 1, 7, 9), 0.99, requires_grad=True)
    out = NoiseGate(4)(half, a, noisy=True)
    assert out.features.dtype == torch.bfloat16
    assert out.price.dtype == torch.float32
    (out.features.float().sum() + out.price.sum()).backward()
    assert torch.isfinite(a.grad).all()
    assert torch.isfinite(half.grad).all()


def test_a_constant_channel_gives_finite_prices():
    features = torch.zeros(2, 3, 4, 4)
    got = price(features, torch.full((2, 1, 4, 4), 0.5), adapted(features))
    assert torch.isfinite(got).all()
