"""Oracles with known answers: a linear model, the sum of pixels, one pixel, a model that ignores its input."""

import pytest
import torch
from torch import nn

from regard.metrics import controls
from regard.metrics.faithfulness import deletion, insertion, lerf_morf_gap, map_conditions, road
from regard.metrics.imputation import BASELINES
from regard.metrics.perturbation import Removal
from regard.metrics.scores import score
from regard.types import Map, RegardError

SIZE = (8, 8)
N = 64


def images(count, seed=0, size=SIZE):
    return torch.rand(count, 3, *size, generator=torch.Generator().manual_seed(seed))


def random_map(count, seed=1, size=SIZE):
    return Map(torch.rand(count, 1, *size, generator=torch.Generator().manual_seed(seed)), "relevance")


def class_zero(count):
    return torch.zeros(count, dtype=torch.long)


def black(x, **options):
    return Removal(baseline=torch.zeros_like(x), **options)


def two_classes(p):
    return torch.stack([p, 1 - p], 1)


def mean_of_pixels(x):
    return two_classes(x.mean((1, 2, 3)))


def constant_prediction(x):
    return torch.full((len(x), 2), 0.3)


class OnePixel:
    """p(0) is the value of one pixel of one channel."""

    def __init__(self, row, column):
        self.at = (row, column)

    def __call__(self, x):
        return two_classes(x[:, 1, self.at[0], self.at[1]])


def test_64_pixels_give_64_steps_with_one_mask_for_all_channels():
    batches = []

    def record(x):
        batches.append(x.clone())
        return mean_of_pixels(x)

    x = images(1) + 0.1
    curve = deletion(record, x / 2, random_map(1), class_zero(1), removal=black(x, steps=N))
    assert curve.fractions[0].tolist() == [k / N for k in range(N + 1)]
    inputs = torch.cat(batches)
    assert len(inputs) == N + 1
    removed = inputs == 0
    assert (removed[:, 0] == removed[:, 1]).all()
    assert (removed[:, 0] == removed[:, 2]).all()
    assert removed[:, 0].sum((1, 2)).tolist() == list(range(N + 1))


def test_sum_of_pixels_follows_the_sorted_sum_exactly():
    x = images(3)
    pixel = x.mean(1).flatten(1)
    map = Map(pixel.view(3, 1, *SIZE), "relevance")
    descending = pixel.sort(1, descending=True).values.cumsum(1) / N
    remaining = torch.cat([descending[:, -1:], descending[:, -1:] - descending], 1)
    curve = deletion(mean_of_pixels, x, map, class_zero(3), removal=black(x, steps=N))
    assert torch.allclose(curve.probabilities, remaining, atol=1e-5)
    assert torch.allclose(curve.area, torch.trapezoid(remaining, dx=1 / N), atol=1e-5)
    back = insertion(mean_of_pixels, x, map, class_zero(3), removal=black(x, steps=N))
    assert torch.allclose(back.probabilities, remaining[:, :1] - remaining, atol=1e-5)


def test_the_true_contribution_of_a_linear_model_is_the_best_of_all_maps():
    weight = torch.randn(3, *SIZE, generator=torch.Generator().manual_seed(5)) / 100

    def linear(x):
        return two_classes(0.5 + (x * weight).sum((1, 2, 3)))

    x = images(2)
    best = Map((x * weight).sum(1, keepdim=True), "relevance")
    gap = lerf_morf_gap(linear, x, best, class_zero(2), removal=black(x, steps=N)).gap
    for seed in range(10):
        other = lerf_morf_gap(linear, x, random_map(2, seed), class_zero(2), removal=black(x, steps=N)).gap
        assert (other < gap).all()
    turned = lerf_morf_gap(linear, x, Map(-best.values, "relevance"), class_zero(2), removal=black(x, steps=N)).gap
    assert torch.allclose(turned, -gap, atol=1e-5)
    # The other class's probability is 1 - p: the same curve upside down, so the class matters and is the caller's.
    second = lerf_morf_gap(linear, x, best, class_zero(2) + 1, removal=black(x, steps=N)).gap
    assert torch.allclose(second, -gap, atol=1e-5)


