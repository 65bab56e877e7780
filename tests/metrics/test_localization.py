import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.metrics import roc_auc_score

from regard.metrics import localization as loc
from regard.metrics.controls import uniform_map
from regard.metrics.scores import score
from regard.types import Map, RegardError

NAN = float("nan")


def gate(values):
    return Map(torch.tensor(values)[:, None], "gate")


def mask(values):
    return torch.tensor(values)[:, None].bool()


LEFT = mask([[[1, 0], [1, 0]]])


def random_case(seed, count=3, size=8):
    g = torch.Generator().manual_seed(seed)
    maps = Map(torch.rand(count, 1, 4, 4, generator=g), "gate")
    masks = torch.rand(count, 1, size, size, generator=g) < 0.4
    masks[:, :, 0, 0] = True
    return maps, masks


def test_energy_is_mass_inside_over_all_mass():
    assert loc.energy_inside(gate([[[3.0, 1.0], [2.0, 2.0]]]), LEFT).item() == pytest.approx(5 / 8)


def test_uniform_map_scores_the_area_share_in_energy_and_pointing():
    _, masks = random_case(1)
    flat = uniform_map(3, (4, 4))
    area = loc.area_share(masks)
    assert torch.allclose(loc.energy_inside(flat, masks), area)
    assert torch.allclose(loc.pointing_game(flat, masks), area)


@settings(max_examples=25)
@given(seed=st.integers(0, 10_000), scale=st.floats(1e-3, 1e3))
def test_scores_lie_in_the_unit_interval_and_ignore_the_maps_scale(seed, scale):
    maps, masks = random_case(seed)
    scaled = Map(maps.values * scale, "bits")
    for metric in (loc.energy_inside, loc.pointing_game):
        values = metric(maps, masks)
        assert ((values >= 0) & (values <= 1)).all()
        assert torch.allclose(values, metric(scaled, masks), atol=1e-5)
    assert torch.allclose(
        loc.iou(maps, masks, threshold=0.5, relative=True),
        loc.iou(scaled, masks, threshold=0.5, relative=True),
        atol=0.05,
    )


@pytest.mark.parametrize("metric", [loc.energy_inside, loc.pointing_game, lambda a, m: loc.iou(a, m, threshold=0.5)])
def test_an_image_scores_the_same_in_batches_of_one_and_four(metric):
    maps, masks = random_case(2, count=4)
    singly = torch.cat([metric(Map(maps.values[i : i + 1], "gate"), masks[i : i + 1]) for i in range(4)])
    assert torch.allclose(metric(maps, masks), singly)


@pytest.mark.parametrize("metric", [loc.energy_inside, loc.pointing_game, lambda a, m: loc.iou(a, m, threshold=0.5)])
def test_an_empty_mask_is_neither_hit_nor_miss_and_is_counted(metric):
    maps, masks = random_case(3, count=2)
    masks[1] = False
    values = metric(maps, masks)
    assert values.isnan().tolist() == [False, True]
    assert score(values, reasons=loc.localization_conditions(maps, masks)).undefined == {"empty mask": 1}


def test_an_empty_mask_stays_excluded_under_tolerance():
    assert loc.pointing_game(gate([[[1.0, 0.0]]]), mask([[[0, 0]]]), tolerance=5).isnan().all()


def test_a_map_without_mass_has_no_energy_but_points_by_area():
    maps = gate([[[0.0, 0.0], [0.0, 0.0]]])
    energy = loc.energy_inside(maps, LEFT)
    assert energy.isnan().all()
    assert score(energy, reasons=loc.localization_conditions(maps, LEFT)).undefined == {"map without mass": 1}
    assert loc.pointing_game(maps, LEFT).item() == 0.5
    assert score(loc.pointing_game(maps, LEFT), reasons=loc.localization_conditions(maps, LEFT)).undefined == {}


@pytest.mark.parametrize("bad", [NAN, float("inf")])
def test_a_map_that_is_not_finite_scores_nan_and_does_not_affect_others(bad):
    maps, masks = gate([[[bad, 1.0], [0.0, 0.0]], [[1.0, 0.0], [1.0, 0.0]]]), LEFT.expand(2, -1, -1, -1)
    for values in (loc.energy_inside(maps, masks), loc.pointing_game(maps, masks), loc.iou(maps, masks, threshold=0.5)):
        assert values.isnan().tolist() == [True, False]
        assert values[1] == 1
        assert score(values, reasons=loc.localization_conditions(maps, masks)).undefined == {"map not finite": 1}


def test_negative_values_are_refused_or_clipped_and_rounding_is_neither():
    maps = gate([[[1.0, -1.0], [0.0, 1.0]]])
    with pytest.raises(RegardError, match="falls to -1"):
        loc.energy_inside(maps, LEFT)
    assert loc.energy_inside(maps, LEFT, negative="clip").item() == 0.5
    assert loc.energy_inside(gate([[[1.0, -1e-8], [0.0, 1.0]]]), LEFT).item() == pytest.approx(0.5)


