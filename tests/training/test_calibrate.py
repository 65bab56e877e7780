"""Thresholds, priors and statistics of the mean path, set for the weights as they are: images that were not seen pay
what was asked.
"""

import json
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from tests.training.tiny import metrics, tiny, weights
from torch import Tensor, nn

from regard.attention import create_attention, projections, set_progress
from regard.backbones import attach, record, two_path_norms
from regard.data import evenly_spaced
from regard.models import AttentiveClassifier
from regard.training import build_data, build_model, calibrate_attention, load_run, save_recipe, train
from regard.training.calibration import CalibrationCallback, calibrates
from regard.types import NATS_PER_BIT

OPTIONS = {"initial": 0.5}
MANY = {"options": {"size": 16, "train": 64, "val": 1536, "test": 35, "cache": False}}


def other_bits(folder: Path) -> float:
    """What images pay that are of the kind of those that the thresholds were set by, but not among them.

    Test images of `clutter` are photographs of other kinds, whose contrast is another.
    """
    _, model, data = load_run(folder)
    looked_at = set(evenly_spaced(len(data.val), 512).tolist())
    others = [row for row in range(len(data.val)) if row not in looked_at]
    torch.manual_seed(5)
    with torch.no_grad():
        output = model(data.val.batch(others).images, samples=1)
    price = sum(layer.price.sum((2, 3, 4)) for layer in output.attention)
    return price.mean().item() / NATS_PER_BIT


def images(count: int, seed: int, size: int = 16) -> Tensor:
    """Images of different contrast."""
    generator = torch.Generator().manual_seed(seed)
    return 0.5 + (torch.rand(count, 3, size, size, generator=generator) - 0.5) * torch.rand(
        count, 1, 1, 1, generator=generator
    )


@pytest.mark.parametrize(
    ("name", "model", "train_options"),
    [
        ("one layer", {}, {}),
        ("two layers", {"at": ["stage1", "stage2"]}, {}),
        ("average of the weights", {}, {"ema": 0.8}),
        ("a share of mean passes", {}, {"mean_share": 0.5}),
    ],
)
@pytest.mark.parametrize("budget", [40.0, 400.0])
def test_other_images_pay_what_was_asked(
    name: str, model: dict, train_options: dict, budget: float, tmp_path: Path
) -> None:
    recipe = tiny(
        data=MANY,
        model=model,
        train={"epochs": 2} | train_options,
        objective={"map_budget_bits": budget},
        optim={"name": "adamw", "lr": 5e-3},
    )
    folder = train(recipe, tmp_path / "run", quiet=True)
    assert metrics(folder)[-1]["val/gate_bits"] == pytest.approx(budget, rel=0.03)
    assert other_bits(folder) == pytest.approx(budget, rel=0.05), name


def test_per_image_every_test_image_pays_what_was_asked(tmp_path: Path) -> None:
    recipe = tiny(train={"epochs": 2}, objective={"map_budget_bits": 100.0, "per_image": True})
    _, model, data = load_run(train(recipe, tmp_path / "run", quiet=True))
    with torch.no_grad():
        output = model(data.test.batch(range(35)).images, samples=1)
    paid = output.attention[0].price[0].flatten(1).sum(1) / NATS_PER_BIT
    torch.testing.assert_close(paid, torch.full((35,), 100.0), rtol=2e-3, atol=0)


@pytest.mark.parametrize("norms", ["batch", "frozen"])
def test_on_training_images_the_mean_path_is_normalised_as_the_sampled_one(norms: str, tmp_path: Path) -> None:
    recipe = tiny(train={"epochs": 2}, model={"norms": norms})
    _, model, data = load_run(train(recipe, tmp_path / "run", quiet=True))
    norm = two_path_norms(model)[0]
    seen: list[Tensor] = []
    hook = norm.register_forward_hook(lambda _m, _a, out: seen.append(out))
    torch.manual_seed(0)
    with torch.no_grad():
        for samples in (0, 1):
            model(data.train.batch(range(64)).images, samples=samples)
    hook.remove()
    (var, mean), (expected_var, expected_mean) = (torch.var_mean(out, (0, 2, 3)) for out in seen)
    torch.testing.assert_close(mean, expected_mean, rtol=0, atol=0.05)  # the noise is another
    torch.testing.assert_close(var, expected_var, rtol=0.1, atol=0)


