"""The torchmetrics classes in a MetricCollection: by position, by name, nested, in compute groups, pickled, plotted."""

import copy
import inspect
import pickle
import subprocess
import sys

import matplotlib as mpl
import pytest
import torch
from torchmetrics import Metric, MetricCollection
from torchmetrics.regression import MeanAbsoluteError

import regard.metrics
from regard.metrics import fixation, functional, salient_object, streaming

mpl.use("Agg")
GENERATOR = torch.Generator().manual_seed(0)
MAPS, GOLD, PREDICTION = torch.rand(3, 6, 1, 9, 8, generator=GENERATOR)
FIXATIONS = 8 * torch.rand(6, 4, 2, generator=GENERATOR)
FIXATIONS[4] = torch.nan
OTHERS = torch.ones(1, 1, 9, 8)
MASKS = torch.rand(6, 1, 9, 8, generator=GENERATOR) > 0.6
MASKS[2] = False
LOG_DENSITY, BASELINE = ((m / m.sum((2, 3), keepdim=True)).log() for m in (MAPS, GOLD))
TENSORS = {
    "maps": MAPS,
    "gold": GOLD,
    "fixations": FIXATIONS,
    "prediction": PREDICTION,
    "masks": MASKS,
    "log_density": LOG_DENSITY,
    "baseline": BASELINE,
}
SIGNATURES = {
    "AUC": ("maps", "fixations"),
    "ShuffledAUC": ("maps", "fixations", "others"),
    "AUCJudd": ("maps", "fixations"),
    "NSS": ("maps", "fixations"),
    "CC": ("maps", "gold"),
    "SIM": ("maps", "gold"),
    "KLDivergence": ("maps", "gold"),
    "InformationGain": ("log_density", "fixations", "baseline"),
    "Spearman": ("maps", "gold"),
    "TopIoU": ("maps", "gold"),
}
SALIENT = ("MaxF", "MaxE", "MeanF", "AdaptiveF", "WeightedF", "MAE", "SMeasure", "MeanE", "AdaptiveE")
SIGNATURES |= dict.fromkeys(SALIENT, ("prediction", "masks"))
PARTS = (slice(0, 2), slice(2, 6))


def batch(names, part):
    return {name: OTHERS if name == "others" else TENSORS[name][part] for name in names}


def alone(name):
    metric = getattr(streaming, name)()
    for part in PARTS:
        metric.update(*batch(SIGNATURES[name], part).values())
    return metric.compute()


def collection(names):
    return MetricCollection({name: getattr(streaming, name)() for name in names})


@pytest.mark.parametrize("name", SIGNATURES)
def test_update_has_the_signature_of_the_function(name):
    metric = getattr(streaming, name)()
    assert tuple(inspect.signature(metric.update).parameters) == SIGNATURES[name]
    assert all(argument in metric.update.__doc__ for argument in SIGNATURES[name])
    with pytest.raises(TypeError):
        metric.update(MAPS)


@pytest.mark.parametrize("names", [("AUC", "AUCJudd", "NSS"), ("CC", "SIM", "KLDivergence", "TopIoU"), SALIENT])
def test_metrics_of_one_signature_by_position_and_by_name(names):
    by_position, by_name = collection(names), collection(names)
    for part in PARTS:
        tensors = batch(SIGNATURES[names[0]], part)
        by_position.update(*tensors.values())
        by_name.update(**tensors)
    for got in (by_position.compute(), by_name.compute()):
        assert got == {name: alone(name) for name in names}


def test_metrics_of_several_signatures_by_name():
    every = collection(SIGNATURES)
    for part in PARTS:
        every.update(**batch([*TENSORS, "others"], part), unused=MAPS)
    assert every.compute() == {name: alone(name) for name in SIGNATURES}


def test_forward_gives_the_batch_and_counts_it():
    both = collection(("NSS", "CC"))
    values = [both(**batch(("maps", "fixations", "gold"), part)) for part in PARTS]
    assert values[0]["NSS"] == pytest.approx(fixation.nss(MAPS[:2], FIXATIONS[:2]).mean().item())
    assert both.compute() == {"NSS": alone("NSS"), "CC": alone("CC")}


def test_nested_collections_and_prefixes():
    inner = MetricCollection([streaming.MaxF(), streaming.MAE()], prefix="object_")
    outer = MetricCollection([MetricCollection([streaming.NSS(), streaming.AUC()], prefix="gaze_"), inner])
    for part in PARTS:
        outer.update(**batch(("maps", "fixations", "prediction", "masks"), part))
    assert outer.compute() == {
        "gaze_NSS": alone("NSS"),
        "gaze_AUC": alone("AUC"),
        "object_MaxF": alone("MaxF"),
        "object_MAE": alone("MAE"),
    }


