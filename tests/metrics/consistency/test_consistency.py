import pytest
import torch
from tests.metrics.oracles import class_zero, constant_prediction, images, mean_of_pixels, two_classes

from regard.metrics import (
    CONSISTENCY_THRESHOLDS,
    WARPS,
    Warp,
    consistency,
    constant_map,
    controls,
    equivariance,
    high_pass,
    jpeg,
    low_pass,
    noise,
    overwrite,
    stability,
)
from regard.types import Map

INDEX = torch.arange(4)


def brightness(x, _):
    return Map(x.mean(1, keepdim=True), "relevance")


def every_change(x):
    other = x[controls.derangement(len(x))]
    return {
        "colour": overwrite(x, index=INDEX[: len(x)], window=3),
        "content": overwrite(x, other, index=INDEX[: len(x)], window=3),
        "low": low_pass(x),
        "high": high_pass(x),
        "noise": noise(x, index=INDEX[: len(x)]),
        "jpeg": jpeg(x),
    }


def test_a_constant_map_is_perfectly_consistent_by_every_measure():
    x = images(4)
    for changed in every_change(x).values():
        result = consistency(constant_prediction, constant_map, x, changed, class_zero(4))
        for threshold in CONSISTENCY_THRESHOLDS:
            assert result.score(threshold).tolist() == [1] * 4
        assert torch.allclose(stability(constant_map, x, changed, class_zero(4)), torch.ones(4))
    for warp in WARPS.values():
        alike = equivariance(constant_map, x, class_zero(4), warp)
        assert torch.allclose(alike.cosine, torch.ones(4))
        assert alike.spearman.isnan().all()  # rank correlation is undefined for a constant map


def test_the_score_counts_every_image_and_the_papers_those_with_unchanged_prediction():
    x = torch.full((4, 3, 8, 8), 0.8)
    changed = x.clone()
    changed[2:] = 0.1  # the predicted class changes
    changed[3, :, 1:] = 0  # and the map of the last: cosine 1/sqrt(8)
    changed[1, :, :, 4:] = 0.3  # the map changes: cosine .910
    result = consistency(mean_of_pixels, brightness, x, changed, class_zero(4))
    assert result.same.tolist() == [1, 1, 0, 0]
    half = (0.8 * 0.8 + 0.8 * 0.3) / (2**0.5 * 0.8 * (0.8**2 + 0.3**2) ** 0.5)
    assert result.similarity.tolist() == pytest.approx([1, half, 1, 8**-0.5], abs=1e-6)
    assert result.score(0.9).tolist() == [1, 1, 1, 0]
    assert result.score(0.95).tolist() == [1, 0, 1, 0]
    assert result.score_where_same(0.9)[:2].tolist() == [1, 1]
    assert result.score_where_same(0.95)[:2].tolist() == [1, 0]
    assert result.score_where_same(0.95)[2:].isnan().all()


def test_an_all_zero_map_is_neither_consistent_nor_inconsistent():
    x = images(2)
    result = consistency(
        constant_prediction, lambda y, _: Map(torch.zeros(len(y), 1, 2, 2), "gate"), x, x, class_zero(2)
    )
    assert result.score(0.85).isnan().all()


@pytest.mark.parametrize("name", WARPS)
def test_brightness_moves_with_the_image_and_the_centre_does_not(name):
    x = images(2, size=(24, 32))
    moved = equivariance(brightness, x, class_zero(2), WARPS[name])
    assert torch.allclose(moved.cosine, torch.ones(2), atol=1e-5)
    assert torch.allclose(moved.spearman, torch.ones(2), atol=1e-2)
    if name != "flip":  # a centred map is its own mirror image
        still = equivariance(
            lambda y, _: controls.center_map(len(y), (24, 32), spread=0.1), x, class_zero(2), WARPS[name]
        )
        assert (still.cosine < 0.98).all()


def test_a_shift_by_whole_pixels_is_exact_and_only_what_was_inside_counts():
    x, warp = images(1), Warp(offset=(0.5, 0.0))  # a quarter of the side: two pixels
    assert torch.allclose(warp(x)[..., :6], x[..., 2:], atol=1e-6)
    assert warp.inside(x)[0, 0].sum(1).tolist() == [6] * 8


def test_a_flip_is_a_flip_and_a_crop_a_corner():
    x = images(1)
    assert torch.allclose(WARPS["flip"](x), x.flip(3), atol=1e-6)
    quarter = Warp(zoom=(0.5, 0.5), offset=(-0.5, 0.5))(x)
    corner = torch.nn.functional.interpolate(x[..., 4:, :4], size=(8, 8), mode="bilinear", align_corners=False)
    assert torch.allclose(quarter[..., 1:-1, 1:-1], corner[..., 1:-1, 1:-1], atol=1e-6)


def test_maps_are_computed_in_batches_for_the_class_of_each_image():
    batches = []

    def explain(x, classes):
        batches.append(classes.tolist())
        return brightness(x, classes)

    stability(explain, images(3), images(3), torch.tensor([5, 6, 7]), batch_size=2)
    assert batches == [[5, 6], [7], [5, 6], [7]]


def test_predictions_do_not_depend_on_the_batch_size():
    x = images(4)
    changed = low_pass(x, radius=1)
    whole = consistency(lambda y: two_classes(y[:, 0, 0, 0]), brightness, x, changed, class_zero(4))
    parts = consistency(lambda y: two_classes(y[:, 0, 0, 0]), brightness, x, changed, class_zero(4), batch_size=1)
    assert torch.equal(whole.same, parts.same)
    assert torch.allclose(whole.similarity, parts.similarity)
