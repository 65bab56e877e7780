import pytest
import torch

from regard.attention import GATES, SpatialAttention, UniformMap, create_attention


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
def test_in_training_only_the_statistics_know_what_is_closed(features, gate):
    a, closed = holes()
    changed = torch.where(closed, 3 * features + 1, features)
    seen = []
    for x in (features, changed):
        attention = attended(gate).train()
        out = seeded(attention, x, a, 1)
        seen.append((out, seeded(attention.eval(), features, a, 1)))
    (own, own_after), (other, other_after) = seen
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
def test_a_gate_says_what_it_takes(gate):
    built = GATES[gate](4)
    assert 0 < built.upper <= 1
    assert built.unit_value in (0.0, 1.0)
    assert built.pinned is (gate != "residual")  # residual cannot exclude, so zero means nothing to it
    if gate == "noise":
        assert built.upper < 1
