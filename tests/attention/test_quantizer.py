import math

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import array_shapes, arrays
from sklearn.cluster import KMeans
from torch.distributions import Normal
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_iter

from regard.attention import AnchorQuantizer, TopShare, create_attention, expected_code_length, midpoints
from regard.objectives import anchor_losses
from regard.types import RegardError

sixtyfourths = st.integers(0, 64).map(lambda i: i / 64)  # exact in binary, so that ties are ties
wild = st.floats(-(2.0**99), 2.0**99, width=32)


class Shapes(TorchDispatchMode):
    """Records the shape of every tensor that any operation makes, backward included."""

    def __init__(self):
        super().__init__()
        self.seen = []

    def __torch_dispatch__(self, func, types, args=(), kwargs=None):
        out = func(*args, **(kwargs or {}))
        self.seen += [tuple(t.shape) for t in tree_iter(out) if isinstance(t, torch.Tensor)]
        return out

    def largest(self):
        return max(np.prod(shape, dtype=int) for shape in self.seen)


def with_anchors(values, **options):
    quantizer = AnchorQuantizer(len(values), **options)
    with torch.no_grad():
        quantizer.raw.copy_(torch.tensor(values)[int(quantizer.pinned) :])
    return quantizer


@settings(deadline=None)
@given(st.lists(sixtyfourths, min_size=2, max_size=9, unique=True), st.lists(sixtyfourths, min_size=1, max_size=20))
def test_the_nearest_anchor_is_the_brute_force_argmin_and_ties_go_to_the_lower(anchors, values):
    quantizer = with_anchors(anchors)
    a = torch.tensor(values)
    out = quantizer(a, quantizer.anchors)
    distances = (np.array(values)[:, None] - np.sort(anchors)[None]) ** 2
    assert out.nearest.tolist() == distances.argmin(1).tolist()  # numpy's argmin takes the first of equals
    assert torch.equal(out.map, quantizer.anchors[out.nearest])


@settings(deadline=None)
@given(st.lists(wild, min_size=3, max_size=3), st.lists(st.floats(-2, 3, width=32), min_size=1, max_size=9))
def test_no_anchor_is_nearer_and_the_map_is_the_anchor_bit_for_bit(raw, values):
    quantizer = with_anchors(raw)
    anchors, a = quantizer.anchors.detach(), torch.tensor(values)
    out = quantizer(a, anchors)
    best = (a[:, None].double() - anchors.double()).abs().min(1).values
    assert torch.all((a.double() - out.map.double()).abs() <= best + 1e-7)
    assert torch.equal(out.map, anchors[out.nearest])


@pytest.mark.parametrize("task_gradient", [True, False])
def test_the_gradient_passes_straight_through(task_gradient):
    quantizer = AnchorQuantizer(4, task_gradient=task_gradient)
    a = torch.rand(2, 3, 1, 5, 7, requires_grad=True)
    weight = torch.randn(2, 3, 1, 5, 7)
    out = quantizer(a, quantizer.anchors)
    (out.map * weight).sum().backward()
    assert torch.equal(a.grad, weight)
    assert out.map.shape == out.nearest.shape == a.shape
    assert (quantizer.raw.grad is not None) is task_gradient


@pytest.mark.parametrize("pinned", [False, True])
@pytest.mark.parametrize("levels", [2, 3, 5])
@pytest.mark.parametrize("shape", [(1, 1, 4, 6), (3, 2, 1, 5, 7)])
def test_an_anchor_gets_the_gradients_of_its_positions_scaled(levels, pinned, shape):
    generator = torch.Generator().manual_seed(levels)
    quantizer = AnchorQuantizer(levels, upper=0.9, pinned=pinned)
    with torch.no_grad():
        order = torch.randperm(levels - pinned, generator=generator)
        quantizer.raw.copy_(quantizer.raw[order].clone())  # in any order
    a, weight = torch.rand(shape, generator=generator), torch.randn(shape, generator=generator)
    out = quantizer(a, quantizer.anchors)
    (out.map * weight).sum().backward()
    scale = 1 / math.sqrt(shape[-2] * shape[-1] * (levels - 1))
    own = [scale * float(weight[out.nearest == k].sum()) for k in range(levels)][int(pinned) :]
    ranks = quantizer.raw.detach().argsort().argsort()
    assert quantizer.raw.grad.tolist() == pytest.approx([own[rank] for rank in ranks.tolist()], abs=1e-5)


