"""Evaluation of action recognition: streams, floors, localization, gaze, and warnings of proxy data."""

import json
from dataclasses import replace

import numpy as np
import pytest
import torch
from tests.evaluation.contexts import context_of, json_rows
from tests.training.test_action import CLIPS, several_labels
from tests.training.tiny import tiny

from regard.data import TensorSplit, shuffle_gaze
from regard.evaluation import Observation, evaluate
from regard.evaluation.prediction import mean_average_precision, prediction
from regard.report import read_evaluation, write_report
from regard.training import build_data, data_record, plain_twin, train
from regard.training.recipe_model import ImposeRecipe


@pytest.fixture(autouse=True, scope="module")
def cache(tmp_path_factory):
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("REGARD_CACHE", str(tmp_path_factory.mktemp("cache")))
        yield


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    folder = tmp_path_factory.mktemp("runs") / "act"
    recipe = tiny("act", **CLIPS)
    train(recipe, folder, quiet=True)
    train(plain_twin(recipe), folder / "twin", quiet=True)
    evaluate(folder)
    return folder


def rows(folder):
    return {row["key"]: row for row in json.loads((folder / "evaluation.json").read_text())["scores"]}


def test_streams_localization_and_gaze_are_scored(folder):
    scores = rows(folder)
    assert {"accuracy_mean", "nll", "accuracy_flow", "accuracy_rgb", "energy_inside", "pointing", "iou"} <= set(scores)
    assert {"gaze_nss", "gaze_auc", "gaze_cc"} <= set(scores), "own gaze, also without alignment"
    assert [r["label"] for r in scores["accuracy_mean"]["references"]] == ["plain twin", "most frequent class"]
    assert scores["accuracy_rgb"]["references"][0]["value"] == scores["accuracy_mean"]["value"]
    ceiling = scores["gaze_nss"]["references"][-1]
    assert ceiling["role"] == "ceiling"
    assert ceiling["value"] > 1
    with np.load(folder / "per_image.npz") as arrays:
        assert {"accuracy_mean", "accuracy_flow", "nll", "energy_inside", "gaze_nss"} <= set(arrays)
        assert all(values.shape == (19,) for values in arrays.values())
    evaluation = json.loads((folder / "evaluation.json").read_text())
    assert evaluation["model"]["at"] == ["rgb.stage1"]
    assert evaluation["warnings"][0].startswith("Observers are simulated")


def test_the_page_is_written(folder):
    assert len(read_evaluation(folder).gallery) == 12
    page = write_report(folder).read_text()
    assert "Accuracy, the flow alone" in page
    assert "Observers are simulated" in page


def test_floors_and_remarks_of_a_proxy_are_shown(tmp_path, monkeypatch):
    original = data_record.open_data

    def proxy(*args, **options):
        data = original(*args, **options)
        labels = data.test.labels
        alone = replace(data.gaze(), subject=np.zeros_like(data.gaze().subject), subjects=("one",))
        return replace(
            data,
            guesses={"proxy floor: always right": labels, "proxy floor: always wrong": (labels + 1) % 12},
            remarks=("A proxy for something.",),
            proxy=True,
            gaze=lambda: alone,
        )

    monkeypatch.setattr(data_record, "open_data", proxy)
    run = train(tiny("proxy", **CLIPS), tmp_path / "proxy", quiet=True)
    evaluate(run)
    evaluation = json.loads((run / "evaluation.json").read_text())
    assert evaluation["data"]["name"] == "moving_clutter (proxy)"
    assert evaluation["warnings"][0] == "A proxy for something."
    scores = rows(run)
    values = {r["label"]: r["value"] for r in scores["accuracy_mean"]["references"]}
    assert values["proxy floor: always right"] == 1
    assert values["proxy floor: always wrong"] == 0
    assert "of moving_clutter (proxy)" in scores["gaze_nss"]["meaning"]
    assert scores["gaze_nss"]["references"][-1]["value"] is None, "one observer has no ceiling"
    page = write_report(run).read_text()
    assert "moving_clutter (proxy)" in page


def test_an_override_map_is_used_and_named_in_the_warnings(tmp_path):
    fixed = CLIPS["model"] | {"attention": "uniform"}
    recipe = tiny("human", **CLIPS | {"model": fixed}, impose=ImposeRecipe(map="human"))
    run = train(recipe, tmp_path / "human", quiet=True)
    evaluate(run)
    evaluation = json.loads((run / "evaluation.json").read_text())
    assert any("an oracle, not a method" in warning for warning in evaluation["warnings"])
    assert evaluation["model"]["attention"] == "human map, imposed"
    scores = rows(run)
    centre = scores["gaze_nss"]["references"][0]
    assert scores["gaze_nss"]["value"] > centre["value"], "the human map agrees with human gaze"


def test_several_labels_are_ranked(tmp_path, monkeypatch):
    original = data_record.open_data
    monkeypatch.setattr(data_record, "open_data", lambda *a, **k: several_labels(original(*a, **k)))
    run = train(tiny("multi", **CLIPS), tmp_path / "multi", quiet=True)
    evaluate(run)
    row = rows(run)["map"]
    labels = {r["label"] for r in row["references"]}
    assert labels == {"random order", "the flow alone", "the image alone"}
    assert 0 < row["value"] < 1
    assert row["references"][0]["value"] == pytest.approx(2 / 7, abs=0.02)
    write_report(run)


def test_average_precision_by_hand():
    targets = torch.tensor([[1, 0, 0], [0, 1, 0], [1, 0, 0], [0, 1, 0]])
    probabilities = torch.tensor([[0.9, 0.9, 0.5], [0.8, 0.8, 0.5], [0.7, 0.7, 0.5], [0.1, 0.6, 0.5]])
    value, absent = mean_average_precision(probabilities, targets)
    assert absent == 1  # the third label: no clip has it
    first, second = (1 + 2 / 3) / 2, (1 / 2 + 2 / 4) / 2
    assert value == pytest.approx((first + second) / 2)
    row = precision_row(probabilities, targets)
    assert row["undefined"] == {"labels that no clip has": 1}
    assert row["references"][0]["value"] == pytest.approx(0.5)
    assert precision_row(probabilities, torch.zeros_like(targets))["value"] is None


def precision_row(probabilities, targets):
    split = TensorSplit("test", tuple("abc"), torch.zeros(4, 3, 8, 8).byte(), targets.float())
    observation = Observation(mean=probabilities, streams={"flow": probabilities})
    return json_rows(prediction(context_of(None, split, observation)))[0]


def test_shuffled_gaze_agrees_less(folder):
    recipe = tiny("act", **CLIPS)
    data = build_data(recipe)
    shuffled = shuffle_gaze(data.train, seed=0)
    assert torch.equal(shuffled.flow, data.train.flow)
    assert not torch.equal(shuffled.fixations, data.train.fixations)
