import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.cluster import KMeans
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_iter

from regard.attention import AnchorQuantizer, create_attention, midpoints
from regard.objectives import anchor_losses

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


def test_the_gradient_passes_straight_through():
    quantizer = AnchorQuantizer(4)
    a = torch.rand(2, 3, 1, 5, 7, requires_grad=True)
    weight = torch.randn(2, 3, 1, 5, 7)
    out = quantizer(a, quantizer.anchors)
    (out.map * weight).sum().backward()
    assert torch.equal(a.grad, weight)
    assert out.map.shape == out.nearest.shape == a.shape
    assert quantizer.raw.grad is None


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
def test_hostile_steps_leave_anchors_in_place_and_the_pinned_one_at_zero(optimizer):
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


def test_anchors_learn_from_the_codebook_loss_alone(features):
    attention = create_attention("noise", 4, anchors=5)
    out = attention(features, samples=1)
    losses = anchor_losses(out)
    raw, logits = attention.quantizer.raw, attention.quantizer.prior_logits

    def gradient(loss, parameter):
        return torch.autograd.grad(loss, parameter, retain_graph=True, allow_unused=True)[0]

    for other in (out.features.sum(), out.map.sum(), out.price.sum(), out.code.sum(), losses.commitment, losses.prior):
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