def test_two_anchors_learn_the_values_that_a_task_asks_for():
    quantizer = AnchorQuantizer(2)
    a = torch.tensor([0.1, 0.2, 0.7, 0.9]).view(1, 1, 2, 2)
    target = torch.tensor([0.3, 0.1, 0.8, 0.6]).view(1, 1, 2, 2)
    optimizer = torch.optim.SGD([quantizer.raw], lr=0.3)
    for _ in range(200):
        optimizer.zero_grad()
        (quantizer(a, quantizer.anchors).map - target).square().sum().backward()
        optimizer.step()
    assert quantizer.anchors.tolist() == pytest.approx([0.2, 0.7], abs=1e-4)  # means of the targets in each cell


def test_a_learning_rate_of_zero_freezes_the_anchors(features):
    attention = create_attention("noise", 4, anchors=3)
    start = attention.quantizer.raw.detach().clone()
    optimizer = torch.optim.Adam([attention.quantizer.raw], lr=0.0)
    attention(features, samples=1).features.sum().backward()
    assert attention.quantizer.raw.grad.abs().sum() > 0
    optimizer.step()
    assert torch.equal(attention.quantizer.raw, start)


def shapes_at(levels, features):
    attention = create_attention("noise", 4, anchors=levels)
    with Shapes() as shapes:
        out = attention(features, samples=2)
        losses = anchor_losses(out)
        (out.features.sum() + out.price.sum() + out.code.sum() + sum(losses)).backward()
    return shapes


def test_no_tensor_has_an_axis_of_anchors(features):
    few, many = shapes_at(3, features), shapes_at(53, features)
    assert (2, 2, 1, 7, 9) in many.seen  # the recorder sees the quantized map ...
    wide = [shape for shape in many.seen if len(shape) > 1 and {52, 53, 54} & set(shape)]
    assert wide == []
    assert few.largest() == many.largest()
    with Shapes() as shapes:  # ... and would see an axis of anchors
        (torch.rand(2, 1, 7, 9)[..., None] - torch.rand(53)).abs().argmin(-1)
    assert (2, 1, 7, 9, 53) in shapes.seen


@settings(deadline=None)
@given(st.lists(wild, min_size=2, max_size=8), st.sampled_from([1.0, 0.99]), st.booleans())
def test_anchors_are_ordered_and_inside_whatever_the_parameter_holds(raw, upper, pinned):
    anchors = with_anchors(raw, upper=upper, pinned=pinned).anchors.detach()
    assert torch.all(anchors[1:] >= anchors[:-1])
    assert anchors.min() >= 0
    assert anchors.max() <= torch.tensor(upper)
    expected = np.sort(np.clip(np.array(raw[int(pinned) :], dtype=np.float32), 0, np.float32(upper)))
    assert anchors.tolist() == ([0.0] if pinned else []) + expected.tolist()


@pytest.mark.parametrize("optimizer", [torch.optim.SGD, torch.optim.Adam])
def test_extreme_steps_keep_anchors_in_range_and_the_pinned_one_at_zero(optimizer):
    quantizer = AnchorQuantizer(6, upper=0.99, pinned=True)
    steps = optimizer(quantizer.parameters(), lr=3.0)
    generator = torch.Generator().manual_seed(0)
    for _ in range(50):
        steps.zero_grad()
        (quantizer.anchors * torch.randn(6, generator=generator)).sum().backward()
        steps.step()
        anchors = quantizer.anchors.detach()
        assert anchors[0] == 0
        assert torch.all(anchors[1:] >= anchors[:-1])
        assert torch.all(anchors <= torch.tensor(0.99))
    assert quantizer.raw.detach().abs().max() > 2  # the steps were hostile


