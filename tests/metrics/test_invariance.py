"""Metrics of rank depend on ranks: an increasing function of the map changes nothing, and no outlier does."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from regard.metrics import auc_inside, faithfulness, fixation, pointing_game, spearman
from regard.metrics.perturbation import Removal
from regard.metrics.ranking import removal_order, tie_groups
from regard.types import Map

H, W = 8, 10
INCREASING = {
    "fourth power": lambda v: v**4,
    "sharp softmax": lambda v: (40 * v).flatten(1).softmax(1).view_as(v),
    "logarithm": lambda v: (v + 1e-3).log(),
    "negative reciprocal": lambda v: -1 / (v + 0.01),
    "tiny": lambda v: 1e-20 * v,
    "large": lambda v: 1e20 * v + 7,
    "one outlier": lambda v: torch.where(v == v.max(), 1e9, v),
    "one low outlier": lambda v: torch.where(v == v.min(), -1e9, v),
}
XY = torch.tensor([[[1.0, 2.0], [7.0, 3.0], [7.0, 3.0], [4.0, 6.0]]])
OTHERS = torch.from_numpy(np.random.default_rng(3).integers(0, 4, (1, 1, H, W)))
GOLD = torch.from_numpy(np.random.default_rng(4).random((1, 1, H, W)))
MASK = GOLD > 0.6
IMAGES = torch.from_numpy(np.random.default_rng(5).random((1, 3, H, W))).float()


def predict(images):
    """Brightness of two places, so that the order of removal matters."""
    one = images[:, :, :4].mean((1, 2, 3)) * images[:, :, 3:, 5:].amax((1, 2, 3))
    return torch.stack([one, 1 - one], 1)


def areas(values):
    label, removal = torch.tensor([0]), Removal(steps=8, baseline=torch.zeros_like(IMAGES))
    map = Map(values, "relevance")
    changed = faithfulness.exclusion(predict, IMAGES, map, 1 - IMAGES, steps=4)
    return torch.cat(
        [
            faithfulness.deletion(predict, IMAGES, map, label, removal=removal).area,
            faithfulness.insertion(predict, IMAGES, map, label, removal=removal).area,
            faithfulness.lerf_morf_gap(predict, IMAGES, map, label, removal=removal).gap,
            faithfulness.road(predict, IMAGES, map, label, removal=removal).gap,
            changed.recomputed.kl.flatten(),
        ]
    )


METRICS = {
    "auc": lambda v: fixation.auc(v, XY),
    "auc, mit": lambda v: fixation.auc(v, XY, convention="mit"),
    "auc_judd": lambda v: fixation.auc_judd(v, XY),
    "sauc": lambda v: fixation.sauc(v, XY, OTHERS, own_included=False),
    "spearman": lambda v: spearman(v, GOLD),
    "top_iou": lambda v: fixation.top_iou(v, GOLD),
    "auc_inside": lambda v: auc_inside(Map(v, "relevance"), MASK),
    "pointing_game": lambda v: pointing_game(Map(v, "relevance"), MASK),
    "faithfulness": areas,
}


def map_of(levels):
    """Values in [0,1] whose steps no rounding can hide, with ties where levels agree."""
    return torch.tensor(levels, dtype=torch.float64).reshape(1, 1, H, W) / 100


@settings(max_examples=5, deadline=None)
@given(st.lists(st.integers(0, 100), min_size=H * W, max_size=H * W).filter(lambda levels: len(set(levels)) > 2))
@pytest.mark.parametrize("metric", METRICS)
def test_an_increasing_function_of_the_map_changes_no_metric_of_rank(metric, levels):
    values = map_of(levels)
    expected = METRICS[metric](values)
    for name, function in INCREASING.items():
        changed = function(values)
        assert len(changed.unique()) == len(values.unique()), name  # strictly increasing in spite of rounding
        torch.testing.assert_close(
            METRICS[metric](changed), expected, rtol=0, atol=1e-12, msg=lambda m, n=name: f"{n}: {m}"
        )


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_a_smooth_map_keeps_all_its_ranks(dtype):
    """SmoothGrad's values crowd near 0: a fourth power put most of them into one step of a 65,536th of the range."""
    values = torch.randperm(2000, generator=torch.Generator().manual_seed(0)).view(1, 1, 40, 50).double()
    values = (values / 2000 + 0.01).to(dtype)
    order = removal_order(Map(values, "relevance"), (40, 50))
    assert len(order.unique()) == 2000
    assert torch.equal(removal_order(Map(values**4, "relevance"), (40, 50)), order)
    outlier = values.clone()
    outlier[..., 0, 0] = 1e6
    rest = removal_order(Map(outlier, "relevance"), (40, 50))[0, 1:]
    assert len(rest.unique()) == 1999


def test_groups_are_values_apart_by_rounding_and_never_chains():
    step = 4e-7  # below the rounding of float32, so that each value is tied to its neighbours, but the ends are not
    chain = 1 + step * torch.arange(1000, dtype=torch.float64)[None]
    groups = tie_groups(chain, torch.float32)[0]
    assert groups[-1] > 300
    assert groups.bincount().max() <= 3
    assert torch.equal(groups, groups.sort().values)
    assert tie_groups(chain, torch.float64)[0].tolist() == list(range(1000))


@given(st.lists(st.integers(-4, 4), min_size=1, max_size=40))
def test_groups_number_the_different_values_in_order(values):
    rank = {value: k for k, value in enumerate(sorted(set(values)))}
    assert tie_groups(torch.tensor([values], dtype=torch.float32), torch.float32)[0].tolist() == [
        rank[v] for v in values
    ]


@pytest.mark.parametrize(
    ("grid", "size"), [((6, 6), (60, 60)), ((7, 7), (224, 224)), ((50, 50), (25, 25)), ((14, 14), (37, 53))]
)
@pytest.mark.parametrize("dtype", [torch.float32, torch.float16])
def test_resizing_splits_no_plateau(grid, size, dtype):
    values = torch.full((1, 1, *grid), 1 / 3, dtype=dtype)
    values[..., : grid[1] // 2] = 0.1
    order = removal_order(Map(values, "gate"), size).view(size)
    half = size[1] // 2
    assert order[:, half + size[1] // grid[1] + 1 :].unique().numel() == 1
    assert order[:, : half - size[1] // grid[1] - 1].unique().tolist() == [size[0] * size[1]]
