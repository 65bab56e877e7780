from inspect import unwrap

import pytest
import torch
from torch import nn

from regard.attention import (
    AnchorQuantizer,
    MapDistribution,
    MaskGate,
    NoiseGate,
    ResidualGate,
    SpatialAttention,
    TopShare,
    UniformMap,
    create_attention,
)
from regard.types import AttentionOutput, Map, RegardError


class Told(nn.Module):
    """A proposal with a fixed distribution."""

    def __init__(self, mean, std=None):
        super().__init__()
        self.distribution = MapDistribution(mean, std)

    def forward(self, features):
        return self.distribution


def attention_with(mean, std=None, *, gate=None, anchors=None):
    gate = gate or MaskGate()
    quantizer = None if anchors is None else AnchorQuantizer(anchors, upper=gate.upper, pinned=gate.pinned)
    return SpatialAttention(Told(mean, std), gate, quantizer).eval()


def test_samples_are_laid_out_sample_major(features):
    attention = attention_with(torch.rand(2, 1, 7, 9), torch.full((2, 1, 7, 9), 0.1))
    out = attention(features, samples=3)
    assert out.features.shape == (6, 4, 7, 9)
    assert out.map.shape == out.raw.shape == (3, 2, 1, 7, 9)
    assert out.mean.shape == out.std.shape == (2, 1, 7, 9)
    for s in range(3):
        for b in range(2):
            assert torch.equal(out.features[2 * s + b], features[b] * out.map[s, b])
    assert not torch.equal(out.map[0], out.map[1])


def test_the_expected_share_of_kept_positions_is_what_draws_keep():
    mean, std = torch.rand(2, 1, 5, 5), 0.05 + 0.4 * torch.rand(2, 1, 5, 5)
    out = attention_with(mean, std, anchors=3)(torch.randn(2, 2, 5, 5), samples=4000)
    drawn = (out.map > 0).float().mean((0, 2, 3, 4))
    torch.testing.assert_close(out.kept, drawn, rtol=0, atol=0.01)
    below = torch.distributions.Normal(mean.double(), std.double()).cdf(torch.tensor(0.25, dtype=torch.float64))
    torch.testing.assert_close(out.kept.double(), 1 - below.mean((1, 2, 3)), rtol=0, atol=1e-6)
    assert attention_with(mean, std, gate=ResidualGate(), anchors=3)(torch.randn(2, 2, 5, 5)).kept is None
    assert attention_with(mean, std)(torch.randn(2, 2, 5, 5)).kept is None


def test_sampled_maps_have_the_moments_of_the_distribution():
    mean = 0.3 + 0.4 * torch.rand(1, 1, 3, 4)
    std = 0.01 + 0.03 * torch.rand(1, 1, 3, 4)  # so far from the bounds that clamping does not matter
    maps = attention_with(mean, std)(torch.randn(1, 2, 3, 4), samples=10_000).map
    assert torch.all((maps.mean(0) - mean).abs() < 5 * std / 100)
    torch.testing.assert_close(maps.std(0), std, rtol=0.05, atol=0)


@pytest.mark.parametrize("gate", [MaskGate(), NoiseGate(4, delta=0.05), ResidualGate()])
def test_sampled_maps_stay_in_the_range_of_the_gate(features, gate):
    out = attention_with(torch.rand(2, 1, 7, 9), torch.full((2, 1, 7, 9), 3.0), gate=gate)(features, samples=4)
    assert out.map.min() == 0
    assert out.map.max() == torch.tensor(gate.upper)
    assert out.price is None or torch.isfinite(out.price).all()


@pytest.mark.parametrize("name", ["noise", "aib", "mask", "random"])
@pytest.mark.parametrize("anchors", [None, 5])
def test_without_samples_nothing_is_random(features, name, anchors):
    attention = create_attention(name, 4, anchors=anchors)
    state = torch.get_rng_state()
    attention(features)  # in training too
    attention.eval()
    first, again = attention(features), attention(features)
    assert torch.equal(state, torch.get_rng_state())
    assert torch.equal(first.features, again.features)
    assert first.map.shape == (1, 2, 1, 7, 9)
    assert torch.equal(first.raw[0], first.mean.clamp(0, attention.gate.upper))
    one = attention(features, samples=1)
    assert not torch.equal(one.features, first.features)
    assert one.features.shape == first.features.shape