def test_a_one_pixel_model_drops_when_that_pixel_is_removed():
    x = torch.ones(1, 3, *SIZE)
    relevance = torch.zeros(1, 1, *SIZE)
    relevance[..., 2, 5] = 1
    curve = deletion(OnePixel(2, 5), x, Map(relevance, "relevance"), class_zero(1), removal=black(x, steps=N))
    assert curve.probabilities[0, 0] == 1
    assert (curve.probabilities[0, 1:] == 0).all()
    assert curve.fractions[0, 1] == 1 / N
    assert curve.area.item() == pytest.approx(0.5 / N)
    missed = deletion(OnePixel(0, 0), x, Map(relevance, "relevance"), class_zero(1), removal=black(x, steps=N))
    assert missed.area.item() == pytest.approx(1 / N + 0.5 * 63 / N)


@pytest.mark.parametrize("baseline", BASELINES)
def test_a_model_that_ignores_its_input_has_area_p_and_no_gap(baseline):
    x, removal = images(2), Removal(baseline=baseline)
    for judge in (deletion, insertion):
        assert torch.allclose(
            judge(constant_prediction, x, random_map(2), class_zero(2), removal=removal).area, torch.tensor(0.3)
        )
    assert torch.allclose(
        lerf_morf_gap(constant_prediction, x, random_map(2), class_zero(2), removal=removal).gap, torch.tensor(0.0)
    )


@pytest.mark.parametrize("baseline", BASELINES)
def test_rgb_images_accept_a_one_channel_map_on_a_coarser_grid(baseline):
    x, coarse = images(2, size=(16, 12)), random_map(2, size=(4, 3))
    curve = deletion(mean_of_pixels, x, coarse, class_zero(2), removal=Removal(baseline=baseline, steps=5))
    assert curve.probabilities.shape == (2, 6)
    assert torch.allclose(curve.probabilities[:, 0], x.mean((1, 2, 3)))
    assert (curve.fractions[:, 0] == 0).all()
    assert (curve.fractions[:, -1] == 1).all()


def test_deletion_ends_and_insertion_starts_at_the_baseline():
    x, given = images(2), images(2, seed=9)
    removal = Removal(baseline=given, steps=4)
    ends = given.mean((1, 2, 3))
    assert torch.allclose(
        deletion(mean_of_pixels, x, random_map(2), class_zero(2), removal=removal).probabilities[:, -1], ends
    )
    back = insertion(mean_of_pixels, x, random_map(2), class_zero(2), removal=removal).probabilities
    assert torch.allclose(back[:, 0], ends)
    assert torch.allclose(back[:, -1], x.mean((1, 2, 3)))


def test_a_map_with_88_percent_zeros_has_true_fractions():
    values = torch.zeros(1, 1, 10, 10)
    values.view(-1)[:12] = torch.arange(12, 0, -1.0)
    x = torch.ones(1, 3, 10, 10)
    curve = deletion(mean_of_pixels, x, Map(values, "relevance"), class_zero(1), removal=black(x, steps=10))
    assert torch.allclose(curve.probabilities, 1 - curve.fractions)
    assert curve.fractions[0].unique().tolist() == pytest.approx([0, 0.10, 0.12, 1])
    assert curve.area.item() == pytest.approx(0.5)


@pytest.mark.parametrize("judge", [deletion, insertion])
def test_an_area_does_not_grow_with_the_number_of_steps(judge):
    """Quantus' PixelFlipping sums its points, so that twice the steps are twice the area."""
    x, map = images(3), random_map(3)
    areas = [judge(mean_of_pixels, x, map, class_zero(3), removal=black(x, steps=steps)).area for steps in (4, 16, N)]
    for area in areas:
        assert torch.allclose(area, x.mean((1, 2, 3)) / 2, atol=0.03)
        assert torch.allclose(area, areas[-1], atol=0.01)


def test_black_is_black_and_not_the_images_minimum():
    """Quantus' "black" is the smallest value of the input."""
    x = 0.5 + images(1) / 2
    curve = deletion(mean_of_pixels, x, random_map(1), class_zero(1), removal=black(x))
    assert curve.probabilities[0, -1] == 0


