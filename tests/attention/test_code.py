import math

import pytest
import torch
from torch.distributions import Normal

from regard.attention import AnchorQuantizer, expected_code_length, midpoints


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
        """Bytes of the distinct tensors that autograd holds on to."""
        mean, std, boundaries, log_prior = world(levels)
        held = {}
        with torch.autograd.graph.saved_tensors_hooks(lambda t: held.setdefault(id(t), t), lambda t: t):
            length = expected_code_length(mean.requires_grad_(), std.requires_grad_(), boundaries, log_prior)
        assert length.requires_grad
        return sum(t.nbytes for t in held.values())

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
