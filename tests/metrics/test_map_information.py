"""Mutual information of a random map and the image, against scipy and closed forms."""

import math

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from scipy.integrate import quad
from scipy.special import rel_entr
from scipy.stats import norm

from regard.metrics import map_information
from regard.types import RegardError


def _maps(seed: int, images: int, side: int) -> tuple[torch.Tensor, torch.Tensor]:
    generator = torch.Generator().manual_seed(seed)
    shape = (images, 1, side, side)
    return torch.rand(shape, generator=generator), 0.01 + 0.2 * torch.rand(shape, generator=generator)


def test_map_information_is_the_mutual_information_of_image_and_cell() -> None:
    mean, std = _maps(0, 7, 2)
    edges = torch.tensor([0.2, 0.45, 0.7])
    expected = 0.0
    for y in range(2):
        for x in range(2):
            below = norm.cdf(edges[None], mean[:, 0, y, x, None], std[:, 0, y, x, None])
            joint = np.diff(np.pad(below, ((0, 0), (1, 1)), constant_values=((0, 0), (0, 1))), axis=1) / 7
            expected += rel_entr(joint, joint.sum(1, keepdims=True) * joint.sum(0, keepdims=True)).sum()
    assert map_information(mean, std, edges).mean().item() == pytest.approx(expected, abs=1e-6)


def test_fine_cells_reach_the_information_of_the_continuous_map() -> None:
    mean = torch.tensor([0.35, 0.5, 0.6]).view(3, 1, 1, 1)
    std = torch.full_like(mean, 0.06)

    def density(a: float) -> float:
        return float(np.mean(norm.pdf(a, mean.flatten(), 0.06)))

    entropy = quad(lambda a: -density(a) * math.log(density(a)), 0, 1, epsabs=1e-9)[0]
    noise = 0.5 * math.log(2 * math.pi * math.e * 0.06**2)
    assert map_information(mean, std).mean().item() == pytest.approx(entropy - noise, abs=1e-3)


@given(seed=st.integers(0, 99), images=st.integers(2, 9), levels=st.integers(1, 6))
def test_joining_cells_loses_information_and_the_image_bounds_it(seed: int, images: int, levels: int) -> None:
    mean, std = _maps(seed, images, 2)
    fine = torch.linspace(0, 1, 2 * levels + 1)[1:-1]
    fine_nats, joined_nats = (map_information(mean, std, edges).mean().item() for edges in (fine, fine[1::2]))
    assert -1e-12 <= joined_nats <= fine_nats + 1e-12
    assert fine_nats <= 4 * math.log(images) + 1e-9


def test_equal_maps_have_no_information_and_one_image_is_refused() -> None:
    mean, std = torch.full((4, 1, 3, 3), 0.3), torch.full((4, 1, 3, 3), 0.1)
    assert map_information(mean, std).abs().max() < 1e-12
    with pytest.raises(RegardError, match="at least two"):
        map_information(mean[:1], std[:1])
