"""Comparison of maps of two networks, equal, reversed or unrelated, and the floors of that comparison."""

import math

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.metrics.oracles import random_map

from regard.metrics import controls
from regard.metrics.sanity import sanity
from regard.types import Map, RegardError

COUNT = 20
IMAGES = torch.rand(COUNT, 3, 8, 8, generator=torch.Generator().manual_seed(0))
CLASSES, INDEX = torch.zeros(COUNT, dtype=torch.long), torch.arange(COUNT)


def brightness(x, _):
    return Map(x.mean(1, keepdim=True), "relevance")


def darkness(x, _):
    return Map(1 - x.mean(1, keepdim=True), "relevance")


def centred(x, _):
    return controls.center_map(len(x), (8, 8))


def given_map(values):
    return lambda x, _: Map(values[: len(x)].clone(), "relevance")


def test_equal_and_reversed_maps_differ_and_the_floor_is_reported():
    same = sanity(brightness, brightness, IMAGES, CLASSES, index=INDEX)
    assert torch.allclose(same.likeness.spearman, torch.ones(COUNT))
    assert torch.allclose(same.likeness.ssim, torch.ones(COUNT), atol=1e-6)
    turned = sanity(brightness, darkness, IMAGES, CLASSES, index=INDEX)
    assert torch.allclose(turned.likeness.spearman, -torch.ones(COUNT))
    assert (turned.likeness.ssim < 0).all()
    assert abs(same.floor.spearman.mean()) < 0.1
    assert abs(same.same.spearman.mean()) < 0.1


def test_a_map_independent_of_the_image_is_as_similar_across_images():
    """This is why the result includes the control with another image's map."""
    blind = sanity(centred, centred, IMAGES, CLASSES, index=INDEX)
    assert torch.allclose(blind.same.spearman, torch.ones(COUNT))
    assert sanity(centred, centred, IMAGES[:1], CLASSES[:1], index=INDEX[:1]).same is None


@settings(max_examples=20, deadline=None)
@given(seed=st.integers(0, 10_000), power=st.floats(0.2, 4), scale=st.floats(1e-3, 1e3))
def test_an_increasing_change_of_the_other_map_keeps_the_rank_correlation(seed, power, scale):
    values = random_map(3, seed).values
    bent = scale * values.double() ** power
    other = random_map(3, seed + 1).values
    plain, changed = (
        sanity(given_map(other), given_map(v), IMAGES[:3], CLASSES[:3], index=INDEX[:3]) for v in (values, bent)
    )
    assert torch.allclose(plain.likeness.spearman, changed.likeness.spearman, atol=1e-4)
    assert plain.likeness.spearman.abs().max() <= 1
    assert plain.likeness.ssim.abs().max() <= 1 + 1e-6


def test_the_floor_is_a_random_map_with_the_other_maps_values():
    own, other = random_map(4, 1), random_map(4, 2)
    result = sanity(given_map(own.values), given_map(other.values), IMAGES[:4], CLASSES[:4], index=INDEX[:4], seed=3)
    random = controls.random_like(other, index=INDEX[:4], seed=3)
    expected = sanity(given_map(own.values), given_map(random.values), IMAGES[:4], CLASSES[:4], index=INDEX[:4])
    assert torch.equal(result.floor.spearman, expected.likeness.spearman)
    assert torch.equal(result.floor.ssim, expected.likeness.ssim)
    moved = sanity(given_map(own.values), given_map(other.values), IMAGES[:4], CLASSES[:4], index=INDEX[:4] + 9, seed=3)
    assert not torch.equal(moved.floor.spearman, result.floor.spearman), "a function of the image's index"


def test_scores_of_an_image_do_not_depend_on_other_images():
    whole = sanity(brightness, darkness, IMAGES, CLASSES, index=INDEX)
    part = sanity(brightness, darkness, IMAGES[5:7], CLASSES[5:7], index=INDEX[5:7], batch_size=1)
    for name in ("likeness", "floor"):
        for kind in ("spearman", "ssim"):
            assert torch.equal(getattr(getattr(whole, name), kind)[5:7], getattr(getattr(part, name), kind))