@pytest.mark.parametrize("task_gradient", [True, False])
def test_anchors_learn_from_the_codebook_loss_and_from_what_the_map_does(features, task_gradient):
    attention = create_attention("noise", 4, anchors=5)
    attention.quantizer.task_gradient = task_gradient
    out = attention(features, samples=1)
    losses = anchor_losses(out)
    raw, logits = attention.quantizer.raw, attention.quantizer.prior_logits

    def gradient(loss, parameter):
        return torch.autograd.grad(loss, parameter, retain_graph=True, allow_unused=True)[0]

    for other in (out.features.sum(), out.map.sum(), out.price.sum()):
        assert (gradient(other, raw) is not None) is task_gradient
    for other in (out.code.sum(), losses.commitment, losses.prior):
        assert gradient(other, raw) is None
    assert gradient(losses.codebook, raw).abs().sum() > 0
    for other in (out.features.sum(), out.price.sum(), out.code.sum(), losses.codebook, losses.commitment):
        assert gradient(other, logits) is None
    assert gradient(losses.prior, logits).abs().sum() > 0


def test_two_anchors_learn_the_means_of_two_clusters():
    quantizer = AnchorQuantizer(2)
    generator = torch.Generator().manual_seed(0)
    low, high = torch.rand(300, generator=generator) * 0.3, 0.6 + torch.rand(100, generator=generator) * 0.2
    values = torch.cat([low, high])
    optimizer = torch.optim.SGD([quantizer.raw], lr=0.5)
    for _ in range(100):
        optimizer.zero_grad()
        anchors = quantizer.anchors
        (values - anchors[quantizer(values, anchors).nearest]).square().mean().backward()
        optimizer.step()
    expected = np.sort(KMeans(2, n_init=1, random_state=0).fit(values[:, None].numpy()).cluster_centers_.ravel())
    assert quantizer.anchors.tolist() == pytest.approx(expected.tolist(), abs=1e-4)


def test_an_anchor_pushed_outside_still_learns_its_way_back():
    quantizer = with_anchors([0.0, 3.0])
    values = torch.full((8,), 0.8)
    optimizer = torch.optim.SGD([quantizer.raw], lr=0.5)
    for _ in range(40):
        optimizer.zero_grad()
        anchors = quantizer.anchors
        (values - anchors[quantizer(values, anchors).nearest]).square().mean().backward()
        optimizer.step()
    assert quantizer.anchors[1].item() == pytest.approx(0.8, abs=1e-4)


@pytest.mark.parametrize("pinned", [False, True])
def test_anchors_start_evenly_under_a_uniform_prior_and_can_be_reset(pinned):
    with torch.device("meta"):
        quantizer = AnchorQuantizer(5, upper=0.8, pinned=pinned)
    quantizer = quantizer.to_empty(device="cpu")
    quantizer.reset_parameters()
    assert quantizer.anchors.tolist() == pytest.approx([0, 0.2, 0.4, 0.6, 0.8])
    assert quantizer.log_prior.exp().tolist() == pytest.approx([0.2] * 5)
    assert quantizer.raw.numel() == 5 - pinned


def test_the_prior_is_a_distribution():
    quantizer = AnchorQuantizer(3)
    with torch.no_grad():
        quantizer.prior_logits.copy_(torch.tensor([0.0, 2.0, -30.0]))
    assert quantizer.log_prior.exp().sum().item() == pytest.approx(1)
    assert (quantizer.log_prior[1] - quantizer.log_prior[0]).item() == pytest.approx(2)


def test_one_level_is_no_quantizer():
    with pytest.raises(Exception, match=r"anchors=1.*at least 2"):
        AnchorQuantizer(1)


def test_midpoints_are_where_the_nearest_anchor_changes():
    anchors = torch.tensor([0.0, 0.25, 1.0])
    assert midpoints(anchors).tolist() == [0.125, 0.625]
    quantizer = with_anchors(anchors.tolist())
    assert quantizer(torch.tensor([0.125, 0.126, 0.625, 0.626]), anchors).nearest.tolist() == [0, 1, 1, 2]


def world(levels, *, seed=0):
    """Means, standard deviations, boundaries and prior in float64."""
    g = torch.Generator().manual_seed(seed)
    mean = torch.rand(3, 1, 4, 5, generator=g, dtype=torch.float64)
    std = 0.02 + 0.3 * torch.rand(3, 1, 4, 5, generator=g, dtype=torch.float64)
    anchors = torch.rand(levels, generator=g, dtype=torch.float64).sort().values
    log_prior = torch.randn(levels, generator=g, dtype=torch.float64).log_softmax(0)
    return mean, std, midpoints(anchors), log_prior


