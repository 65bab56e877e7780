"""Maps of known order: exactly the truth's values at other places, worse with the dose."""

import itertools

import pytest
import torch

from regard.truth import TrueMap, agreements, graded_maps, map_names
from regard.truth.maps import FLOOR, KNOWS_NOTHING, LADDER_DOSES, LADDERS, TRUTH, edge_map, ladder_names, moved_patches


def truth_of(seed: int, size: int = 6, bought: int = 9) -> TrueMap:
    generator = torch.Generator().manual_seed(seed)
    places = torch.randperm(size * size, generator=generator)[:bought]
    values = torch.zeros(size * size)
    values[places] = torch.rand(bought, generator=generator) - 0.2
    return TrueMap(values.view(size, size), (values != 0).view(size, size))


@pytest.fixture(scope="module")
def made() -> tuple[TrueMap, dict[str, torch.Tensor]]:
    image = torch.rand(3, 36, 36, generator=torch.Generator().manual_seed(9))
    truth = truth_of(0)
    maps = graded_maps(truth, truth_of(1), image, index=5, seed=3)
    return truth, dict(zip(map_names(), maps, strict=True))


def test_every_map_has_the_values_of_the_truth(made) -> None:
    _, maps = made
    assert len(maps) == 1 + len(LADDERS) * len(LADDER_DOSES) + 2 * len(KNOWS_NOTHING) + 4
    exact = maps[TRUTH].flatten().sort().values
    for name, map in maps.items():
        torch.testing.assert_close(map.flatten().sort().values, exact, msg=name)
    assert not torch.equal(maps["noise_0"], maps[FLOOR + "noise_0"])


@pytest.mark.parametrize("ladder", ["noise", "other", "center", "edges", "patches", "blur"])
def test_agreement_falls_with_the_dose(made, ladder: str) -> None:
    truth, maps = made
    found = agreements(torch.stack([maps[name] for name in ladder_names(ladder)]), truth).tolist()
    assert found[0] == 1.0
    assert found == sorted(found, reverse=True)
    assert found[-1] < 0.8


def test_maps_that_know_nothing_agree_by_chance_only() -> None:
    found = []
    for k in range(40):
        truth = truth_of(k)
        image = torch.rand(3, 36, 36)
        maps = dict(zip(map_names(), graded_maps(truth, truth_of(k + 100), image, index=k, seed=0), strict=True))
        found.append(agreements(torch.stack([maps[name] for name in KNOWS_NOTHING]), truth))
    mean = torch.stack(found).mean(0)
    assert mean.abs().max() < 0.15, mean


def test_a_higher_dose_moves_all_that_a_lower_one_does() -> None:
    truth = truth_of(2)
    gone = [(moved_patches(truth, dose, index=1, seed=0) == 0) & truth.bought for dose in LADDER_DOSES]
    assert [int(g.sum()) for g in gone] == [1, 3, 5, 9]
    assert all(bool((low <= high).all()) for low, high in itertools.pairwise(gone))


def test_maps_do_not_depend_on_the_order_of_images(made) -> None:
    _, maps = made
    again = graded_maps(truth_of(0), truth_of(1), torch.rand(3, 36, 36), index=5, seed=3)
    for name, map in zip(map_names(), again, strict=True):
        if not name.startswith(("edges", FLOOR + "edges")):
            torch.testing.assert_close(map, maps[name], msg=name)


def test_edges_are_where_the_image_changes() -> None:
    image = torch.zeros(3, 12, 12)
    image[:, :, 6:] = 1
    edges = edge_map(image)[0]
    assert torch.isin(edges.argmax(1), torch.tensor([5, 6])).all()
    assert edges[:, 0].max() < 0.05 * edges.max()
