import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import zscore
from tests.metrics.fixation.golden import FIX, S, gauss, points

from regard.metrics.fixation import fixation_scores, nss
from regard.types import RegardError


def test_golden():
    assert nss(S, FIX).item() == pytest.approx(0.4700159919, abs=1e-9)
    assert nss(S, FIX, convention="mit").item() == pytest.approx(0.4550910273, abs=1e-9)


def test_pysaliency_literals():
    xy = [(0, 10), (1, 11), (2, 12), (2, 12), (2, 12), (1, 21), (5, 25), (3, 33)]
    expected = [-0.821596006113, -0.789526121554, -0.740616174533, -0.740616174533, -0.740616174533]
    expected += [-0.707322347863, -0.433094498355, -0.800070419267]
    assert nss(gauss().expand(8, 1, 40, 40), points([[p] for p in xy])).tolist() == pytest.approx(expected, abs=1e-9)
    images = nss(gauss().expand(2, 1, 40, 40), points([xy[:5], xy[5:]]))
    assert images.mean().item() == pytest.approx(-0.706711609374163, abs=1e-9)


@settings(max_examples=25, deadline=None)
@given(st.integers(0, 2**31), st.integers(1, 5), st.integers(2, 5))
def test_against_scipy(seed, h, w):
    generator = torch.Generator().manual_seed(seed)
    maps = torch.randn(1, 1, h, w, generator=generator, dtype=torch.float64)
    xy = torch.rand(1, 4, 2, generator=generator, dtype=torch.float64) * torch.tensor([w, h])
    for convention, ddof in (("tuebingen", 0), ("mit", 1)):
        z = zscore(maps.numpy().ravel(), ddof=ddof).reshape(h, w)
        pixels = [(int(y), int(x)) for x, y in xy[0]]
        counted = pixels if convention == "tuebingen" else sorted(set(pixels))  # NSS.m averages over a binary mask
        expected = sum(z[pixel] for pixel in counted) / len(counted)
        assert nss(maps, xy, convention=convention).item() == pytest.approx(expected, abs=1e-9)
        assert nss(7 * maps + 3, xy, convention=convention).item() == pytest.approx(expected, abs=1e-9)


def test_each_convention_counts_repeated_fixations_in_one_way():
    once, often = points([[(1, 1), (3, 2)]]), points([[(1, 1), (3, 2), (3, 2), (3, 2)]])
    assert nss(S, often, convention="mit").item() == pytest.approx(nss(S, once, convention="mit").item(), abs=1e-12)
    values = S.double().flatten()
    z = (S.double() - values.mean()) / values.std(unbiased=False)
    assert nss(S, often).item() == pytest.approx(((z[0, 0, 1, 1] + 3 * z[0, 0, 2, 3]) / 4).item(), abs=1e-12)
    scores = [fixation_scores(S, xy, S, convention="mit")["nss"].item() for xy in (once, often)]
    assert scores == pytest.approx([nss(S, once, convention="mit").item()] * 2, abs=1e-12)


def test_undefined():
    maps = torch.full((2, 1, 3, 3), 0.1)
    got = nss(maps, points([[(0, 0)], []]))
    assert got[0] == 0
    assert got[1].isnan()
    assert nss(maps, points([[(0, 0)], []]), convention="mit").isnan().all()
    assert nss(torch.ones(1, 1, 1, 1), points([[(0, 0)]])).item() == 0


def test_gradient():
    maps = torch.rand(2, 1, 3, 4, dtype=torch.float64, requires_grad=True)
    assert torch.autograd.gradcheck(lambda m: nss(m, points([[(0, 0), (3, 2)], [(1, 1)]])), maps)


def test_takes_no_density():
    with pytest.raises(RegardError, match="no list of fixations"):
        nss(S, S)