def test_each_sample_has_its_own_gate_noise(features):
    out = attention_with(torch.full((2, 1, 7, 9), 0.5), gate=NoiseGate(4))(features, samples=2)
    first, second = out.features.view(2, 2, 4, 7, 9)
    assert torch.equal(out.map[0], out.map[1])
    assert torch.all(first != second)


GIVEN = {
    "one value": (torch.full((1, 1, 1, 1), 0.3), lambda m: m.expand(2, 1, 7, 9)),
    "one map": (torch.rand(1, 1, 7, 9), lambda m: m.expand(2, 1, 7, 9)),
    "bare map": (torch.rand(1, 7, 9), lambda m: m.expand(2, 1, 7, 9)),
    "a map an image": (torch.rand(2, 1, 7, 9), lambda m: m),
    "a map a sample and image": (torch.rand(3, 2, 1, 7, 9), lambda m: m),
    "a coarser grid": (torch.rand(2, 1, 3, 4), lambda m: Map(m, "gate").resize((7, 9)).values),
    "a finer grid, every sample": (
        torch.rand(3, 2, 1, 14, 18),
        lambda m: m.unflatten(3, (7, 2)).unflatten(5, (9, 2)).mean((4, 6)),
    ),
    "doubles": (torch.rand(2, 1, 7, 9, dtype=torch.float64), lambda m: m.float()),
}


@pytest.mark.parametrize("shape", [(3, 1, 7, 9), (2, 2, 7, 9), (2, 2, 1, 7, 9), (3, 3, 1, 7, 9), (2, 7, 9)])
def test_a_given_map_that_does_not_fit_is_named(features, shape):
    message = rf"map_override \({', '.join(map(str, shape))}\): .*\(2,1,h,w\) or \(3,2,1,h,w\) was expected"
    with pytest.raises(RegardError, match=message):
        attention_with(torch.full((2, 1, 7, 9), 0.5))(features, samples=3, map_override=torch.rand(shape))


@pytest.mark.parametrize("case", GIVEN)
def test_a_given_map_is_used_as_it_is(features, case):
    map_override, expect = GIVEN[case]
    out = attention_with(torch.rand(2, 1, 7, 9), torch.rand(2, 1, 7, 9), anchors=4)(
        features, samples=3, map_override=map_override
    )
    expected = expect(map_override).expand(3, 2, 1, 7, 9)
    torch.testing.assert_close(out.map, expected)
    assert torch.equal(out.raw, out.map)
    assert out.index is None
    torch.testing.assert_close(out.features.view(3, 2, 4, 7, 9), features * expected)


def test_a_given_map_is_not_limited(features):
    attention = attention_with(torch.rand(2, 1, 7, 9), gate=ResidualGate(), anchors=4)
    out = attention(features, map_override=torch.full((1, 1, 1, 1), -1.0))
    assert torch.all(out.features == 0)
    open_gate = attention_with(torch.rand(2, 1, 7, 9), gate=NoiseGate(4))(features, map_override=torch.ones(1, 1, 1, 1))
    assert torch.all(open_gate.price == torch.inf)


def test_reported_outputs_depend_on_the_parts(features):
    plain = create_attention("aib", 4)(features, samples=2)
    assert plain.std is not None
    assert plain.index is plain.anchors is plain.log_prior is plain.code is plain.price is None
    quantized = create_attention("noise", 4, anchors=5)(features, samples=2)
    assert quantized.price.shape == quantized.index.shape == (2, 2, 1, 7, 9)
    assert quantized.anchors.shape == quantized.log_prior.shape == (5,)
    assert quantized.code.shape == (2,)
    assert torch.equal(quantized.map, quantized.anchors[quantized.index])
    assert create_attention("deterministic", 4, anchors=5)(features, samples=2).code is None  # hard indices only


def test_the_code_length_prices_the_cells_that_the_quantizer_cuts(features):
    mean, std = torch.rand(2, 1, 7, 9), torch.full((2, 1, 7, 9), 0.2)
    attention = attention_with(mean, std, anchors=3)
    with torch.no_grad():
        attention.quantizer.raw.copy_(torch.tensor([0.3, 0.9]))
        attention.quantizer.prior_logits.copy_(torch.tensor([0.0, 1.0, 2.0]))
    out = attention(features, samples=2000)
    cost = -out.log_prior.detach()[out.index].flatten(2).sum(2)
    error = cost.std(0) / 2000**0.5
    assert torch.all((cost.mean(0) - out.code).abs() < 5 * error)


def test_uniform_attention_with_anchors_takes_the_nearest(features):
    out = SpatialAttention(UniformMap(value=0.6), ResidualGate(), AnchorQuantizer(3))(features, samples=2)
    assert torch.all(out.map == 0.5)
    assert torch.all(out.index == 1)