def test_beside_a_metric_of_torchmetrics():
    both = MetricCollection({"ours": streaming.CC(), "theirs": MeanAbsoluteError()})
    both.update(maps=MAPS, gold=GOLD, preds=MAPS, target=GOLD)
    assert both.compute()["theirs"] == pytest.approx((MAPS - GOLD).abs().mean().item())


def test_equal_states_after_the_first_batch_do_not_join_metrics_that_differ():
    """A first batch on which nothing is defined leaves equal states; torchmetrics merges metrics by their states."""
    several = MetricCollection(
        {
            "auc": streaming.AUC(),
            "nss": streaming.NSS(),
            "mit": streaming.NSS(convention="mit"),
            "same": streaming.NSS(),
        }
    )
    for part in (slice(4, 5), slice(0, 4)):
        several.update(MAPS[part], FIXATIONS[part])
    got = several.compute()
    assert got["auc"] == pytest.approx(fixation.auc(MAPS, FIXATIONS)[:4].mean().item())
    assert got["nss"] == pytest.approx(fixation.nss(MAPS, FIXATIONS)[:4].mean().item())
    assert got["mit"] == pytest.approx(fixation.nss(MAPS, FIXATIONS, convention="mit")[:4].mean().item())
    assert ["nss", "same"] in several.compute_groups.values(), "equal metrics are updated once"
    assert len(several.compute_groups) == 3


def test_options_by_name_and_an_unknown_one():
    assert streaming.TopIoU(share=0.3).options == streaming.TopIoU(options={"share": 0.3}).options == {"share": 0.3}
    assert streaming.NSS(convention="mit", sync_on_compute=False).sync_on_compute is False
    with pytest.raises(ValueError, match="conventoin"):
        streaming.NSS(conventoin="mit")


@pytest.mark.parametrize("name", SIGNATURES)
def test_a_class_is_importable_documented_picklable_and_plotted(name):
    kind = getattr(regard.metrics, name)
    assert kind is getattr(streaming, name)
    assert name in regard.metrics.__all__
    assert all(argument in kind.__doc__ for argument in SIGNATURES[name])
    assert kind.higher_is_better == (name not in ("MAE", "KLDivergence"))
    assert kind.full_state_update is False
    assert kind.is_differentiable is False
    metric = kind()
    tensors = batch(SIGNATURES[name], slice(0, 2))
    metric.update(**tensors)
    for twin in (pickle.loads(pickle.dumps(metric)), copy.deepcopy(metric), metric.clone()):
        assert twin.compute() == metric.compute()
        assert tuple(inspect.signature(twin.update).parameters) == SIGNATURES[name]
        twin.update(*tensors.values())
    figure, axes = metric.plot()
    assert axes.has_data()
    mpl.pyplot.close(figure)


def test_metrics_load_without_torchmetrics():
    code = "import sys, regard.metrics as m; m.NSS; assert 'torchmetrics' in sys.modules; m.functional.nss"
    early = "import sys, regard.metrics; assert 'torchmetrics' not in sys.modules, 'loaded at once'; "
    subprocess.run([sys.executable, "-W", "ignore", "-c", early + code], check=True)
    with pytest.raises(AttributeError, match="NoSuchMetric"):
        _ = regard.metrics.NoSuchMetric


def test_functional_exports_the_functions():
    assert functional.nss is fixation.nss
    assert functional.mae is salient_object.mae
    assert sum(inspect.isfunction(value) for value in vars(functional).values()) == 53


def test_every_stream_is_a_metric_in_the_face():
    kinds = {k for k, v in vars(streaming).items() if inspect.isclass(v) and issubclass(v, Metric) and k[0] != "_"}
    loaded_on_use = set(regard.metrics.__all__) - set(vars(regard.metrics))
    assert kinds - {"Metric"} == loaded_on_use
    assert set(SIGNATURES) | {"ItemScores", "CalibrationError", "AnchorCounts"} == loaded_on_use


def test_metrics_of_maps_accept_tensors():
    images = torch.rand(6, 3, 9, 8, generator=GENERATOR)
    classes = torch.zeros(6, dtype=torch.long)

    def brightness(x):
        return x.mean((1, 2, 3))[:, None]

    own = regard.types.Map(MAPS, "relevance")
    for metric in (functional.energy_inside, functional.pointing_game):
        assert torch.equal(metric(MAPS, MASKS).nan_to_num(9), metric(own, MASKS).nan_to_num(9))
    iou = [functional.iou(m, MASKS, threshold=0.5).nan_to_num(9) for m in (MAPS, own)]
    assert torch.equal(*iou)
    for metric in (functional.deletion, functional.insertion):
        areas = [metric(brightness, images, m, classes).area for m in (MAPS, own)]
        assert torch.equal(*areas)
    assert torch.equal(functional.cosine(MAPS, GOLD), functional.cosine(own, regard.types.Map(GOLD, "bits")))
    with pytest.raises(regard.types.RegardError, match=r"maps must be \(B,1,h,w\)"):
        functional.pointing_game(MAPS[:, 0], MASKS)
