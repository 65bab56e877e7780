import math

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch.distributions import Normal, kl_divergence

from regard.bottleneck import DECODERS, GaussianBottleneck, build_decoder, gaussian_kl, released_penalty


@pytest.fixture(autouse=True)
def _seed():
    torch.manual_seed(0)


def learned(in_features=6, latent=5, **options):
    """A bottleneck with a prior away from its initial values."""
    bottleneck = GaussianBottleneck(in_features, latent, prior="learned", **options)
    with torch.no_grad():
        bottleneck.prior_mean.normal_()
        bottleneck.prior_log_std.normal_(std=0.5)
    return bottleneck


def divergence(out, prior):
    return kl_divergence(Normal(out.mean.double(), out.std.double()), prior).sum(1)


def test_the_rate_is_the_divergence_from_a_standard_prior():
    out = GaussianBottleneck(6, 5)(torch.randn(7, 6), sample=True)
    standard = Normal(torch.zeros(5).double(), torch.ones(5).double())
    torch.testing.assert_close(out.rate.double(), divergence(out, standard), rtol=1e-6, atol=1e-6)
    assert out.rate.shape == out.penalty.shape == (7,)
    assert torch.equal(out.penalty, out.rate)


def test_the_rate_is_the_divergence_from_a_learned_prior():
    bottleneck = learned()
    out = bottleneck(torch.randn(7, 6), sample=True)
    prior = Normal(bottleneck.prior_mean.double(), bottleneck.prior_log_std.double().exp())
    torch.testing.assert_close(out.rate.double(), divergence(out, prior), rtol=1e-6, atol=1e-6)
    out.rate.sum().backward()
    assert torch.all(bottleneck.prior_mean.grad != 0)
    assert torch.all(bottleneck.prior_log_std.grad != 0)


@settings(deadline=None)
@given(st.floats(-30, 30), st.floats(1e-6, 30), st.floats(-30, 30), st.floats(-5, 5))
def test_the_closed_form_holds_everywhere_and_is_never_negative(mean, std, prior_mean, prior_log_std):
    m, s, pm, pl = (torch.tensor([x], dtype=torch.float64) for x in (mean, std, prior_mean, prior_log_std))
    got = gaussian_kl(m[None], s[None], pm, pl)
    torch.testing.assert_close(got, kl_divergence(Normal(m, s), Normal(pm, pl.exp())), rtol=1e-9, atol=1e-9)
    assert got.item() >= -1e-9


def test_matching_the_prior_costs_nothing():
    prior_mean, prior_log_std = torch.randn(4), torch.randn(4)
    got = gaussian_kl(prior_mean.expand(3, 4), prior_log_std.exp().expand(3, 4), prior_mean, prior_log_std)
    torch.testing.assert_close(got, torch.zeros(3), atol=1e-5, rtol=0)


def test_on_a_gaussian_channel_the_best_prior_gives_the_mutual_information_and_others_more():
    gain, noise = 1.7, 0.6
    mean = gain * Normal(0.0, 1.0).icdf((torch.arange(100_000, dtype=torch.float64) + 0.5) / 100_000)[:, None]
    std = torch.full_like(mean, noise)
    information = 0.5 * math.log(1 + gain**2 / noise**2)
    best = torch.tensor([0.5 * math.log(gain**2 + noise**2)], dtype=torch.float64)
    assert gaussian_kl(mean, std, torch.zeros(1).double(), best).mean().item() == pytest.approx(information, rel=1e-3)
    assert gaussian_kl(mean, std).mean().item() > 1.2 * information


def test_the_released_penalty_is_the_codes_formula_and_no_rate():
    bottleneck = GaussianBottleneck(6, 5, kl="released")
    out = bottleneck(torch.randn(7, 6), sample=True)
    formula = (-out.std + (torch.exp(2 * out.std) + out.mean**2) / 2 - 0.5).sum(1)
    torch.testing.assert_close(out.penalty, formula)
    mistaken = kl_divergence(Normal(out.mean, out.std.exp()), Normal(torch.zeros(5), torch.ones(5))).sum(1)
    torch.testing.assert_close(out.penalty, mistaken)  # a standard deviation taken for its logarithm
    torch.testing.assert_close(
        out.rate.double(), divergence(out, Normal(torch.zeros(5).double(), 1.0)), rtol=1e-6, atol=1e-6
    )
    assert torch.all(out.rate > 5 * out.penalty)


def test_the_released_penalty_drives_noise_to_zero_where_the_rate_widens_it():
    mean, std = torch.zeros(1, 1), torch.full((1, 1), 0.1, requires_grad=True)
    assert torch.autograd.grad(released_penalty(mean, std).sum(), std)[0] > 0
    assert torch.autograd.grad(gaussian_kl(mean, std).sum(), std)[0] < 0


@pytest.mark.parametrize("prior", ["standard", "learned"])
@pytest.mark.parametrize("scale", [1e-3, 0.1, 1.0])
def test_an_exact_latent_starts_below_two_nats_a_dimension(prior, scale):
    bottleneck = GaussianBottleneck(512, 256, prior=prior)
    rate = bottleneck(scale * torch.randn(32, 512).relu(), sample=True).rate
    assert rate.max() < 2 * 256
    assert rate.min() > 0


