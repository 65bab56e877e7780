"""Features of a run on another data set, with their floors."""

import json
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from tests.training.tiny import tiny

from regard.cli import main
from regard.data import DataSplits, TensorSplit, open_data
from regard.data.generated.clutter import generate_clutter
from regard.evaluation import ALL_EXAMPLES, TransferOptions, transfer
from regard.evaluation.transfer import examples, fit_probe, of_network, of_pixels
from regard.models import AttentiveClassifier
from regard.training import train
from regard.types import RegardError


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return train(tiny(), tmp_path_factory.mktemp("runs") / "tiny", quiet=True)


def test_a_curve_with_its_floors_resumed_and_claimed(
    run: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    command = ["transfer", "--run", str(run), "--data", "digits", "--out", str(tmp_path), "--draws", "2"]
    assert main([*command, "--shots", "1,20,all"]) == 0
    output = capsys.readouterr().out
    assert "untrained" in output
    results = json.loads((tmp_path / "transfer.json").read_text())
    assert [point["shots"] for point in results["curve"]] == [1, 20, "all"]
    assert [point["network"]["draws"] for point in results["curve"]] == [2, 2, 1]
    pixels = [point["pixels"]["value"] for point in results["curve"]]
    assert pixels[0] < pixels[1] < pixels[2]
    assert pixels[2] > 0.93  # what logistic regression reaches on these digits
    assert results["curve"][2]["pixels"]["low"] < pixels[2] < results["curve"][2]["pixels"]["high"]
    point = results["curve"][1]
    assert point["difference"]["pixels"]["value"] == pytest.approx(point["network"]["value"] - point["pixels"]["value"])
    assert results["data"]["test"] == 467

    cell = tmp_path / "cells" / "network-20.npz"
    before = {path.name: path.stat().st_mtime_ns for path in cell.parent.iterdir()}
    cell.unlink()
    (tmp_path / "transfer.json").unlink()
    assert main([*command, "--shots", "1,20,all", "--json"]) == 0
    assert json.loads(capsys.readouterr().out) == results, "the missing cell comes out the same"
    after = {path.name: path.stat().st_mtime_ns for path in cell.parent.iterdir()}
    assert {name for name, time in after.items() if time != before[name]} == {cell.name}
    assert main([*command, "--shots", "1"]) == 2
    assert "other options" in capsys.readouterr().err


def test_features_are_the_latent_mean_or_the_classifier_input() -> None:
    images = torch.rand(3, 3, 20, 20)
    small = torch.nn.functional.interpolate(images, (16, 16), mode="bilinear", antialias=True)
    with_latent = AttentiveClassifier("compact", 4, at="stage1", latent=6, input_size=(16, 16)).eval()
    assert torch.allclose(of_network(with_latent)(images), with_latent(small, samples=0).latent.mean, atol=1e-5)
    plain = AttentiveClassifier("compact", 4, attention=None, input_size=(16, 16)).eval()
    features = of_network(plain)(images)
    assert torch.allclose(plain.trunk.head(features), plain(small, samples=0).logits[0], atol=1e-4)
    assert of_pixels((8, 8))(torch.rand(2, 3, 8, 8)).shape == (2, 192)
    assert of_pixels((64, 48))(torch.rand(2, 3, 64, 48)).shape == (2, 3 * 32 * 32)


def test_examples_are_k_per_class_and_differ_between_draws() -> None:
    labels = torch.arange(60) % 3
    first, second = (examples(labels, 5, seed=0, draw=draw) for draw in (0, 1))
    assert labels[first].bincount().tolist() == [5, 5, 5]
    assert set(first.tolist()) != set(second.tolist())
    assert examples(labels, 5, seed=0, draw=0).tolist() == first.tolist()
    assert set(examples(labels, 2, seed=0, draw=0).tolist()) < set(first.tolist())
    assert len(examples(labels, ALL_EXAMPLES, seed=0, draw=0)) == 60
    assert labels[examples(labels, 99, seed=0, draw=0)].bincount().tolist() == [20, 20, 20]


def test_the_penalty_is_chosen_where_examples_suffice() -> None:
    random = np.random.default_rng(0)
    rows = random.normal(size=(60, 30)).astype(np.float32)
    labels = (rows[:, 0] > 0).astype(np.int64)
    for count, val, how in ((2, None, "nothing"), (40, None, "cross-validation"), (40, (rows, labels), "validation")):
        chosen = [int(np.flatnonzero(labels == c)[k]) for c in (0, 1) for k in range(count // 2)]
        assert fit_probe(rows[chosen], labels[chosen], val, seed=0).chosen_on == how
    noise = random.permutation(labels)
    strong = fit_probe(rows[:40], labels[:40], (rows[40:], labels[40:]), seed=0)
    assert strong.hits(rows[40:], labels[40:]).mean() > 0.7
    assert strong.hits(rows[40:], noise[40:]).mean() < 0.8


def test_digits_are_split_as_in_clutter() -> None:
    data = open_data("digits")
    images = torch.cat([split.images for split in (data.train, data.val, data.test)]).flatten(1)
    assert len(images) == 1797
    assert data.train.labels.bincount().min() > 90
    test_images = generate_clutter("test", 4, 64, 0, 0, 0, (0.5, 0.8))
    assert test_images["labels"].shape == (4,)
    assert not {tuple(x) for x in data.test.images.flatten(1).tolist()} & {
        tuple(x) for x in data.train.images.flatten(1).tolist()
    }


def test_unsupported_input_is_refused(run: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(RegardError, match="not in the catalog"):
        transfer(run, "nothing", tmp_path)
    with pytest.raises(RegardError, match="at least 1"):
        TransferOptions(draws=0)
    many = TensorSplit("train", ("a", "b"), torch.zeros(2, 3, 4, 4, dtype=torch.uint8), torch.ones(2, 2))
    splits = DataSplits(many, many, many, torch.zeros(3), torch.ones(3), "", "")
    monkeypatch.setattr(sys.modules["regard.evaluation.transfer"], "open_data", lambda *_, **__: splits)
    with pytest.raises(RegardError, match="several labels"):
        transfer(run, "digits", tmp_path)
    assert main(["transfer", "--run", str(run), "--data", "digits", "--shots", "few"]) == 2