@pytest.mark.parametrize(
    ("value", "kind"), [(0.0, "all zero"), (0.1, "constant"), (math.nan, "nan"), (math.inf, "inf")]
)
def test_a_map_without_ranks_is_undefined_and_does_not_affect_others(value, kind):
    values = random_map(3).values
    values[1] = value if kind in ("all zero", "constant") else values[1]
    values[1, 0, 2, 2] = value
    for maps in ((values, random_map(3, 2).values), (random_map(3, 2).values, values)):
        result = sanity(*map(given_map, maps), IMAGES[:3], CLASSES[:3], index=INDEX[:3])
        assert result.likeness.spearman.isnan().tolist() == [False, True, False]
        assert result.likeness.ssim.isnan().tolist() == [False, True, False]


def test_a_map_that_is_constant_but_for_rounding_is_constant():
    """Resizing a constant leaves steps of 1e-8, and their ranks come from the interpolation, not from the network."""
    coarse, grid = Map(torch.full((1, 1, 5, 5), 0.1), "relevance"), (37, 37)
    resized = coarse.resize(grid).values
    assert resized.amax() > resized.amin(), "or this test shows nothing"
    result = sanity(given_map(resized), given_map(resized), IMAGES[:1], CLASSES[:1], index=INDEX[:1])
    assert result.likeness.spearman.isnan().all()
    assert result.likeness.ssim.isnan().all()


def test_ties_count_by_midranks():
    """By hand: ranks (1.5, 1.5, 3.5, 3.5) and (1, 2.5, 2.5, 4)."""
    own = torch.tensor([0.0, 0.0, 1.0, 1.0]).view(1, 1, 2, 2)
    other = torch.tensor([0.0, 1.0, 1.0, 2.0]).view(1, 1, 2, 2)
    result = sanity(given_map(own), given_map(other), IMAGES[:1], CLASSES[:1], index=INDEX[:1])
    assert result.likeness.spearman.item() == pytest.approx(3 / math.sqrt(4 * 4.5))
    assert result.likeness.ssim.isnan().all(), "two cells a side have no structure"


def test_one_pixel_and_no_image():
    one = sanity(
        given_map(torch.ones(1, 1, 1, 1)), given_map(torch.ones(1, 1, 1, 1)), IMAGES[:1], CLASSES[:1], index=INDEX[:1]
    )
    assert one.likeness.spearman.isnan().all()
    none = sanity(brightness, brightness, IMAGES[:0], CLASSES[:0], index=INDEX[:0])
    assert none.likeness.spearman.shape == none.floor.ssim.shape == (0,)


def test_the_second_map_is_resized_to_the_grid_of_the_first():
    fine = Map(random_map(2, 5, (4, 4)).resize((8, 8)).values, "relevance")
    result = sanity(
        given_map(fine.values), given_map(random_map(2, 5, (4, 4)).values), IMAGES[:2], CLASSES[:2], index=INDEX[:2]
    )
    assert torch.allclose(result.likeness.spearman, torch.ones(2), atol=1e-4)


def test_given_maps_are_not_computed_again_and_both_networks_explain_the_same_class():
    calls = []

    def explain(x, classes):
        calls.append(classes.tolist())
        return brightness(x, classes)

    classes = torch.tensor([4, 7, 1])
    sanity(explain, explain, IMAGES[:3], classes, index=INDEX[:3], batch_size=2)
    assert calls == [[4, 7], [1], [4, 7], [1]]
    calls.clear()
    result = sanity(explain, explain, IMAGES[:3], classes, index=INDEX[:3], before=darkness(IMAGES[:3], None))
    assert calls == [[4, 7, 1]]
    assert torch.allclose(result.likeness.spearman, -torch.ones(3))


def test_maps_of_unequal_number_are_named():
    with pytest.raises(RegardError, match="resize them to one grid"):
        sanity(brightness, brightness, IMAGES[:3], CLASSES[:3], index=INDEX[:3], before=random_map(2))
