import pytest
import torch
from scipy.stats import spearmanr
from skimage.metrics import structural_similarity
from tests.metrics.oracles import random_map

from regard.metrics import controls
from regard.metrics.sanity import sanity
from regard.metrics.similarity import cosine, spearman, ssim
from regard.types import Map, RegardError


def test_they_agree_with_scipy_and_scikit_image():
    a, b = random_map(3, 1, (9, 9)), random_map(3, 2, (9, 9))
    b.values[0] = (4 * b.values[0]).round()  # ties
    for k in range(3):
        u, v = a.values[k, 0].double().numpy(), b.values[k, 0].double().numpy()
        assert spearman(a, b)[k].item() == pytest.approx(spearmanr(u.ravel(), v.ravel()).statistic, abs=1e-6)
        scaled = [(m - m.min()) / (m.max() - m.min()) for m in (u, v)]
        assert ssim(a, b)[k].item() == pytest.approx(structural_similarity(*scaled, data_range=1.0), abs=1e-6)
        expected = torch.nn.functional.cosine_similarity(a.values[k].flatten(), b.values[k].flatten(), dim=0)
        assert cosine(a, b)[k].item() == pytest.approx(expected.item(), abs=1e-6)


def test_only_valid_positions_count():
    a, b = random_map(1, 1, (4, 4)), random_map(1, 2, (4, 4))
    valid = torch.ones(1, 1, 4, 4, dtype=torch.bool)
    valid[..., 2:] = False
    left = [Map(m.values[..., :2].contiguous(), "relevance") for m in (a, b)]
    assert torch.equal(spearman(a, b, valid=valid), spearman(*left))
    assert torch.allclose(cosine(a, b, valid=valid), cosine(*left))


def test_a_constant_map_has_a_cosine_and_no_rank_correlation():
    flat = controls.uniform(1, (7, 7))
    assert cosine(flat, flat).item() == pytest.approx(1)
    assert spearman(flat, flat).isnan().all()
    assert ssim(flat, flat).isnan().all()
    assert cosine(flat, Map(torch.zeros(1, 1, 7, 7), "gate")).isnan().all()


def test_other_grids_and_grids_without_structure_are_named():
    with pytest.raises(RegardError, match="one grid"):
        cosine(random_map(1), random_map(1, size=(4, 4)))
    with pytest.raises(RegardError, match="no structure"):
        ssim(random_map(1, size=(2, 2)), random_map(1, size=(2, 2)))


def brightness(x, _):
    return Map(x.mean(1, keepdim=True), "relevance")


def darkness(x, _):
    return Map(1 - x.mean(1, keepdim=True), "relevance")


def centred(x, _):
    return controls.centre(len(x), (8, 8))


def test_sanity_tells_the_same_from_the_turned_and_shows_its_floor():
    x, index = torch.rand(20, 3, 8, 8, generator=torch.Generator().manual_seed(0)), torch.arange(20)
    classes = torch.zeros(20, dtype=torch.long)
    same = sanity(brightness, brightness, x, classes, index=index)
    assert torch.allclose(same.likeness.spearman, torch.ones(20))
    assert torch.allclose(same.likeness.ssim, torch.ones(20), atol=1e-6)
    turned = sanity(brightness, darkness, x, classes, index=index, before=brightness(x, None))
    assert torch.allclose(turned.likeness.spearman, -torch.ones(20))
    assert abs(same.floor.spearman.mean()) < 0.1
    assert abs(same.same.spearman.mean()) < 0.1
    # a map that does not look at the image is as like another image's as its own: the reason for that control
    blind = sanity(centred, centred, x, classes, index=index)
    assert torch.allclose(blind.same.spearman, torch.ones(20))
    assert sanity(centred, centred, x[:1], classes[:1], index=index[:1]).same is None


def test_the_centre_floor_has_the_maps_values_and_its_peak_in_the_middle():
    map = random_map(2, size=(9, 9))
    floors = controls.floors(map, index=torch.tensor([3, 4]))
    for floor in floors.values():
        assert torch.equal(floor.values.flatten(1).sort(1).values, map.values.flatten(1).sort(1).values)
    assert floors["centre"].values.flatten(1).argmax(1).tolist() == [40, 40]
    corner = floors["centre"].values[:, 0, 0, 0]
    assert (corner < map.values.flatten(1).median(1).values).all()
    flat = controls.centre_like(controls.uniform(1, (3, 3)), index=torch.tensor([0]))
    assert flat.values.unique().tolist() == [1]
    with pytest.raises(RegardError, match="give one each"):
        controls.centre_like(map, index=torch.tensor([0]))