def test_road_accepts_rgb_images_with_a_coarser_map_of_one_channel():
    """Quantus' ROAD raises an IndexError there. Known: the one bright pixel is imputed to its grey neighbours'."""
    x, relevance = torch.full((1, 3, *SIZE), 0.5), torch.zeros(1, 1, *SIZE)
    x[..., 2, 5] = relevance[..., 2, 5] = 1
    result = road(OnePixel(2, 5), x, Map(relevance, "relevance"), class_zero(1), removal=Removal(steps=N))
    assert result.morf.probabilities[0, 0] == 1
    assert torch.allclose(result.morf.probabilities[0, 1:], torch.tensor(0.5), atol=0.05)
    assert (result.lerf.probabilities[0, :N] == 1).all(), "least relevant first leaves it to the end"
    assert result.gap.item() == pytest.approx(0.5 * (N - 1) / N, abs=0.02)
    coarse = road(mean_of_pixels, images(2), random_map(2, size=(4, 2)), class_zero(2), removal=Removal(steps=4))
    assert coarse.gap.isfinite().all()


def test_road_follows_true_fractions_where_most_of_the_map_is_zero():
    """grad-cam's ROAD takes percentiles under "<", so that with 70 % zeros the lower ones keep nothing."""
    values = torch.zeros(1, 1, 10, 10)
    values.view(-1)[:12] = torch.arange(12, 0, -1.0)
    result = road(mean_of_pixels, torch.ones(1, 3, 10, 10), Map(values, "relevance"), class_zero(1))
    assert result.morf.fractions[0].unique().tolist() == pytest.approx([0, 0.05, 0.10, 0.12, 1])
    assert result.lerf.fractions[0].unique().tolist() == pytest.approx([0, 0.88, 0.9, 0.95, 1])


def test_a_constant_map_has_two_points_and_no_gap():
    x = images(1)
    result = lerf_morf_gap(mean_of_pixels, x, controls.uniform_map(1, (3, 3)), class_zero(1), removal=black(x))
    assert result.morf.fractions.unique().tolist() == [0, 1]
    assert result.gap.item() == 0
    assert result.morf.area.item() == pytest.approx(x.mean().item() / 2)


def test_random_order_within_ties_averages_to_the_straight_line():
    x = images(1)
    removal = black(x, ties="random", orders=200, steps=8)
    curve = deletion(mean_of_pixels, x, controls.uniform_map(1, SIZE), class_zero(1), removal=removal)
    assert curve.fractions[0].tolist() == [k / 8 for k in range(9)]
    assert torch.allclose(curve.probabilities, x.mean() * (1 - curve.fractions), atol=0.01)


@pytest.mark.parametrize("baseline", BASELINES)
@pytest.mark.parametrize("ties", ["group", "random"])
def test_neither_chunk_nor_batch_changes_a_curve_and_chunks_bound_the_memory(baseline, ties):
    x, map, largest = images(4), random_map(4), []

    def record(batch):
        largest.append(len(batch))
        return mean_of_pixels(batch)

    options = {"baseline": baseline, "ties": ties, "orders": 2, "steps": 6}
    whole = deletion(mean_of_pixels, x, map, class_zero(4), removal=Removal(**options, batch_size=1000))
    parts = deletion(record, x, map, class_zero(4), removal=Removal(**options, batch_size=5))
    assert max(largest) == 5
    assert torch.allclose(whole.probabilities, parts.probabilities, atol=1e-5)
    alone = deletion(
        mean_of_pixels, x[2:3], Map(map.values[2:3], "relevance"), class_zero(1), removal=Removal(**options)
    )
    assert torch.allclose(whole.probabilities[2:3], alone.probabilities, atol=1e-5)


def test_equal_counts_are_predicted_once():
    calls = []

    def record(x):
        calls.append(len(x))
        return mean_of_pixels(x)

    deletion(record, images(3), controls.uniform_map(3, SIZE), class_zero(3), removal=Removal(steps=50))
    assert sum(calls) == 6


def test_noise_in_the_imputation_follows_its_seed():
    x, map = images(1), random_map(1)
    areas = [
        deletion(mean_of_pixels, x, map, class_zero(1), removal=Removal(baseline="noisy_linear", seed=s)).area.item()
        for s in (0, 0, 1)
    ]
    assert areas[0] == areas[1] != areas[2]


@pytest.mark.parametrize("fails", [False, True])
def test_modes_gradients_and_inputs_are_not_changed(fails):
    model = nn.Sequential(nn.Flatten(), nn.Dropout(0.0), nn.Linear(192, 2), nn.Softmax(1)).train()
    x, map = images(1).requires_grad_(), random_map(1)
    before = x.detach().clone(), map.values.clone()

    def predict(batch):
        if fails:
            raise ValueError("no memory")
        return model(batch)

    if fails:
        with pytest.raises(ValueError, match="no memory"):
            deletion(predict, x, map, class_zero(1))
    else:
        assert not deletion(predict, x, map, class_zero(1)).area.requires_grad
    assert model.training
    assert torch.is_grad_enabled()
    assert all(p.grad is None and p.requires_grad for p in model.parameters())
    assert torch.equal(x.detach(), before[0])
    assert torch.equal(map.values, before[1])


