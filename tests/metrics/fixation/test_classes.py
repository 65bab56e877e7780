import pytest
import torch
from tests.metrics.fixation.golden import points
from torchmetrics import MetricCollection
from torchmetrics.utilities import dim_zero_sum as torchmetrics_sum

from regard.metrics import LOWER_IS_BETTER, fixation, streaming

GENERATOR = torch.Generator().manual_seed(0)
MAPS = torch.rand(5, 1, 8, 8, generator=GENERATOR)
GOLD = torch.rand(5, 1, 8, 8, generator=GENERATOR)
XY = points([[(0, 0), (1, 1)], [(7, 7)], [], [(3, 3)] * 4, [(2, 5), (5, 2)]])
OTHERS = torch.ones(1, 1, 8, 8)
LOG = (MAPS / MAPS.sum((-2, -1), keepdim=True)).log()
LOG_BASE = torch.full_like(LOG, 1 / 64).log()

CASES = [
    (streaming.AUC, fixation.auc, (MAPS, XY), {}),
    (streaming.AUC, fixation.auc, (MAPS, XY), {"convention": "mit"}),
    (streaming.ShuffledAUC, fixation.sauc, (MAPS, XY, OTHERS), {"own_included": False}),
    (streaming.AUCJudd, fixation.auc_judd, (MAPS, XY), {}),
    (streaming.NSS, fixation.nss, (MAPS, XY), {"convention": "mit"}),
    (streaming.CC, fixation.cc, (MAPS, GOLD), {}),
    (streaming.SIM, fixation.sim, (MAPS, GOLD), {}),
    (streaming.KLDivergence, fixation.kl_divergence, (MAPS, GOLD), {}),
    (streaming.InformationGain, fixation.information_gain, (LOG, XY, LOG_BASE), {}),
    (streaming.Spearman, fixation.spearman, (MAPS, GOLD), {}),
    (streaming.TopIoU, fixation.top_iou, (MAPS, GOLD), {"share": 0.3}),
]


@pytest.mark.parametrize(("kind", "function", "arguments", "options"), CASES)
def test_streams_to_the_mean_over_images(kind, function, arguments, options):
    metric = kind(options=options)
    for part in (slice(0, 2), slice(2, 5)):
        metric.update(*(a if len(a) == 1 else a[part] for a in arguments))
    values = function(*arguments, **options)
    torch.testing.assert_close(metric.compute(), values.nanmean())
    assert metric.images == 5
    assert metric.undefined == values.isnan().sum()


def test_two_processes_add_up():
    """What torchmetrics' synchronisation does with states that are reduced by a sum."""
    parts = [streaming.AUC(), streaming.AUC()]
    parts[0].update(MAPS[:1], XY[:1])
    parts[1].update(MAPS[1:], XY[1:])
    whole = streaming.AUC()
    for name in ("total", "images", "undefined"):
        assert whole._reductions[name] is torchmetrics_sum
        setattr(whole, name, getattr(parts[0], name) + getattr(parts[1], name))
    whole._update_count = 1
    torch.testing.assert_close(whole.compute(), fixation.auc(MAPS, XY).nanmean())


def test_in_a_collection_and_after_reset():
    both = MetricCollection({"auc": streaming.AUC(), "nss": streaming.NSS()})
    both.update(MAPS, XY)
    assert both.compute()["nss"] == pytest.approx(fixation.nss(MAPS, XY).nanmean().item())
    both.reset()
    both.update(MAPS[2:3], XY[2:3])
    assert both.compute()["auc"].isnan()


def test_all_scores_equal_the_single_functions():
    got = fixation.fixation_scores(MAPS, XY, GOLD, OTHERS, own_included=False)
    assert tuple(got) == fixation.FIXATION_METRICS
    assert set(fixation.FIXATION_METRICS) >= (LOWER_IS_BETTER - {"mae"})
    singles = (
        fixation.auc(MAPS, XY),
        fixation.sauc(MAPS, XY, OTHERS, own_included=False),
        fixation.auc_judd(MAPS, XY),
        fixation.nss(MAPS, XY),
        fixation.cc(MAPS, GOLD),
        fixation.sim(MAPS, GOLD),
        fixation.kl_divergence(MAPS, GOLD),
    )
    for name, expected in zip(fixation.FIXATION_METRICS, singles, strict=True):
        torch.testing.assert_close(got[name], expected, equal_nan=True)
    assert "sauc" not in fixation.fixation_scores(MAPS, XY, GOLD)
