import math

import pytest
import torch

from regard.metrics import fixation
from regard.objectives.alignment import ALIGNMENT, HumanMap, alignment_loss, harmonizer
from regard.types import RegardError

GENERATOR = torch.Generator().manual_seed(0)
A = torch.rand(3, 1, 6, 8, generator=GENERATOR, dtype=torch.float64) * 0.8 + 0.1
POINTS = torch.rand(3, 7, 2, generator=GENERATOR, dtype=torch.float64) * torch.tensor([8.0, 6.0])


def human():
    counts = torch.zeros(3, 48, dtype=torch.float64)
    cell = POINTS.floor().long()
    counts.scatter_add_(1, cell[..., 1] * 8 + cell[..., 0], torch.ones(3, 7, dtype=torch.float64))
    counts = counts.view(3, 1, 6, 8)
    soft = torch.nn.functional.avg_pool2d(counts, 3, 1, 1) + 0.01
    return HumanMap(soft / soft.amax((-2, -1), keepdim=True), counts)


H = human()


@pytest.mark.parametrize("name", ALIGNMENT)
def test_gradients(name):
    a = A.clone().requires_grad_()
    weight = torch.tensor([1.0, 0.0, 0.5], dtype=torch.float64)
    assert torch.autograd.gradcheck(lambda m: alignment_loss(name, m, H, weight), a)


@pytest.mark.parametrize("name", ALIGNMENT)
def test_an_image_without_a_human_map_does_not_count(name):
    nan = torch.full_like(H.map[:1], torch.nan)
    target = HumanMap(torch.cat([H.map[:2], nan]), torch.cat([H.counts[:2], nan]))
    a = A.clone().requires_grad_()
    loss = alignment_loss(name, a, target, torch.tensor([1.0, 3.0, 0.0]))
    loss.backward()
    single = [alignment_loss(name, A[b : b + 1], HumanMap(H.map[b : b + 1], H.counts[b : b + 1])) for b in (0, 1)]
    assert loss.item() == pytest.approx((single[0] + 3 * single[1]).item() / 4)
    assert a.grad[2].abs().max() == 0
    assert a.grad[:2].isfinite().all()
    assert a.grad[:2].abs().max() > 0


@pytest.mark.parametrize("name", ALIGNMENT)
def test_a_batch_without_human_maps_costs_nothing(name):
    a = A.clone().requires_grad_()
    loss = alignment_loss(name, a, H, torch.zeros(3))
    loss.backward()
    assert loss.item() == 0
    assert a.grad.abs().max() == 0


@pytest.mark.parametrize("name", sorted(set(ALIGNMENT) - {"nss", "combined", "bce"}))
def test_zero_at_agreement_and_positive_elsewhere(name):
    assert alignment_loss(name, H.map, H).item() == pytest.approx(0, abs=1e-6)
    assert alignment_loss(name, A, H).item() > 1e-3


@pytest.mark.parametrize("name", sorted(set(ALIGNMENT) - {"nss"}))
def test_gradient_descent_approaches_the_human_map(name):
    scores = torch.zeros_like(H.map, requires_grad=True)
    optimizer = torch.optim.Adam([scores], lr=0.1)
    first = fixation.cc(torch.rand(3, 1, 6, 8, generator=torch.Generator().manual_seed(1)), H.map).mean()
    for _ in range(60):
        optimizer.zero_grad()
        # A constant map has no direction for CC; a small slope breaks the tie.
        ramp = torch.linspace(-0.1, 0.1, 48, dtype=torch.float64).view(1, 1, 6, 8)
        alignment_loss(name, torch.sigmoid(scores + ramp), H).backward()
        optimizer.step()
    assert fixation.cc(torch.sigmoid(scores + ramp).detach(), H.map).mean() > max(first, 0.5)


@pytest.mark.parametrize("name", ALIGNMENT)
@pytest.mark.parametrize("value", [0.0, 0.5, 1.0])
def test_constant_maps_and_empty_targets_stay_finite(name, value):
    a = torch.full((1, 1, 4, 4), value, requires_grad=True)
    empty = torch.zeros(1, 1, 4, 4)
    loss = alignment_loss(name, a, HumanMap(empty, empty))
    loss.backward()
    assert loss.isfinite()
    assert a.grad.isfinite().all()


def test_agree_with_the_metrics():
    """The losses and the published definitions differ by signs, constants and an epsilon."""
    expected = {
        "kl": fixation.kl_divergence(A, H.map),
        "cc": 1 - fixation.cc(A, H.map),
        "nss": -fixation.nss(A, POINTS),
        "sim": 1 - fixation.sim(A, H.map),
    }
    for name, values in expected.items():
        assert alignment_loss(name, A, H).item() == pytest.approx(values.mean().item(), abs=1e-4), name
    parts = [alignment_loss(name, A, H).item() for name in ("kl", "cc", "nss", "sim")]
    assert alignment_loss("combined", A, H).item() == pytest.approx(10 * parts[0] + 2 * parts[1] + parts[2] + parts[3])


def test_by_hand():
    a = torch.tensor([[[[0.5, 0.5], [0.25, 0.0]]]])
    h = torch.tensor([[[[1.0, 0.5], [0.0, 0.0]]]])
    target = HumanMap(h, h)
    assert alignment_loss("mse", a, target).item() == pytest.approx((0.25 + 0.0625) / 4)
    assert alignment_loss("hinge", a, target).item() == pytest.approx((0.4 + 0.15) / 4)
    expected = -(math.log(0.5) + math.log(0.5) + math.log(0.75) + math.log(1)) / 4
    assert alignment_loss("bce", a, target).item() == pytest.approx(expected, abs=1e-5)


def test_harmonizer_ignores_scale_and_offset():
    scaled = HumanMap(0.3 * H.map + 0.2, H.counts)
    torch.testing.assert_close(harmonizer(A, scaled), harmonizer(A, H))
    torch.testing.assert_close(harmonizer(0.5 * A + 0.1, H), harmonizer(A, H))


def test_half_precision_computes_in_single():
    loss = alignment_loss("kl", A.bfloat16(), HumanMap(H.map.bfloat16(), H.counts.bfloat16()))
    assert loss.dtype == torch.float32
    assert loss.item() == pytest.approx(alignment_loss("kl", A, H).item(), abs=0.05)


def test_bad_input():
    with pytest.raises(RegardError, match="'klx' is unknown: use one of kl, cc"):
        alignment_loss("klx", A, H)
    with pytest.raises(RegardError, match="differ in shape"):
        alignment_loss("kl", A[..., :4], H)
