import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.ndimage import gaussian_filter
from scipy.stats import entropy, pearsonr
from tests.metrics.fixation.golden import G1, S1, G, S, gauss

from regard.metrics.fixation import cc, kl_divergence, sim
from regard.types import RegardError


def test_golden():
    assert cc(S, G).item() == pytest.approx(0.2152674602, abs=1e-9)
    assert sim(S, G, convention="mit").item() == pytest.approx(0.4318181818, abs=1e-9)
    assert kl_divergence(S, G).item() == pytest.approx(0.9789662142, abs=1e-9)
    assert kl_divergence(S, G, convention="mit").item() == pytest.approx(0.9789662142, abs=1e-9)


def test_golden_conventions_apart():
    assert sim(S1, G1, convention="mit").item() == pytest.approx(0.4318181818, abs=1e-9)
    assert sim(S1, G1).item() == pytest.approx(0.6362229102, abs=1e-9)


def test_pysaliency_literals():
    """Its Gaussian model against a constant gold standard, and against fixations blurred by sigma 10."""
    flat = torch.ones(1, 1, 40, 40)
    for convention in ("tuebingen", "mit"):
        assert kl_divergence(gauss(), flat, convention=convention).item() == pytest.approx(0.8396272788909165, abs=1e-9)
    assert sim(gauss(), flat).item() == pytest.approx(0.54392, abs=1e-6)
    assert kl_divergence(gauss(), gauss()).item() == pytest.approx(0, abs=1e-12)
    gold = torch.zeros(2, 1, 40, 40, dtype=torch.float64)
    for b, xy in ((0, [(0, 10), (1, 11), (2, 12)]), (1, [(1, 21), (5, 25), (3, 33)])):
        for x, y in xy:
            gold[b, 0, y, x] = 1
        gold[b, 0] = torch.from_numpy(gaussian_filter(gold[b, 0].numpy(), 10))
    maps = gauss().expand(2, 1, 40, 40)
    assert kl_divergence(maps, gold).mean().item() == pytest.approx(2.029283206727416, abs=1e-9)
    assert cc(maps, gold).mean().item() == pytest.approx(-0.1542654, abs=5e-8)  # as many digits as it states
    assert sim(maps, gold).mean().item() == pytest.approx(0.315899, abs=5e-7)


@settings(max_examples=25, deadline=None)
@given(st.integers(0, 2**31), st.integers(1, 5), st.integers(2, 5), st.booleans())
def test_against_scipy(seed, h, w, zeros):
    generator = torch.Generator().manual_seed(seed)
    a, b = torch.rand(2, 1, 1, h, w, generator=generator, dtype=torch.float64)
    if zeros:
        b = b * (b > 0.5) + (b == b.max())
    pa, pb = a.numpy().ravel() / a.sum().item(), b.numpy().ravel() / b.sum().item()
    assert cc(a, b).item() == pytest.approx(pearsonr(pa, pb).statistic, abs=1e-9)
    assert kl_divergence(a, b).item() == pytest.approx(entropy(pb, pa), abs=1e-9)
    assert kl_divergence(a, b, convention="mit").item() == pytest.approx(entropy(pb, pa), abs=1e-9)
    assert sim(a, b).item() == pytest.approx(np.minimum(pa, pb).sum(), abs=1e-12)
    assert sim(3 * a, b).item() == pytest.approx(sim(b, a).item(), abs=1e-12)


def test_zeros_where_people_looked_are_finite_and_differ_by_convention():
    p = torch.tensor([[[[1.0, 0.0]]]])
    g = torch.tensor([[[[0.5, 0.5]]]])
    assert kl_divergence(p, g).item() == pytest.approx(np.log(0.5) + 0.5 * np.log(1e20), rel=1e-9)
    assert kl_divergence(p, g, convention="mit").item() == pytest.approx(
        np.log(0.5) + 0.5 * np.log(1 / 2.2204e-16), rel=1e-9
    )


def test_undefined():
    flat, zero, some = torch.full((1, 1, 2, 2), 0.3), torch.zeros(1, 1, 2, 2), torch.rand(1, 1, 2, 2)
    for a, b in ((flat, some), (some, flat), (flat, flat)):
        assert cc(a, b).isnan().all()
        assert sim(a, b, convention="mit").isnan().all()
        assert not sim(a, b).isnan().any()
    for convention in ("tuebingen", "mit"):
        for a, b in ((zero, some), (some, zero)):
            assert kl_divergence(a, b, convention=convention).isnan().all()
            assert sim(a, b, convention=convention).isnan().all()


def test_bad_input():
    for metric in (cc, sim, kl_divergence):
        with pytest.raises(RegardError, match="differ in shape"):
            metric(S, torch.rand(1, 1, 4, 5))
        with pytest.raises(RegardError, match="finite"):
            metric(S, torch.where(G == 4, torch.nan, G))
    for metric in (sim, kl_divergence):
        with pytest.raises(RegardError, match=r"negative.*-0.5 at x=0, y=0"):
            metric(S - 0.5, G)


@pytest.mark.parametrize("metric", [cc, sim, kl_divergence])
def test_gradient(metric):
    generator = torch.Generator().manual_seed(0)
    a = torch.rand(2, 1, 3, 3, generator=generator, dtype=torch.float64, requires_grad=True)
    b = torch.rand(2, 1, 3, 3, generator=generator, dtype=torch.float64)
    assert torch.autograd.gradcheck(lambda m: metric(m, b), a)
