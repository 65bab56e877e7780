"""Measures of one network on test images, tested on networks with known predictions."""

import itertools
from dataclasses import replace
from typing import Any

import pytest
import torch
from tests.evaluation.contexts import context_of
from torch import Tensor, nn

from regard.data import clutter, evenly_spaced, moving_clutter
from regard.evaluation import EvaluationContext, StudyMeasures, observe, observe_maps
from regard.evaluation.faithfulness import faithful
from regard.evaluation.gaze_similarity import gaze_information, gaze_similarity, train_gaze
from regard.evaluation.robustness import robust
from regard.evaluation.study_measures import performance_floors, task_scores
from regard.gaze import density
from regard.models import AttentiveClassifier, Segmenter, TwoStream
from regard.types import Map, RegardError

DATA = clutter(size=24, train=40, val=4, test=30, observers=6, cache=False)
SIGMA = 1 / 20


class Brightness(nn.Module):
    """Two classes, bright and dark, of the image's upper left quarter; no other pixel matters."""

    def __init__(self) -> None:
        super().__init__()
        self.body = nn.Conv2d(3, 4, 1)
        self.head = nn.Linear(1, 2)
        with torch.no_grad():
            self.head.weight.copy_(torch.tensor([[8.0], [-8.0]]))
            self.head.bias.copy_(torch.tensor([-4.0, 4.0]))

    def forward(self, x: Tensor) -> Tensor:
        self.body(x)
        side = x.shape[-1] // 2
        return self.head(x[:, :, :side, :side].mean((1, 2, 3))[:, None])


def quarters(values: list[float]) -> Map:
    """Upper left, upper right, lower left, lower right, on all test images."""
    return Map(torch.tensor(values).view(1, 1, 2, 2).expand(30, -1, -1, -1), "relevance")


@pytest.fixture(scope="module")
def classifier() -> AttentiveClassifier:
    return AttentiveClassifier(Brightness(), 2, attention=None, input_size=(24, 24)).eval()


def two_classes() -> Any:
    bright = DATA.test.images[:, :, :12, :12].float().mean((1, 2, 3)) / 255 > 0.5
    labels = (~bright).long()
    return replace(DATA.test, labels=labels, classes=("bright", "dark"), fixations=None)


def test_performance_is_one_or_zero_per_image(classifier: AttentiveClassifier) -> None:
    split = two_classes()
    assert task_scores(context_of(classifier, split))["performance"].tolist() == [1.0] * 30
    swapped = replace(split, labels=1 - split.labels)
    context = context_of(classifier, swapped)
    assert task_scores(context)["performance"].tolist() == [0.0] * 30
    assert context.observation.map is None
    assert context.observation.rates == {}
    with pytest.raises(RegardError, match="nothing is attended"):
        observe_maps(classifier, split)


def test_floors_need_no_network() -> None:
    split = two_classes()
    bright = int((split.labels == 0).sum())
    data = replace(DATA, test=split)
    assert performance_floors("classification", data) == {
        "most frequent class": pytest.approx(max(bright, 30 - bright) / 30)
    }
    guessed = replace(data, guesses={"always dark": torch.ones(30).long()})
    assert performance_floors("action", guessed) == {"always dark": pytest.approx(1 - bright / 30)}
    several = replace(split, labels=torch.eye(2)[split.labels])
    assert performance_floors("classification", replace(DATA, test=several)) == {}
    same = replace(split, masks=DATA.test.masks[:1].expand(30, -1, -1, -1))
    assert performance_floors("segmentation", replace(DATA, train=same, test=same)) == {
        "mean mask of the training images": pytest.approx(1)
    }


def test_bits_and_maps_are_those_of_the_gate() -> None:
    torch.manual_seed(0)
    model = AttentiveClassifier("compact", 10, attention="noise", at="stage1", input_size=(24, 24)).eval()
    observation = observe(model, DATA.test, seed=0, samples=())
    assert observation.map is not None
    bits = observation.rates["gate_bits"]
    assert (observation.map.unit, tuple(observation.map.values.shape)) == ("bits", (30, 1, 12, 12))
    assert torch.allclose(observe_maps(model, DATA.test).values, observation.map.values)
    assert bits.min() > 0
    again = observe(model, DATA.test, seed=0, samples=()).rates["gate_bits"]
    assert torch.equal(again, bits), "noise is a function of the seed"
    mean_only = observe(model, DATA.test, seed=0, mean_only=True)
    assert mean_only.rates == {}
    assert torch.equal(mean_only.mean, observation.mean)


