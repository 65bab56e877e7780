import math

import torch
from hypothesis import given
from hypothesis import strategies as st

from regard.data.random_counter import hashes, permutation, uniforms


def splitmix(state: int) -> int:
    """The published generator's step on Python integers."""
    z = (state + 0x9E3779B97F4A7C15) % 2**64
    z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9 % 2**64
    z = (z ^ (z >> 27)) * 0x94D049BB133111EB % 2**64
    return z ^ (z >> 31)


@given(
    seed=st.integers(-(2**70), 2**70), epoch=st.integers(0, 10**6), index=st.integers(0, 2**40), draw=st.integers(0, 5)
)
def test_tensor_arithmetic_equals_splitmix_on_integers(seed, epoch, index, draw):
    key = splitmix(splitmix(splitmix(seed) + epoch) + 7)
    golden = 0x9E3779B97F4A7C15
    state = splitmix(key + (index - 1) * golden)
    expected = splitmix(state + draw * golden) >> 40
    got = uniforms(torch.tensor([index]), draw + 1, seed=seed, epoch=epoch, stream=7)[0, draw]
    assert got.item() == expected / 2**24


def test_uniforms_are_uniform_and_uncorrelated():
    u = uniforms(torch.arange(50_000), 6, seed=3, epoch=2).double()
    assert u.min() >= 0
    assert u.max() < 1
    assert (u.mean(0) - 0.5).abs().max() < 4 / math.sqrt(12 * 50_000)
    counts = torch.histc(u, 64, 0, 1)
    expected = u.numel() / 64
    assert ((counts - expected) ** 2 / expected).sum() < 120  # chi-square with 63 degrees: p about 1e-5
    off = torch.corrcoef(u.T) - torch.eye(6)
    assert off.abs().max() < 0.025
    assert torch.corrcoef(torch.stack([u[:-1, 0], u[1:, 0]]))[0, 1].abs() < 0.025


def test_a_sample_is_independent_of_its_company_and_of_the_number_of_draws():
    index = torch.tensor([5, 17, 3])
    many = uniforms(index, 8, seed=1, epoch=4)
    for i, row in zip(index, many, strict=True):
        assert torch.equal(uniforms(i[None], 3, seed=1, epoch=4)[0], row[:3])


def test_seed_epoch_and_stream_are_told_apart():
    index = torch.arange(20)
    base = hashes(index, seed=1, epoch=1, stream=1)
    for other in ({"seed": 2}, {"epoch": 2}, {"stream": 2}, {"seed": 2, "epoch": 0}):
        assert not torch.isin(base, hashes(index, **{"seed": 1, "epoch": 1, "stream": 1, **other})).any()


def test_permutation_is_one_and_changes_with_the_epoch():
    first, second = permutation(1000, seed=0, epoch=0), permutation(1000, seed=0, epoch=1)
    assert torch.equal(first.sort().values, torch.arange(1000))
    assert torch.equal(first, permutation(1000, seed=0, epoch=0))
    assert (first == second).float().mean() < 0.02
    assert permutation(0, seed=0).shape == (0,)