def test_tied_maxima_count_by_their_share():
    assert loc.pointing_game(gate([[[1.0, 1.0], [0.0, 1.0]]]), LEFT).item() == pytest.approx(1 / 3)


def test_a_resized_constant_map_is_one_tie_despite_rounding():
    maps = Map(torch.full((1, 1, 5, 5), 0.1), "gate")
    target = torch.zeros(1, 1, 37, 37, dtype=torch.bool)
    target[..., :10, :] = True
    assert loc.pointing_game(maps, target).item() == pytest.approx(10 / 37)


def test_tolerance_reaches_the_distance_between_pixel_centres():
    maps, target = gate([[[1.0, 0.0, 0.0, 0.0, 0.0]]]), mask([[[0, 0, 0, 1, 0]]])
    assert loc.pointing_game(maps, target, tolerance=2).item() == 0
    assert loc.pointing_game(maps, target, tolerance=3).item() == 1


def test_the_map_is_compared_on_the_grid_of_the_mask():
    target = torch.zeros(1, 1, 8, 8, dtype=torch.bool)
    target[..., :4, :4] = True
    maps = gate([[[1.0, 0.0], [0.0, 0.0]]])
    expected = maps.resize((8, 8)).values
    assert loc.energy_inside(maps, target).item() == pytest.approx(
        (expected * target).sum().item() / expected.sum().item()
    )
    assert loc.pointing_game(maps, target).item() == 1


def test_iou_and_its_best_threshold_by_hand():
    maps = gate([[[0.9, 0.6], [0.8, 0.1]]])
    assert loc.iou(maps, LEFT, threshold=0.5).item() == pytest.approx(2 / 3)
    assert loc.iou(maps, LEFT, threshold=0.7).item() == 1
    assert loc.iou(maps, LEFT, threshold=2.0).item() == 0
    best = loc.best_threshold(maps, LEFT)
    assert best == pytest.approx(0.8)
    assert loc.best_threshold(maps, LEFT, candidates=[0.5, 0.85]) == 0.5


@settings(max_examples=10)
@given(seed=st.integers(0, 1000))
def test_no_candidate_beats_the_best_threshold(seed):
    maps, masks = random_case(seed)
    best = loc.iou(maps, masks, threshold=loc.best_threshold(maps, masks, candidates=400)).mean()
    for threshold in torch.linspace(0, 1, 11).tolist():
        assert loc.iou(maps, masks, threshold=threshold).mean() <= best + 0.02


def test_best_threshold_needs_an_object_and_a_map():
    maps = gate([[[0.9, 0.6], [0.8, 0.1]]])
    with pytest.raises(RegardError, match="give some that do"):
        loc.best_threshold(maps, torch.zeros_like(LEFT))
    with pytest.raises(RegardError, match="no finite map value"):
        loc.best_threshold(gate([[[NAN, NAN], [NAN, NAN]]]), LEFT)


def test_one_pixel_and_no_image():
    assert loc.energy_inside(gate([[[0.3]]]), mask([[[1]]])).item() == 1
    none = Map(torch.zeros(0, 1, 3, 3), "gate")
    assert loc.energy_inside(none, torch.zeros(0, 1, 6, 6, dtype=torch.bool)).shape == (0,)


def test_another_number_of_masks_is_refused():
    with pytest.raises(RegardError, match="1 maps for 2 masks"):
        loc.pointing_game(gate([[[1.0, 0.0]]]), mask([[[1, 0]], [[1, 0]]]))


@pytest.mark.parametrize("seed", range(3))
def test_auc_inside_is_that_of_scikit_learn_and_of_any_increasing_function(seed):
    maps, masks = random_case(seed)
    fine = maps.resize((8, 8))
    coarse = Map((fine.values * 5).round(), "gate")  # with ties
    for map in (fine, coarse):
        expected = [roc_auc_score(m.flatten().int(), v.flatten()) for m, v in zip(masks, map.values, strict=True)]
        assert loc.auc_inside(map, masks).tolist() == pytest.approx(expected, abs=1e-6)
        assert torch.allclose(loc.auc_inside(Map(map.values.exp(), "bits"), masks), loc.auc_inside(map, masks))
        assert torch.allclose(loc.auc_inside(Map(-map.values, "relevance"), masks), 1 - loc.auc_inside(map, masks))


def test_auc_inside_of_known_maps_and_where_it_is_undefined():
    assert loc.auc_inside(gate([[[3.0, 1.0], [2.0, 2.0]]]), LEFT).item() == pytest.approx((1 + 1 + 0.5 + 1) / 4)
    assert loc.auc_inside(gate([[[1.0, 1.0], [1.0, 1.0]]]), LEFT).item() == 0.5
    everything, nothing = torch.ones_like(LEFT), torch.zeros_like(LEFT)
    assert loc.auc_inside(gate([[[3.0, 1.0], [2.0, 2.0]]]), everything).isnan().all()
    assert loc.auc_inside(gate([[[3.0, 1.0], [2.0, 2.0]]]), nothing).isnan().all()
    assert loc.auc_inside(gate([[[NAN, 1.0], [2.0, 2.0]]]), LEFT).isnan().all()