def test_a_map_of_relevant_pixels_is_faithful_and_its_complement_is_not(classifier: AttentiveClassifier) -> None:
    context = context_of(classifier, two_classes())
    relevant = faithful(context, quarters([1.0, 0.0, 0.0, 0.0]), images=8)
    assert relevant["faithfulness"].isfinite().nonzero()[:, 0].tolist() == evenly_spaced(30, 8).tolist()
    assert evenly_spaced(30, 8)[-1] == 29, "evenly spread, in sets that are in the order of classes too"
    irrelevant = faithful(context, quarters([0.0, 1.0, 1.0, 1.0]), images=8)
    assert relevant["faithfulness"].nanmean() > 0
    assert irrelevant["faithfulness"].nanmean() == pytest.approx(-float(relevant["faithfulness"].nanmean()), abs=1e-4)
    assert relevant["faithfulness_random"].isfinite().sum() == 8


def test_faithfulness_of_a_segmenter() -> None:
    torch.manual_seed(0)
    model = Segmenter("compact", decoder="fcn32s", at=["stage1"], attention="deterministic", input_size=(24, 24)).eval()
    context = EvaluationContext(model, DATA, seed=0)
    scores = task_scores(context)
    assert {"performance", "mean_f", "mae"} <= set(scores)
    assert torch.allclose(scores["performance"], scores["s"], atol=1e-5)
    assert context.map is not None
    scores_of_map = faithful(context, context.map, images=3)
    assert scores_of_map["faithfulness"].isfinite().sum() == 3
    assert scores_of_map["faithfulness"].nan_to_num(0).abs().max() <= 1
    assert robust(model, DATA.test, "fgsm", severity=3, images=3, seed=0).isfinite().sum() == 3


def test_faithfulness_of_clips_keeps_their_flow() -> None:
    data = moving_clutter(size=24, train=4, val=2, test=6, length=2, cache=False)
    torch.manual_seed(0)
    size = {"length": 2, "input_size": (24, 24)}
    model = TwoStream("compact", len(data.classes), at="stage1", attention="deterministic", **size).eval()
    context = EvaluationContext(model, data, seed=0)
    assert set(task_scores(context)["performance"].tolist()) <= {0.0, 1.0}
    assert context.map is not None
    assert tuple(context.map.values.shape) == (6, 1, 12, 12)
    scores_of_map = faithful(context, context.map, images=2)
    assert scores_of_map["faithfulness"].isfinite().nonzero()[:, 0].tolist() == [0, 5]
    assert robust(model, data.test, "fgsm", severity=3, images=2, seed=0).isfinite().sum() == 2


def test_an_attack_changes_relevant_pixels_within_its_radius(
    classifier: AttentiveClassifier, monkeypatch: pytest.MonkeyPatch
) -> None:
    split = two_classes()
    from regard.evaluation.robustness import ATTACKS, RADIUS, _attacked

    batch = split.batch(range(6))
    for (name, attack), severity in itertools.product(ATTACKS.items(), (1, 3, 5)):
        moved = _attacked(classifier, batch, attack, severity * RADIUS) - batch.images
        assert moved.abs().max() == pytest.approx(severity / 255, abs=1e-6), name
        assert moved[:, :, 12:, 12:].abs().max() == 0, "irrelevant pixels have no gradient"
        bright = batch.labels == 0
        inner = moved[:, :, :12, :12].mean((1, 2, 3))
        assert (inner[bright] < 0).all()
        assert (inner[~bright] > 0).all()
    assert all(parameter.requires_grad for parameter in classifier.parameters())
    hit = robust(classifier, split, "fgsm", severity=3, images=30, seed=0)
    assert hit.isfinite().all()
    radii = []
    monkeypatch.setitem(
        ATTACKS, "fgsm", lambda _network, _loss, images, _target, radius: radii.append(radius) or images
    )
    for severity in (1, 5):
        robust(classifier, split, "fgsm", severity=severity, images=30, seed=0)
    assert radii == [1 / 255, 5 / 255]
    with pytest.raises(RegardError, match="'fog'"):
        robust(classifier, split, "fog", severity=3, images=3, seed=0)
    with pytest.raises(RegardError, match=r"measures\.robust: 'fog'"):
        StudyMeasures(robust=["fog"])


