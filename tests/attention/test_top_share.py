import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import array_shapes, arrays

from regard.attention import TopShare, create_attention
from regard.types import RegardError

MAPS = arrays("float32", array_shapes(min_dims=2, max_dims=4, max_side=6), elements=st.floats(-1, 2, width=32))


@given(MAPS, st.floats(0.01, 1))
def test_the_highest_values_of_every_map_are_open_and_always_as_many(values, share):
    maps = torch.from_numpy(values)
    top = TopShare(share, upper=0.5)
    positions = maps.shape[-2] * maps.shape[-1]
    for opened, a in zip(top(maps).reshape(-1, positions), maps.reshape(-1, positions), strict=True):
        assert set(opened.tolist()) <= {0.0, 0.5}
        assert (opened > 0).sum() == top.count(positions) == max(1, round(share * positions))
        assert (opened > 0).all() or a[opened > 0].min() >= a[opened == 0].max()


def test_of_equal_values_the_first_stay():
    opened = TopShare(0.4)(torch.full((2, 1, 2, 5), 0.7))
    assert opened.tolist() == [[[[1.0, 1, 1, 1, 0], [0.0] * 5]]] * 2


def test_the_gradient_changes_an_order_and_nothing_else():
    a = torch.rand(3, 1, 4, 4, requires_grad=True)
    weight = torch.randn(3, 1, 4, 4)
    (TopShare(0.3)(a) * weight).sum().backward()
    torch.testing.assert_close(a.grad, weight - weight.mean((2, 3), keepdim=True))
    torch.testing.assert_close(a.grad.sum((2, 3)), torch.zeros(3, 1), rtol=0, atol=1e-5)


@pytest.mark.parametrize("share", [0.0, -0.1, 1.01, float("nan")])
def test_a_share_that_is_none(share):
    with pytest.raises(RegardError, match="above 0 and is at most 1"):
        TopShare(share)


@pytest.mark.parametrize("samples", [0, 1, 3])
def test_an_attended_layer_keeps_the_share_and_excludes_the_rest(samples):
    attention = create_attention("mask", 6, keep=0.25, initial_std=0.3).eval()
    features = torch.randn(2, 6, 8, 8)
    out = attention(features, samples=samples)
    assert torch.equal((out.map > 0).sum((2, 3, 4)), torch.full((max(samples, 1), 2), 16))
    torch.testing.assert_close(out.kept, torch.full((2,), 0.25))
    assert torch.equal(out.features, features.repeat(max(samples, 1), 1, 1, 1) * out.map.flatten(0, 1))
    if samples == 3:
        assert not torch.equal(out.map[0], out.map[1])


def test_what_is_open_lets_pass_what_its_gate_lets_pass_at_most():
    features = torch.randn(2, 6, 8, 8)
    noise = create_attention("noise", 6, keep=0.25).eval()(features)
    assert noise.map.max() == torch.tensor(0.99)
    assert noise.price.isfinite().all()
    residual = create_attention("aib", 6, keep=0.25).eval()(features)
    assert set(residual.map.unique().tolist()) == {0.0, 1.0}
    assert residual.kept is None, "it closes nothing"


def test_a_share_beside_anchors_is_an_error():
    with pytest.raises(RegardError, match="leave one out"):
        create_attention("mask", 6, keep=0.5, anchors=2)