def test_a_map_that_is_not_finite_has_no_area_and_is_counted():
    map = random_map(2)
    map.values[1, 0, 0, 0] = torch.nan
    area = deletion(mean_of_pixels, images(2), map, class_zero(2)).area
    assert area.isnan().tolist() == [False, True]
    assert score(area, reasons=map_conditions(map)).undefined == {"map not finite": 1}


def test_one_pixel_images_and_no_images():
    x = torch.full((1, 3, 1, 1), 0.5)
    one = deletion(mean_of_pixels, x, random_map(1, size=(1, 1)), class_zero(1), removal=black(x))
    assert one.area.item() == pytest.approx(0.25)
    none = deletion(mean_of_pixels, images(0), random_map(0), class_zero(0))
    assert none.area.shape == (0,)


@pytest.mark.parametrize(
    ("predict", "classes", "message"),
    [
        (lambda x: 5 * torch.ones(len(x), 2), 0, "probabilities, not logits"),
        (lambda x: torch.ones(len(x)), 0, "must return"),
        (constant_prediction, 2, "returned 2 classes"),
        (constant_prediction, -1, "returned 2 classes"),
    ],
)
def test_a_bad_predict_or_class_is_named(predict, classes, message):
    with pytest.raises(RegardError, match=message):
        deletion(predict, images(1), random_map(1), torch.tensor([classes]))


@pytest.mark.parametrize("options", [{"steps": 0}, {"batch_size": 0}, {"orders": 0}])
def test_bad_settings_are_named(options):
    with pytest.raises(RegardError, match="at least 1"):
        Removal(**options)


def test_a_baseline_of_another_shape_and_lists_of_unequal_length_are_refused():
    with pytest.raises(RegardError, match="use that shape"):
        deletion(
            constant_prediction,
            images(2),
            random_map(2),
            class_zero(2),
            removal=Removal(baseline=torch.zeros(1, 3, 8, 8)),
        )
    with pytest.raises(RegardError, match="1 maps"):
        deletion(constant_prediction, images(2), random_map(1), class_zero(2))


@pytest.mark.gpu
def test_on_a_gpu_pixels_are_really_deleted_and_results_agree_with_the_cpu():
    x, map = images(3), random_map(3)
    for baseline in BASELINES:
        removal = Removal(baseline=baseline, steps=8)
        cpu = deletion(mean_of_pixels, x, map, class_zero(3), removal=removal)
        gpu_map = Map(map.values.cuda(), "relevance")
        gpu = deletion(mean_of_pixels, x.cuda(), gpu_map, class_zero(3).cuda(), removal=removal)
        assert gpu.area.is_cuda
        assert torch.allclose(cpu.probabilities, gpu.probabilities.cpu(), atol=1e-4)


@pytest.mark.parametrize("levels", [None, 5])
def test_insertion_goes_through_the_images_of_removing_the_least_relevant_first_backwards(levels: int | None) -> None:
    """So evaluation reads one curve from the other; of maps without ties and of maps with large groups of them."""
    torch.manual_seed(0)
    images, maps = torch.rand(5, 3, 9, 7), torch.rand(5, 1, 9, 7)
    maps = maps if levels is None else (maps * levels).floor()
    weights = torch.rand(3 * 63, 4)
    predict = lambda x: (x.flatten(1) @ weights).softmax(1)  # noqa: E731
    classes = torch.tensor([0, 1, 2, 3, 0])
    how = Removal(baseline="mean", steps=63)
    restored = insertion(predict, images, Map(maps, "relevance"), classes, removal=how)
    removed = lerf_morf_gap(predict, images, Map(maps, "relevance"), classes, removal=how).lerf
    if levels is None:
        torch.testing.assert_close(restored.fractions, 1 - removed.fractions.flip(1))
        torch.testing.assert_close(restored.probabilities, removed.probabilities.flip(1))
    torch.testing.assert_close(restored.area, removed.area)  # a share halfway between two groups' ends may take either