def test_the_human_map_is_near_the_ceiling_and_a_random_map_at_its_floor() -> None:
    assert DATA.gaze is not None
    gaze, train = DATA.gaze(), train_gaze(DATA.train, sigma=SIGMA)
    human_map = Map(density(gaze.points(), size=(24, 24), sigma=24 * SIGMA).float(), "relevance")
    scores = {
        name: float(v.nanmean()) for name, v in gaze_similarity(human_map, gaze, train, sigma=SIGMA, seed=0).items()
    }
    for metric in ("auc", "sauc", "nss", "cc", "sim"):
        assert scores[metric] > scores[f"{metric}_center"], metric
        assert scores[metric] >= scores[f"{metric}_observers"] - 0.02, (
            "all observers predict better than the others alone"
        )
    assert scores["kl"] < scores["kl_center"]
    assert scores["cc"] == pytest.approx(1, abs=1e-5)
    assert abs(scores["nss_random"]) < 0.3
    assert scores["auc_random"] == pytest.approx(0.5, abs=0.1)
    assert scores["sauc_center"] == pytest.approx(0.5, abs=0.1)


def test_human_maps_have_more_information_than_the_centre_and_shuffled_ones_none() -> None:
    assert DATA.gaze is not None
    gaze, train, index = DATA.gaze(), train_gaze(DATA.train, sigma=SIGMA), torch.arange(40)

    def human_map(points: Tensor) -> Map:
        return Map(density(points, size=(24, 24), sigma=24 * SIGMA).float(), "relevance")

    fixations = DATA.train.batch(index).fixations
    assert fixations is not None
    arguments = (human_map(gaze.points()), gaze, human_map(fixations), DATA.train, index, train)
    information = {name: float(v.nanmean()) for name, v in gaze_information(*arguments, sigma=SIGMA, seed=0).items()}
    assert information["ig"] > information["ig_observers"] > 0.5, "all observers predict better than the others alone"
    assert information["ig_center"] == pytest.approx(0, abs=0.05)
    assert information["ig_random"] < -1, "a map without information, used with the calibration of an informative one"
    shuffled = Map(arguments[2].values.roll(1, 0), "relevance")
    uninformative = gaze_information(arguments[0], gaze, shuffled, DATA.train, index, train, sigma=SIGMA, seed=0)
    assert float(uninformative["ig"].mean()) < 0.3, "the calibration of uninformative training maps flattens them"
    assert float(uninformative["ig_random"].mean()) == pytest.approx(0, abs=0.1)


def test_floors_come_from_training_images() -> None:
    train = train_gaze(DATA.train, sigma=SIGMA)
    assert float(train.center.sum()) == pytest.approx(1)
    assert int(train.others.sum()) == 40 * 6 * 4
    moved = replace(DATA.train, fixations=DATA.train.fixations * 0 + 2.0)
    corner = train_gaze(moved, sigma=SIGMA)
    assert corner.others[0, 0, 2, 2] == corner.others.sum()
    assert train.with_gaze.tolist() == list(range(40))
    unseen = DATA.train.fixations.clone()
    unseen[torch.arange(40) != 7] = torch.nan
    assert train_gaze(replace(DATA.train, fixations=unseen), sigma=SIGMA).with_gaze.tolist() == [7]
    with pytest.raises(RegardError, match="without fixations"):
        train_gaze(replace(DATA.train, fixations=None), sigma=SIGMA)


def test_one_observer_has_no_ceiling_and_an_image_without_gaze_no_score() -> None:
    data = clutter(size=24, train=10, val=4, test=30, observers=1, cache=False)
    assert data.gaze is not None
    gaze = data.gaze()
    gaze = gaze.rows(gaze.image != 3)
    map = Map(torch.rand(30, 1, 6, 6), "gate")
    similarity = gaze_similarity(map, gaze, train_gaze(data.train, sigma=SIGMA), sigma=SIGMA, seed=0)
    assert not [name for name in similarity if name.endswith("_observers")]
    assert similarity["nss"].isnan().nonzero()[:, 0].tolist() == [3]
    learned = Map(torch.rand(10, 1, 6, 6), "gate")
    train = train_gaze(data.train, sigma=SIGMA)
    information = gaze_information(map, gaze, learned, data.train, torch.arange(10), train, sigma=SIGMA, seed=0)
    assert "ig_observers" not in information
    assert information["ig"].isnan().nonzero()[:, 0].tolist() == [3]