def test_a_released_latent_starts_as_the_code_does():
    bottleneck = GaussianBottleneck(512, 256, kl="released")
    torch.nn.init.zeros_(bottleneck.encode.weight)
    torch.nn.init.zeros_(bottleneck.encode.bias)
    out = bottleneck(torch.randn(2, 512), sample=True)
    assert out.std.mean().item() == pytest.approx(0.0067, abs=1e-4)
    assert out.rate.mean().item() == pytest.approx(1153, abs=2)


@pytest.mark.parametrize("prior", ["standard", "learned"])
@pytest.mark.parametrize("value", [0.0, 1e-30, 1e4, -1e10, 1e18])
def test_extreme_inputs_give_finite_rates_and_gradients(prior, value):
    bottleneck = GaussianBottleneck(8, 4, prior=prior)
    h = (value * torch.linspace(-1, 2, 8).expand(3, 8)).requires_grad_()
    out = bottleneck(h, sample=True)
    (out.z.square().sum() + out.penalty.sum()).backward()
    assert torch.isfinite(out.rate).all()
    for gradient in (h.grad, *(p.grad for p in bottleneck.parameters())):
        assert torch.isfinite(gradient).all()


@pytest.mark.parametrize("std", [1e-18, 1e-6, 1e6])
def test_extreme_posteriors_have_finite_gradients(std):
    mean, spread = torch.full((2, 3), 1e4, requires_grad=True), torch.full((2, 3), std, requires_grad=True)
    gaussian_kl(mean, spread).sum().backward()
    assert torch.isfinite(mean.grad).all()
    assert torch.isfinite(spread.grad).all()


def test_rates_are_float32_under_bfloat16_autocast():
    bottleneck = learned()
    h = torch.randn(7, 6).bfloat16()
    with torch.autocast("cpu", torch.bfloat16):
        out = bottleneck(h, sample=False)
    assert {t.dtype for t in vars(out).values()} == {torch.float32}
    torch.testing.assert_close(out.rate, bottleneck(h.float(), sample=False).rate, rtol=0, atol=0)


@pytest.mark.parametrize("kl", ["exact", "released"])
def test_a_sample_has_the_moments_of_the_posterior_and_the_mean_is_the_mean(kl):
    bottleneck = GaussianBottleneck(6, 5, kl=kl)
    h = torch.randn(1, 6)
    state = torch.get_rng_state()
    quiet = bottleneck(h, sample=False)
    assert torch.equal(state, torch.get_rng_state())
    assert torch.equal(quiet.z, quiet.mean)
    noisy = bottleneck(h.expand(20_000, 6), sample=True)
    assert torch.all((noisy.z.mean(0) - quiet.mean[0]).abs() < 5 * quiet.std[0] / 20_000**0.5)
    torch.testing.assert_close(noisy.z.std(0), quiet.std[0], rtol=0.05, atol=0)


def test_a_reset_restores_the_initial_values():
    bottleneck = learned()
    weight = bottleneck.encode.weight.clone()
    bottleneck.reset_parameters()
    assert not torch.equal(bottleneck.encode.weight, weight)
    assert torch.all(bottleneck.prior_mean == 0)
    assert torch.all(bottleneck.prior_log_std == 0)


def test_state_dict_round_trip():
    trained, fresh = learned(), GaussianBottleneck(6, 5, prior="learned")
    h = torch.randn(3, 6)
    assert not torch.equal(fresh(h, sample=False).rate, trained(h, sample=False).rate)
    fresh.load_state_dict(trained.state_dict())
    assert torch.equal(fresh(h, sample=False).rate, trained(h, sample=False).rate)


SIZES = {
    "linear": 6 * 3 + 3,
    "mlp": (6 * 6 + 6) + (6 * 3 + 3),
    "relu_linear": 6 * 3 + 3,
}


@pytest.mark.parametrize("name", DECODERS)
def test_every_decoder_has_its_size_and_trains_all_parameters(name):
    torch.manual_seed(0)
    decoder = build_decoder(name, 6, 3)
    assert sum(p.numel() for p in decoder.parameters()) == SIZES[name]
    logits = decoder(torch.randn(5, 6))
    assert logits.shape == (5, 3)
    logits.square().sum().backward()
    assert all(p.grad.abs().sum() > 0 for p in decoder.parameters())


def test_only_the_decoders_of_the_paper_are_nonlinear():
    z = torch.randn(4, 6)
    for name in DECODERS:
        decoder = build_decoder(name, 6, 3)
        origin = decoder(torch.zeros(4, 6))
        linear = torch.allclose(decoder(2 * z) - origin, 2 * (decoder(z) - origin), atol=1e-5)
        odd = torch.allclose(decoder(-z) - origin, -(decoder(z) - origin), atol=1e-5)
        assert (linear and odd) is (name == "linear")
