"""Noise by image: the same for an image in any batch, standard normal, and no trace on the global generator."""

import pytest
import torch

from regard.backbones import ImageNoise, image_seeds
from regard.types import RegardError


def images(count: int = 3) -> torch.Tensor:
    return torch.rand(count, 3, 8, 8, generator=torch.Generator().manual_seed(1))


def draws(shape: tuple[int, ...], seeds: tuple[int, ...], stream: str = "layer", samples: int = 1) -> torch.Tensor:
    with ImageNoise(seeds, stream, samples):
        return torch.randn_like(torch.empty(shape))


def test_seeds_are_of_the_image_alone() -> None:
    own = image_seeds(images())
    assert len(set(own)) == 3
    assert image_seeds(images()[[2, 0]]) == (own[2], own[0])
    assert image_seeds(images().double()) == own
    assert image_seeds(images() + 1e-7) == own
    assert image_seeds(images() + 1 / 255) != own
    assert image_seeds(-images()) != own  # flow has negative values


@pytest.mark.parametrize("shape", [(3, 4, 5, 5), (1, 3, 1, 5, 5), (3, 7)])
def test_a_draw_depends_on_image_stream_and_place_not_on_the_batch(shape: tuple[int, ...]) -> None:
    seeds = image_seeds(images())
    own = draws(shape, seeds).reshape(3, -1)
    one = (1, 1, *shape[2:]) if len(shape) == 5 else (1, *shape[1:])
    assert torch.equal(draws(one, seeds[1:2]).reshape(1, -1), own[1:2])
    assert torch.equal(draws(shape, seeds).reshape(3, -1), own)
    assert not torch.equal(draws(shape, seeds, "another").reshape(3, -1), own)


def test_samples_are_sample_major_and_the_first_is_that_of_one() -> None:
    seeds = image_seeds(images(2))
    four = draws((4, 2, 1, 6, 6), seeds, samples=4)
    flat = draws((8, 1, 6, 6), seeds, samples=4)
    assert torch.equal(four.flatten(0, 1), flat)
    assert torch.equal(four[0], draws((2, 1, 6, 6), seeds))
    assert len({tuple(row.flatten().tolist()) for row in flat}) == 8


def test_draws_are_standard_normal_and_uniform() -> None:
    with ImageNoise(image_seeds(images(4)), "layer"):
        normal, uniform = torch.randn(4, 40_000), torch.rand_like(torch.empty(4, 40_000))
    assert normal.mean(1).abs().max() < 0.02
    assert (normal.std(1) - 1).abs().max() < 0.02
    assert (uniform.mean(1) - 0.5).abs().max() < 0.01
    assert uniform.min() >= 0
    assert uniform.max() < 1


def test_the_global_generator_is_neither_read_nor_moved() -> None:
    seeds, states = image_seeds(images()), []
    for seed in (1, 2):
        torch.manual_seed(seed)
        states.append(draws((3, 5), seeds))
        following = torch.rand(3)
        torch.manual_seed(seed)
        assert torch.equal(torch.rand(3), following)
    assert torch.equal(*states)


def test_noise_that_is_not_one_per_image_is_refused() -> None:
    seeds = image_seeds(images())
    with pytest.raises(RegardError, match="is not one per image"):
        draws((1, 4, 5, 5), seeds)
    with ImageNoise(seeds, "layer"), pytest.raises(RegardError, match="bernoulli"):
        torch.bernoulli(torch.full((3, 2), 0.5))