def cells(mean, std, boundaries):
    """Probability of every cell (B,1,h,w,Q), as differences of the cumulative distribution."""
    edges = torch.cat([boundaries.new_tensor([-math.inf]), boundaries, boundaries.new_tensor([math.inf])])
    below = Normal(mean[..., None], std[..., None], validate_args=False).cdf(edges)
    return below[..., 1:] - below[..., :-1]


@pytest.mark.parametrize("levels", [2, 3, 20])
def test_the_expected_code_length_is_the_sum_over_cells(levels):
    mean, std, boundaries, log_prior = world(levels)
    brute = (cells(mean, std, boundaries) * -log_prior).sum(-1).flatten(1).sum(1)
    torch.testing.assert_close(expected_code_length(mean, std, boundaries, log_prior), brute, rtol=1e-12, atol=0)


@pytest.mark.parametrize("levels", [2, 7])
def test_its_gradient_is_right(levels):
    mean, std, boundaries, log_prior = world(levels)
    mean.requires_grad_()
    std.requires_grad_()
    assert torch.autograd.gradcheck(lambda m, s: expected_code_length(m, s, boundaries, log_prior), (mean, std))


def test_memory_kept_for_the_backward_pass_does_not_grow_with_the_anchors():
    def kept(levels):
        """Bytes of the distinct tensors that autograd saves."""
        mean, std, boundaries, log_prior = world(levels)
        saved = {}
        with torch.autograd.graph.saved_tensors_hooks(lambda t: saved.setdefault(id(t), t), lambda t: t):
            length = expected_code_length(mean.requires_grad_(), std.requires_grad_(), boundaries, log_prior)
        assert length.requires_grad
        return sum(t.nbytes for t in saved.values())

    assert 0 < kept(4) == kept(64)


def test_without_noise_it_is_the_code_length_of_the_hard_indices():
    quantizer = AnchorQuantizer(6)
    with torch.no_grad():
        quantizer.prior_logits.copy_(torch.randn(6))
    centre = torch.randint(0, 6, (4, 1, 5, 5))
    mean = quantizer.anchors.detach()[centre] + 0.08 * (torch.rand(4, 1, 5, 5) - 0.5)  # off the boundaries
    index = quantizer(mean, quantizer.anchors).nearest
    length = expected_code_length(
        mean, torch.full_like(mean, 1e-6), midpoints(quantizer.anchors.detach()), quantizer.log_prior
    )
    torch.testing.assert_close(length, -quantizer.log_prior[index].flatten(1).sum(1))


def test_under_a_uniform_prior_every_map_costs_its_hard_cap():
    quantizer = AnchorQuantizer(20)
    mean, std = torch.rand(3, 1, 16, 16), torch.rand(3, 1, 16, 16)
    length = expected_code_length(mean, std, midpoints(quantizer.anchors.detach()), quantizer.log_prior)
    torch.testing.assert_close(length, torch.full((3,), 16 * 16 * math.log(20)))
    assert length[0].item() / math.log(2) == pytest.approx(1106.4, abs=0.1)


def test_no_prior_codes_a_map_in_less_than_its_entropy():
    mean, std, boundaries, _ = world(5)
    probability = cells(mean[:1, :, :1, :1], std[:1, :, :1, :1], boundaries).flatten()
    entropy = torch.distributions.Categorical(probability).entropy().item()
    one = (mean[:1, :, :1, :1], std[:1, :, :1, :1], boundaries)
    assert expected_code_length(*one, probability.log()).item() == pytest.approx(entropy)
    for seed in range(20):
        assert expected_code_length(*one, world(5, seed=seed)[3]).item() >= entropy


def test_extreme_maps_have_finite_lengths_and_gradients():
    mean = torch.tensor([0.0, 1.0, 0.5, 0.5, -40.0, 40.0]).view(1, 1, 1, 6).requires_grad_()
    std = torch.tensor([1e-6, 1e-6, 1e-6, 0.0, 1e-3, 30.0]).view(1, 1, 1, 6).requires_grad_()
    length = expected_code_length(mean, std, torch.tensor([0.25, 0.5]), torch.tensor([0.7, 0.2, 0.1]).log())
    length.sum().backward()
    assert torch.isfinite(length).all()
    assert torch.isfinite(mean.grad).all()
    assert torch.isfinite(std.grad).all()


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
def test_an_invalid_share_is_an_error(share):
    with pytest.raises(RegardError, match="above 0 and at most 1"):
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


def test_open_positions_have_the_maximum_of_the_gate():
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