KILLED = """
import os, signal, sys
from pathlib import Path
from regard.training import load_recipe, train
from regard.training.checkpoints import AtomicCheckpoints
save, count = AtomicCheckpoints.save_checkpoint, [0]

def killing(self, *arguments, **options):
    save(self, *arguments, **options)
    count[0] += 1
    if "last" in str(arguments[1]) and count[0] > 1:
        os.kill(os.getpid(), signal.SIGKILL)

AtomicCheckpoints.save_checkpoint = killing
train(load_recipe(Path(sys.argv[1])), Path(sys.argv[2]), quiet=True)
"""


@pytest.mark.slow
@pytest.mark.parametrize("ema", [None, 0.8])
def test_a_killed_run_under_a_budget_resumes_to_the_same_result(ema: float | None, tmp_path: Path) -> None:
    recipe = tiny(
        model={"at": ["stage1", "stage2"]},
        train={"epochs": 4, "ema": ema, "mean_share": 0.25},
        objective={"map_budget_bits": 200.0},
    )
    unbroken = train(recipe, tmp_path / "unbroken", quiet=True)
    save_recipe(recipe, tmp_path / "recipe.yaml")
    folder = tmp_path / "killed"
    command = [sys.executable, "-c", KILLED, str(tmp_path / "recipe.yaml"), str(folder)]
    process = subprocess.run(command, capture_output=True, text=True, timeout=400)
    assert process.returncode < 0, process.stderr
    assert 0 < len(metrics(folder)) < 4
    train(recipe, folder, quiet=True)
    assert metrics(folder) == metrics(unbroken)
    ours, theirs = weights(folder), weights(unbroken)
    assert ours.keys() == theirs.keys()
    assert all(torch.equal(value, theirs[key]) for key, value in ours.items())
    assert {key.rpartition(".")[2] for key in ours if "projection" in key} >= {"threshold", "share"}


