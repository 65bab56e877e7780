"""Runs with shuffled labels, and the judgement that uses one as the network without learned features."""

import json
from pathlib import Path

import pytest
import torch
from tests.training.tiny import TRAIN, metrics, tiny

from regard.cli import main
from regard.data import open_data
from regard.training import build_data, load_recipe, load_run, plain_twin, train
from regard.types import RegardError

SHUFFLED = {"shuffle_labels": True}


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("runs")
    train(tiny("true"), folder / "true", quiet=True)
    train(tiny("shuffled", data=SHUFFLED), folder / "shuffled", quiet=True)
    return folder


def test_a_recipe_permutes_the_labels_of_train_and_val_by_its_seed() -> None:
    recipe = tiny(data=SHUFFLED, train={"seed": 4})
    true, shuffled = build_data(tiny()), build_data(recipe)
    for name in ("train", "val"):
        assert not torch.equal(getattr(true, name).labels, getattr(shuffled, name).labels)
        assert torch.equal(getattr(true, name).images, getattr(shuffled, name).images)
    assert torch.equal(true.test.labels, shuffled.test.labels)
    again, other = build_data(recipe), build_data(tiny(data=SHUFFLED, train={"seed": 5}))
    assert torch.equal(again.train.labels, shuffled.train.labels)
    assert not torch.equal(other.train.labels, shuffled.train.labels)
    assert plain_twin(recipe).data.shuffle_labels, "the control of a shuffled run learns the same"


def test_a_run_with_shuffled_labels_opens_like_any_other(runs: Path) -> None:
    recipe, model, data = load_run(runs / "shuffled")
    assert recipe.data.shuffle_labels
    assert load_recipe(runs / "shuffled" / "recipe.yaml") == tiny("shuffled", data=SHUFFLED)
    assert "shuffled" in data.source
    assert metrics(runs / "shuffled")[0]["train/task"] != metrics(runs / "true")[0]["train/task"]
    assert torch.equal(data.test.labels, open_data("clutter", **recipe.data.options).test.labels)
    assert model.predict(data.test.batch([0]).images).shape == (1, 10)
    with pytest.raises(RegardError, match="another recipe"):
        train(tiny("shuffled"), runs / "shuffled", quiet=True)


def test_judge_compares_with_a_shuffled_run_and_refuses_one_with_true_labels(
    runs: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    arguments = [
        "judge",
        "--model",
        str(runs / "true"),
        "--methods",
        "grad_cam,uniform",
        "--metrics",
        "stability,labels",
    ]
    arguments += ["--images", "4", "--again", "4", "--out", str(tmp_path / "judged"), "--json"]
    assert main([*arguments, "--shuffled", str(runs / "shuffled")]) == 0
    table = json.loads(capsys.readouterr().out)
    scores = {(row["method"], row["score"]["key"]): row["score"] for row in table["rows"]}
    assert len(scores) == len(table["rows"]), "a metric requested twice is computed once"
    similarity = scores["grad_cam", "labels_spearman"]
    assert -1 <= similarity["value"] < 0.99
    assert {r["label"] for r in similarity["references"]} == {"unrelated maps", "another image's map"}
    assert scores["uniform", "labels_spearman"]["value"] is None, "a constant map ranks nothing"
    true = tmp_path / "again"
    assert main([*arguments[:-3], "--out", str(true), "--shuffled", str(runs / "true")]) == 2
    assert "learned the labels as they are" in capsys.readouterr().err
    assert main([*arguments[:-3], "--out", str(true), "--shuffled", str(runs / "true" / "model")]) == 2
    assert "has the weights of" in capsys.readouterr().err
    assert not true.exists()


def test_a_second_network_of_another_kind_is_named(
    runs: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    options = {"size": 20, "train": 64, "val": 33, "test": 35, "cache": False}
    small = train(tiny("small", data=SHUFFLED | {"options": options}, train=TRAIN), tmp_path / "small", quiet=True)
    assert main(["judge", "--model", str(runs / "true"), "--shuffled", str(small), "--out", str(tmp_path / "out")]) == 2
    assert "takes (3, 20, 20)" in capsys.readouterr().err
