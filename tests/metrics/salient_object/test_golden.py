"""Equal to pysodmetrics 1.6.2 to 1e-9; the two places where regard differs on purpose are named."""

import json
import math
from pathlib import Path

import pytest
import torch
from tests.metrics.salient_object.cases import cases

from regard.metrics import salient_object as so

GOLDEN = json.loads(Path(__file__).with_name("golden.json").read_text())
F_MEASURES = {"max_f", "mean_f", "adaptive_f", "weighted_f"}


def tensors(name):
    prediction, mask = cases()[name]
    return torch.from_numpy(prediction)[None, None], torch.from_numpy(mask)[None, None]


def expected(name, metric):
    if name.startswith("empty mask") and metric in F_MEASURES:
        assert GOLDEN[name][metric] == 0  # regard: undefined
        return math.nan
    return GOLDEN[name][metric]


@pytest.mark.parametrize("name", GOLDEN)
def test_equal_to_pysodmetrics(name):
    scores = so.salient_object_scores(*tensors(name))
    assert set(scores) == set(GOLDEN[name]) == set(so.SALIENT_OBJECT_METRICS)
    for metric, value in scores.items():
        reference = expected(name, metric)
        if reference is None:
            continue  # tested below
        # pysodmetrics computes in the prediction's precision, regard in float64 once levels are counted
        digits = 1e-6 if "float32" in name else 1e-9
        assert value.item() == pytest.approx(reference, abs=digits, nan_ok=True), metric


def test_only_the_s_measure_of_an_object_on_the_last_row_or_column_is_without_an_oracle():
    missing = [(name, metric) for name, row in GOLDEN.items() for metric, value in row.items() if value is None]
    assert missing == [("one row", "s"), ("last column", "s")]


def test_a_quarter_without_a_pixel_has_no_weight():
    prediction, mask = tensors("first column")
    mirrored = so.s_measure(prediction.flip(3), mask.flip(3)).item()
    # Mirrored, the two quarters differ by the column of the centroid itself; neither is NaN.
    assert 0 < mirrored < 1
    assert so.s_measure(mask.flip(3).double(), mask.flip(3)).item() == pytest.approx(1, abs=1e-12)


def test_batch_size_changes_nothing():
    names = [name for name in GOLDEN if cases()[name][0].shape == (41, 32) and "float32" not in name]
    prediction, masks = (torch.cat(parts) for parts in zip(*map(tensors, names), strict=True))
    scores = so.salient_object_scores(prediction, masks)
    for b, name in enumerate(names):
        for metric, value in so.salient_object_scores(*tensors(name)).items():
            assert scores[metric][b].item() == pytest.approx(value.item(), abs=1e-12, nan_ok=True), (name, metric)


@pytest.mark.gpu
def test_equal_on_cuda():
    for name in GOLDEN:
        prediction, mask = tensors(name)
        for metric, value in so.salient_object_scores(prediction.cuda(), mask.cuda()).items():
            reference = expected(name, metric)
            digits = 1e-6 if "float32" in name else 1e-9
            assert reference is None or value.item() == pytest.approx(reference, abs=digits, nan_ok=True), (
                name,
                metric,
            )