def test_calibration_does_not_move_training(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The weights without it are the same: thresholds are solved to the same solution from another start."""
    recipe = tiny(train={"epochs": 2}, objective={"map_budget_bits": 300.0})
    with_it = weights(train(recipe, tmp_path / "with", quiet=True))
    free = tiny(train={"epochs": 2})
    calibrated = weights(train(free, tmp_path / "free", quiet=True))
    monkeypatch.setattr(CalibrationCallback, "on_validation_epoch_start", lambda *_: None)
    without = weights(train(free, tmp_path / "without", quiet=True))
    moved = {key for key, value in calibrated.items() if not torch.equal(value, without[key])}
    assert moved
    assert all(".mean_path_" in key for key in moved)
    assert any("threshold" in key for key in with_it)


def test_a_recipe_without_anything_to_calibrate_has_no_callback() -> None:
    plain = tiny(model={"attention": None, "latent": None})
    masked = tiny(model={"attention": "mask"})
    budget = tiny(model={"attention": "mask", "anchors": 4, "latent": None}, objective={"kept_budget": 0.3})
    for recipe, expected in ((plain, False), (masked, False), (tiny(), True), (budget, True)):
        assert calibrates(build_model(recipe, build_data(recipe))) == expected


def own_network(**options) -> nn.Module:
    torch.manual_seed(0)
    network = nn.Sequential(
        nn.Conv2d(3, 8, 3, padding=1), nn.ReLU(), nn.Conv2d(8, 8, 3, padding=1), nn.BatchNorm2d(8), nn.ReLU(),
        nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(8, 2),
    )  # fmt: skip
    return attach(network, "0", "noise", input_size=(16, 16), **OPTIONS | options)


@pytest.mark.parametrize("budget", [10.0, 100.0])
def test_a_loop_of_ones_own(budget: float) -> None:
    """A network of one's own, attended, trained by a loop of one's own, and calibrated by one call."""
    model = own_network(budget=budget, head="conv").train()
    optimizer = torch.optim.Adam(model.parameters(), lr=3e-3)
    train_images, val_images, test_images = images(128, 0), images(256, 1), images(512, 2)
    labels = (train_images.std((1, 2, 3)) > 0.15).long()
    for step in range(32):
        set_progress(model, step / 32)
        part = torch.arange(step * 16, step * 16 + 16) % 128
        with record(model, samples=1):
            loss = nn.functional.cross_entropy(model(train_images[part]), labels[part])
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    model.eval()
    calibrate_attention(model, train_images, val_images)
    assert not model.training
    with torch.no_grad(), record(model, samples=2) as recorder:
        model(test_images)
    paid = recorder.outputs[0].price.sum((2, 3, 4)).mean().item() / NATS_PER_BIT
    assert paid == pytest.approx(budget, rel=0.05)


def test_the_forms_in_which_images_are_given_agree() -> None:
    """A tensor, batches of images, and a loader of pairs; the result is a function of images and seed alone."""
    train_images, val_images = images(256, 0), images(256, 1)
    forms = [
        (train_images, val_images),
        (train_images.split(128), list(val_images.split(128))),
        ([(part, torch.zeros(128)) for part in train_images.split(128)], iter(val_images.split(128))),
    ]
    states = []
    for train_form, val_form in forms:
        model = own_network(budget=50.0)
        torch.manual_seed(len(states))
        random = torch.get_rng_state()
        calibrate_attention(model, train_form, val_form)
        assert torch.equal(torch.get_rng_state(), random)
        assert model.training
        states.append(model.state_dict())
    for state in states[1:]:
        assert all(torch.equal(value, states[0][key]) for key, value in state.items())
    other = own_network(budget=50.0)
    calibrate_attention(other, train_images, val_images, seed=1)
    threshold = "0.attention.projection.threshold"
    assert other.state_dict()[threshold] != states[0][threshold]
    assert other.state_dict()[threshold].item() == pytest.approx(states[0][threshold].item(), abs=0.05)


def test_thresholds_are_of_the_second_images_and_statistics_of_the_first() -> None:
    one, other = own_network(budget=50.0), own_network(budget=50.0)
    calibrate_attention(one, images(128, 0), images(128, 1))
    calibrate_attention(other, 3 * images(128, 0), images(128, 1))
    first, second = one.state_dict(), other.state_dict()
    changed = {key for key in first if not torch.equal(first[key], second[key])}
    assert changed == {"3.mean_path_mean", "3.mean_path_var"}
    calibrate_attention(other, images(128, 0), 3 * images(128, 1))
    assert not torch.equal(
        other.state_dict()["0.attention.projection.threshold"], first["0.attention.projection.threshold"]
    )


def test_a_code_budget_sets_the_prior_to_how_often_anchors_are_taken() -> None:
    torch.manual_seed(0)
    options = {"budget": 60.0, "budget_of": "code", "initial_std": 0.1, "learned_std": False}
    model = AttentiveClassifier(
        "compact", 2, attention="mask", anchors=4, attention_options=options, input_size=(16, 16)
    )
    val = images(256, 1)
    calibrate_attention(model, images(64, 0), val)
    with torch.no_grad():
        layer = model.eval()(val, samples=4).attention[0]
    share = torch.bincount(layer.index.flatten(), minlength=4) / layer.index.numel()
    torch.testing.assert_close(layer.log_prior.exp(), share, rtol=0.05, atol=0.003)
    bits = -layer.log_prior[layer.index].sum((2, 3, 4)).mean().item() / NATS_PER_BIT
    assert bits == pytest.approx(60.0, rel=0.02)


def test_nothing_to_calibrate_runs_nothing() -> None:
    model = nn.Sequential(nn.Flatten(), nn.Linear(3, 2))
    before = {key: value.clone() for key, value in model.state_dict().items()}
    calibrate_attention(model, pytest.fail, pytest.fail)  # not even iterated
    assert all(torch.equal(value, before[key]) for key, value in model.state_dict().items())
    assert not projections(create_attention("noise", 4))


def test_the_report_says_what_was_asked_and_what_test_images_pay(tmp_path: Path) -> None:
    from regard.evaluation import evaluate
    from regard.report import write_report

    folder = train(tiny(train={"epochs": 2}, objective={"map_budget_bits": 150.0}), tmp_path / "r", quiet=True)
    evaluate(folder)
    (row,) = (r for r in json.loads((folder / "evaluation.json").read_text())["scores"] if r["key"] == "gate_bits")
    torch.manual_seed(0)
    _, model, data = load_run(folder)
    with torch.no_grad():
        paid = model(data.test.batch(range(35)).images, samples=20).attention[0].price.sum((2, 3, 4)).mean()
    assert row["value"] == pytest.approx(paid.item() / NATS_PER_BIT, rel=0.01)
    assert {"asked for": 150.0}.items() <= {r["label"]: r["value"] for r in row["references"]}.items()
    write_report(folder)
    page = (folder / "report.html").read_text()
    assert "asked for" in page
    assert "150" in page
