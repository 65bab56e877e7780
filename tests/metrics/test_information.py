"""On channels with known mutual information: R >= I(Z;X) >= I(Z;Y) >= H(Y) - CE, each side computed independently."""

import itertools
import math

import numpy as np
import pytest
import scipy.integrate
import scipy.special
import scipy.stats
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from regard.metrics import information as info
from regard.types import RegardError

LN2 = math.log(2)


class GaussianChannel:
    """X ~ N(0, v), Z = X + s*eps, Y = [X > 0]; prior r = N(0, t); decoder q(1|z) = sigmoid(k z)."""

    def __init__(self, v, s, t, k):
        self.v, self.s, self.t, self.k = v, s, t, k

    @property
    def rate(self):  # E_x KL(N(x, s^2) || N(0, t))
        return 0.5 * (self.s**2 / self.t + self.v / self.t - 1 + math.log(self.t / self.s**2)) / LN2

    @property
    def about_x(self):
        return 0.5 * math.log2(1 + self.v / self.s**2)

    def _integral(self, f):
        width = math.sqrt(self.v + self.s**2)
        return scipy.integrate.quad(lambda z: scipy.stats.norm.pdf(z, scale=width) * f(z), -12 * width, 12 * width)[0]

    def p_label(self, z):
        """P(X > 0 | Z = z)."""
        gain = self.v / (self.v + self.s**2)
        return scipy.special.ndtr(gain * z / math.sqrt(gain * self.s**2))

    @property
    def about_y(self):
        def entropy(p):
            return -(scipy.special.xlogy(p, p) + scipy.special.xlogy(1 - p, 1 - p)) / LN2

        return 1 - self._integral(lambda z: entropy(self.p_label(z)))

    @property
    def lower(self):  # H(Y) - CE of the decoder
        def cross_entropy(z):
            p = self.p_label(z)
            return (p * np.logaddexp(0, -self.k * z) + (1 - p) * np.logaddexp(0, self.k * z)) / LN2

        return 1 - self._integral(cross_entropy)

    def sample(self, n, seed=0):
        g = torch.Generator().manual_seed(seed)
        x = math.sqrt(self.v) * torch.randn(n, 1, generator=g)
        x[n // 2 :] = -x[: n // 2]  # both labels equally often, as in the channel
        return x, x + self.s * torch.randn(n, 1, generator=g), torch.full((n, 1), float(self.s))


@pytest.mark.parametrize(
    "channel", [GaussianChannel(1, 0.5, 1, 3), GaussianChannel(4, 1, 5, 1), GaussianChannel(1, 2, 1, 0.5)]
)
def test_gaussian_channel_orders_the_bounds_and_our_estimates_meet_the_closed_forms(channel):
    assert channel.rate >= channel.about_x - 1e-12
    assert channel.about_x > channel.about_y > channel.lower - 1e-9

    mean, z, std = channel.sample(20_000)
    prior, posterior = torch.distributions.Normal(0, math.sqrt(channel.t)), torch.distributions.Normal(mean, std)
    rate = info.bits(torch.distributions.kl_divergence(posterior, prior).sum(1))
    assert rate.mean().item() == pytest.approx(channel.rate, abs=0.05)

    labels = (mean[:, 0] > 0).long()
    logit = channel.k * z[:, 0]
    nll = torch.nn.functional.softplus(torch.where(labels.bool(), -logit, logit))
    lower = info.label_information(nll, labels)
    assert lower.mean().item() == pytest.approx(channel.lower, abs=0.02)

    few = slice(0, 2000)
    above = info.bits(info.leave_one_out_bound(z[few], mean[few], std[few]).mean()).item()
    below = info.bits(info.info_nce(z[few], mean[few], std[few]).mean()).item()
    assert below <= above
    assert above == pytest.approx(channel.about_x, abs=0.08)
    assert below == pytest.approx(channel.about_x, abs=0.08)


def test_prior_equal_to_the_aggregate_makes_the_rate_exact():
    channel = GaussianChannel(3, 1, 4, 1)
    assert channel.rate == pytest.approx(channel.about_x)


def test_mixture_bounds_agree_with_densities_written_out():
    g = torch.Generator().manual_seed(0)
    mean, std = 50 + torch.randn(6, 3, generator=g), 0.1 + torch.rand(6, 3, generator=g)
    z = mean + std * torch.randn(6, 3, generator=g)
    density = scipy.stats.norm.pdf(z[:, None].double(), mean[None].double(), std[None].double()).prod(-1)
    own = density.diagonal()
    nce = np.log(own / density.mean(1))
    loo = np.log(own / ((density.sum(1) - own) / 5))
    assert info.info_nce(z, mean, std).tolist() == pytest.approx(nce.tolist(), rel=1e-6)
    assert info.leave_one_out_bound(z, mean, std).tolist() == pytest.approx(loo.tolist(), rel=1e-6)


def test_info_nce_cannot_exceed_the_logarithm_of_the_batch():
    mean = 100 * torch.arange(8.0)[:, None]
    assert info.bits(info.info_nce(mean, mean, torch.ones(8, 1))).tolist() == pytest.approx([3.0] * 8)


def mutual_information(joint):
    """Bits, from a joint table."""
    outer = joint.sum(1, keepdims=True) * joint.sum(0, keepdims=True)
    return scipy.special.rel_entr(joint, outer).sum() / LN2


table = st.lists(st.lists(st.integers(1, 9), min_size=3, max_size=3), min_size=4, max_size=4)


@settings(max_examples=40)
@given(
    encoder=table,
    decoder=st.lists(st.integers(1, 9), min_size=3, max_size=3),
    prior=st.lists(st.integers(1, 9), min_size=3, max_size=3),
)
def test_discrete_channel_orders_the_bounds_for_every_encoder_decoder_and_prior(encoder, decoder, prior):
    # X uniform on 4 symbols, Z on 3, Y = X mod 2; everything by exact enumeration.
    p_z = np.array(encoder) / np.sum(encoder, axis=1, keepdims=True)
    r = np.array(prior) / np.sum(prior)
    q1 = np.array(decoder) / 10  # q(Y=1 | z)
    rate = scipy.special.rel_entr(p_z, r).sum(1).mean() / LN2
    about_x = mutual_information(p_z / 4)
    joint_y = np.stack([p_z[[0, 2]].sum(0), p_z[[1, 3]].sum(0)]) / 4
    about_y = mutual_information(joint_y)
    # Our bound, item by item: one item for each (x, z), weighted by its probability.
    items = list(itertools.product(range(4), range(3)))
    labels = torch.tensor([x % 2 for x, _ in items])
    nll = torch.tensor([-math.log(q1[z] if x % 2 else 1 - q1[z]) for x, z in items])
    weight = torch.tensor([p_z[x, z] / 4 for x, z in items]).double()
    lower = (weight * info.label_information(nll, labels)).sum().item()
    assert rate >= about_x - 1e-9
    assert about_x >= about_y - 1e-9
    assert about_y >= lower - 1e-6


def test_bayes_decoder_meets_the_information_about_the_label():
    p_z = np.array([[0.5, 0.25, 0.25], [0.25, 0.25, 0.5]])  # X = Y, two symbols
    items = [(y, z) for y in range(2) for z in range(3) for _ in range(int(8 * p_z[y, z]))]  # 16 items, exact
    labels = torch.tensor([y for y, _ in items])
    posterior = p_z / p_z.sum(0)
    nll = torch.tensor([-math.log(posterior[y, z]) for y, z in items])
    assert info.label_information(nll, labels).mean().item() == pytest.approx(mutual_information(p_z / 2), abs=1e-6)


def test_label_entropy_is_that_of_the_frequencies():
    labels = torch.tensor([0, 0, 0, 5])
    assert info.label_entropy(labels) == pytest.approx(scipy.stats.entropy([0.75, 0.25]))
    guess = torch.tensor([-math.log(0.75)] * 3 + [-math.log(0.25)])
    assert info.label_information(guess, labels).tolist() == pytest.approx([0.0] * 4, abs=1e-6)


def test_bits_of_floats_and_tensors():
    assert info.bits(LN2) == pytest.approx(1)
    assert info.bits(torch.tensor([2 * LN2])).item() == pytest.approx(2)


def test_bad_input_is_named():
    one = torch.zeros(1, 2)
    with pytest.raises(RegardError, match="at least two"):
        info.leave_one_out_bound(one, one, one + 1)
    with pytest.raises(RegardError, match="2 values of nll for 3 labels"):
        info.label_information(torch.zeros(2), torch.zeros(3, dtype=torch.long))