@pytest.mark.parametrize("anchors", [None, 6])
def test_state_dict_round_trip(features, anchors):
    trained = create_attention("noise", 4, anchors=anchors)
    optimizer = torch.optim.SGD(trained.parameters(), lr=0.1)
    for _ in range(3):
        optimizer.zero_grad()
        trained(features, samples=1).features.square().sum().backward()
        optimizer.step()
    fresh = create_attention("noise", 4, anchors=anchors)
    assert not torch.equal(fresh.eval()(features).features, trained.eval()(features).features)
    fresh.load_state_dict(trained.state_dict())
    own, copy = trained(features), fresh(features)
    assert torch.equal(own.features, copy.features)
    assert torch.equal(own.price, copy.price)


def test_prices_and_codes_are_float32_under_autocast(features):
    attention = create_attention("noise", 4, anchors=5).eval()
    with torch.autocast("cpu", torch.bfloat16):
        out = attention(features.bfloat16(), samples=2)
    assert out.features.dtype == torch.bfloat16
    for value in (out.map, out.mean, out.std, out.price, out.code, out.anchors):
        assert value.dtype == torch.float32


def test_channels_last_features_give_the_same(features):
    attention = create_attention("noise", 4, anchors=5).eval()
    own, other = attention(features), attention(features.contiguous(memory_format=torch.channels_last))
    torch.testing.assert_close(own.features, other.features)
    assert torch.equal(own.index, other.index)


def test_extreme_features_give_finite_gradients():
    attention = create_attention("noise", 4, anchors=5)
    for features in (torch.zeros(2, 4, 5, 5), 1e6 * torch.randn(2, 4, 5, 5), torch.full((2, 4, 5, 5), -1e4)):
        attention.zero_grad()
        out = attention(features, samples=1)
        (out.features.mean() + out.price.mean() + out.code.mean()).backward()
        grads = [p.grad for p in attention.parameters() if p.grad is not None]
        assert len(grads) > 4
        assert all(torch.isfinite(g).all() for g in grads)


def test_it_compiles_as_one_graph(features, monkeypatch):
    for kind in (Map, AttentionOutput):  # the checks of shapes, which only tests have and no graph can hold
        monkeypatch.setattr(kind, "__init__", unwrap(kind.__init__))
    attention = create_attention("noise", 4, anchors=5)
    twin = create_attention("noise", 4, anchors=5)
    twin.load_state_dict(attention.state_dict())
    compiled = torch.compile(twin, fullgraph=True, backend="aot_eager")
    torch.manual_seed(5)
    own = attention(features, samples=2)
    torch.manual_seed(5)
    other = compiled(features, samples=2)
    for name in ("features", "map", "price", "code", "index"):
        torch.testing.assert_close(getattr(own, name), getattr(other, name), msg=name)
    for out in (own, other):
        (out.features.square().mean() + out.price.mean() + out.code.mean()).backward()
    torch.testing.assert_close(attention.proposal.head.logit.weight.grad, twin.proposal.head.logit.weight.grad)
    assert twin.gate.batches == 1
    torch.testing.assert_close(attention.gate.var, twin.gate.var)


@pytest.mark.parametrize("hard", ["anchors", "keep"])
@pytest.mark.parametrize("gate", [MaskGate(), NoiseGate(4)])
@pytest.mark.parametrize("samples", [0, 2])
def test_closed_positions_are_zeros_in_training_too(gate, hard, samples) -> None:
    generator = torch.Generator().manual_seed(0)
    mean = torch.rand(2, 1, 6, 6, generator=generator)
    quantizer = AnchorQuantizer(3, upper=gate.upper, pinned=True) if hard == "anchors" else None
    top = TopShare(0.25, upper=gate.upper) if hard == "keep" else None
    attention = SpatialAttention(Told(mean, torch.full_like(mean, 0.2)), gate, quantizer, top).train()
    output = attention(torch.randn(2, 4, 6, 6, generator=generator), samples=samples)
    closed = output.map == 0
    assert 0 < closed.float().mean() < 1
    assert len(output.map.unique()) == (3 if hard == "anchors" else 2), "no soft values between"
    if output.price is not None:
        assert (output.price[closed] == 0).all()
        assert (output.price[~closed] > 0).all()
    else:
        gated = output.features.unflatten(0, (-1, 2))
        assert (gated.masked_select(closed) == 0).all()
