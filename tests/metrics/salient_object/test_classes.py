"""Streaming metrics equal the functions on all images at once."""

import math

import pytest
import torch
from tests.metrics.salient_object.cases import noise

from regard.metrics import salient_object as so
from regard.metrics import streaming

PREDICTION = torch.from_numpy(noise((5, 1, 12, 14), 3))
MASKS = torch.from_numpy(noise((5, 1, 12, 14), 4) > 0.6)
MASKS[2] = False

AVERAGED = {
    streaming.MeanF: so.mean_f,
    streaming.AdaptiveF: so.adaptive_f,
    streaming.WeightedF: so.weighted_f,
    streaming.MAE: so.mae,
    streaming.SMeasure: so.s_measure,
    streaming.MeanE: so.mean_e,
    streaming.AdaptiveE: so.adaptive_e,
}


def streamed(metric):
    for part in (slice(0, 2), slice(2, 5)):
        metric.update(PREDICTION[part], MASKS[part])
    return metric


@pytest.mark.parametrize("cls", AVERAGED)
def test_means(cls):
    metric = streamed(cls())
    values = AVERAGED[cls](PREDICTION, MASKS)
    assert metric.compute().item() == pytest.approx(values.nanmean().item(), abs=1e-12)
    assert metric.undefined.item() == values.isnan().sum().item() == int("F" in cls.__name__)
    assert metric.higher_is_better == (cls is not streaming.MAE)


def test_the_data_sets_maximum_has_one_threshold_for_all_images():
    maximum = streamed(streaming.MaxF())
    curve = so.f_curve(PREDICTION, MASKS)
    assert maximum.compute().item() == pytest.approx(curve.nanmean(0).max().item(), abs=1e-12)
    assert maximum.compute() < so.max_f(PREDICTION, MASKS).nanmean()
    assert maximum.undefined.item() == 1
    e = streamed(streaming.MaxE())
    assert e.compute().item() == pytest.approx(so.e_curve(PREDICTION, MASKS).mean(0).max().item(), abs=1e-12)


def test_without_a_defined_image_the_maximum_is_undefined():
    metric = streaming.MaxF()
    metric.update(PREDICTION[:1], torch.zeros_like(MASKS[:1]))
    assert math.isnan(metric.compute().item())
