"""The folder of a run, its repetition, resuming after a kill, and its plain twin in its own process."""

import json
import signal
import subprocess
import sys
from importlib.metadata import version
from pathlib import Path

import pytest
import torch
from tests.training.tiny import metrics, tiny, weights

from regard.models import AttentiveClassifier
from regard.training import (
    Recipe,
    build_data,
    load_best,
    load_recipe,
    load_run,
    run,
    save_recipe,
    train,
    train_with_twin,
)
from regard.training.tasks import TASKS
from regard.types import RegardError

KILLED = """
import os, signal, sys
from pathlib import Path
from regard.training import load_recipe, train
from regard.training.task import Task

step = Task.training_step
def dying(self, batch, batch_idx):
    if self.current_epoch == 2 and batch_idx == 3:
        os.kill(os.getpid(), signal.SIGKILL)
    return step(self, batch, batch_idx)
Task.training_step = dying
train(load_recipe(Path(sys.argv[1])), Path(sys.argv[2]), quiet=True)
"""


def same(a: Path, b: Path) -> bool:
    first, second = weights(a), weights(b)
    return first.keys() == second.keys() and all(torch.equal(first[k], second[k]) for k in first)


def test_contents_of_a_run_folder(finished: Path) -> None:
    assert {"recipe.yaml", "metrics.jsonl", "checkpoints", "model", "environment.json"} <= {
        file.name for file in finished.iterdir()
    }
    assert load_recipe(finished / "recipe.yaml") == tiny(train={"epochs": 2})
    assert (finished / "checkpoints" / "last.ckpt").is_file()
    assert {file.name for file in (finished / "model").iterdir()} == {"config.json", "model.safetensors"}
    environment = json.loads((finished / "environment.json").read_text())
    assert environment["seed"] == 0
    assert environment["seconds"] > 0
    assert environment["versions"]["torch"] == version("torch")
    lines = [json.loads(line) for line in (finished / "metrics.jsonl").read_text().splitlines()]
    assert [line["epoch"] for line in lines] == [0, 1]
    for line in lines:
        assert {"train/loss", "train/task", "train/accuracy", "beta", "map_beta", "lr", "seconds"} <= line.keys()
        assert {"val/accuracy", "val/accuracy_one_sample", "val/nll", "val/latent_bits", "val/gate_bits"} <= line.keys()
        assert 0 <= line["val/accuracy"] <= 1
    assert not list(finished.rglob("*.part"))


def test_load_run_returns_the_validated_network(finished: Path) -> None:
    recipe, model, data = load_run(finished)
    assert isinstance(model, AttentiveClassifier)
    assert not model.training
    assert recipe == tiny(train={"epochs": 2})
    values = TASKS["classification"].validate(model, data.val.batch(range(len(data.val))))
    last = metrics(finished)[-1]
    assert values["accuracy"].double().mean().item() == pytest.approx(last["val/accuracy"], abs=1e-6)
    assert values["nll"].double().mean().item() == pytest.approx(last["val/nll"], abs=1e-5)


def test_the_same_seed_gives_the_same_run_and_another_does_not(finished: Path, tmp_path: Path) -> None:
    torch.manual_seed(1234)  # what a process drew before must not matter
    again = train(tiny(train={"epochs": 2}), tmp_path / "again", quiet=True)
    assert metrics(again) == metrics(finished)
    assert same(again, finished)
    other = train(tiny(train={"epochs": 2, "seed": 1}), tmp_path / "other", quiet=True)
    assert metrics(other)[-1]["val/nll"] != metrics(finished)[-1]["val/nll"]
    assert not same(other, finished)


def budgeted() -> Recipe:
    return tiny(train={"epochs": 3, "ema": 0.8}, objective={"budget_bits": 10.0, "beta": 1e-3})


@pytest.mark.slow
def test_a_killed_run_resumes_to_the_same_result(tmp_path: Path) -> None:
    recipe = budgeted()
    unbroken = train(recipe, tmp_path / "unbroken", quiet=True)
    save_recipe(recipe, tmp_path / "recipe.yaml")
    folder = tmp_path / "killed"
    command = [sys.executable, "-c", KILLED, str(tmp_path / "recipe.yaml"), str(folder)]
    process = subprocess.run(command, capture_output=True, text=True, timeout=240)
    assert process.returncode == -signal.SIGKILL, process.stderr
    assert [line["epoch"] for line in metrics(folder)] == [0, 1]
    assert not (folder / "environment.json").exists()
    with pytest.raises(RegardError, match="not finished"):
        load_run(folder)
    with (folder / "metrics.jsonl").open("a") as journal:
        journal.write('{"epoch": 2, "train/lo')  # a line that the kill cut short
    train(recipe, folder, quiet=True)
    assert metrics(folder) == metrics(unbroken)
    betas = [line["beta"] for line in metrics(folder)]
    assert betas[1] != recipe.objective.beta, "the multiplier must have moved before the kill"
    assert betas[2] != betas[1], "and after it"
    assert same(folder, unbroken)
    assert {path.name for path in folder.glob("logs*")} == {"logs", "logs-1"}, "the log before the kill stays"


def test_averaged_weights_are_validated_and_kept(tmp_path: Path) -> None:
    averaged = train(tiny(train={"ema": 0.9}), tmp_path / "ema", quiet=True)
    plain = train(tiny(), tmp_path / "plain", quiet=True)
    assert not same(averaged, plain)
    _, model, data = load_run(averaged)
    nll = TASKS["classification"].validate(model, data.val.batch(range(len(data.val))))["nll"].double().mean().item()
    assert nll == pytest.approx(metrics(averaged)[-1]["val/nll"], abs=1e-5)
    assert metrics(averaged)[-1]["val/nll"] != metrics(plain)[-1]["val/nll"]


def test_a_finished_run_is_not_changed(finished: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object) -> None:
        raise AssertionError("a finished run was started again")

    for name in ("build_data", "data_of_run"):
        monkeypatch.setattr(run, name, refuse)
    before = {file: file.stat().st_mtime_ns for file in finished.rglob("*") if file.is_file()}
    assert train(tiny(train={"epochs": 2}), finished, quiet=True) == finished
    assert {file: file.stat().st_mtime_ns for file in finished.rglob("*") if file.is_file()} == before


def test_a_folder_of_another_recipe_is_refused(finished: Path) -> None:
    with pytest.raises(RegardError, match="another recipe"):
        train(tiny(train={"epochs": 3}), finished, quiet=True)
    assert load_recipe(finished / "recipe.yaml").train.epochs == 2


def test_patience_stops_early(tmp_path: Path) -> None:
    recipe = tiny(train={"epochs": 9, "patience": 1}, optim={"lr": 1e-12, "schedule": "constant"})
    assert len(metrics(train(recipe, tmp_path / "run", quiet=True))) < 9


def test_a_plain_network_trains(tmp_path: Path) -> None:
    folder = train(tiny(model={"attention": None, "latent": None}), tmp_path / "plain", quiet=True)
    assert {"val/accuracy", "val/nll"} <= metrics(folder)[-1].keys()
    assert not {"val/latent_bits", "val/gate_bits", "val/accuracy_one_sample"} & metrics(folder)[-1].keys()


def test_an_interruption_is_raised(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupted(*_: object) -> None:
        raise KeyboardInterrupt

    handler = signal.getsignal(signal.SIGINT)
    try:
        with monkeypatch.context() as patch:
            patch.setattr("regard.training.task.Task.training_step", interrupted)
            with pytest.raises(KeyboardInterrupt):
                train(tiny(), tmp_path / "run", quiet=True)
        assert signal.getsignal(signal.SIGINT) == handler
    finally:
        signal.signal(signal.SIGINT, handler)
    assert (train(tiny(), tmp_path / "run", quiet=True) / "environment.json").is_file()


def test_a_folder_without_a_run_is_refused(tmp_path: Path) -> None:
    with pytest.raises(RegardError, match="not a run folder"):
        load_run(tmp_path / "absent")


def test_an_unknown_layer_lists_the_nearest(tmp_path: Path) -> None:
    with pytest.raises(RegardError, match="nearest: stage2"):
        train(tiny(model={"at": ["stgae2"]}), tmp_path / "run", quiet=True)


def test_the_best_epoch_is_kept_where_it_is_not_the_last(tmp_path: Path) -> None:
    spoilt = tiny(train={"epochs": 3}, optim={"schedule": "step", "milestones": [2], "gamma": 300.0})
    folder = train(spoilt, tmp_path / "spoilt", quiet=True)
    accuracy = [line["val/accuracy"] for line in metrics(folder)]
    best = load_best(folder)
    assert best is not None, accuracy
    assert not best.training
    val = build_data(spoilt).val.batch(range(33))
    hits = (best.predict(val.images).argmax(1) == val.labels).float().mean()
    assert float(hits) == pytest.approx(max(accuracy))
    assert accuracy[-1] < max(accuracy)


def test_the_last_epoch_may_be_the_best(finished: Path, tmp_path: Path) -> None:
    one = train(tiny(), tmp_path / "one", quiet=True)
    assert load_best(one) is None
    (one / "checkpoints" / "best.ckpt").unlink()
    with pytest.raises(RegardError, match=r"best\.ckpt"):
        load_best(one)


def replace_python(command: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The twin's process runs this shell line instead of Python."""
    script = tmp_path / "python"
    script.write_text(f"#!/bin/sh\n{command}\n")
    script.chmod(0o755)
    monkeypatch.setattr(sys, "executable", str(script))


@pytest.mark.parametrize(("command", "message"), [("echo no room; exit 3", "no room"), ("kill -9 $$", "no message")])
def test_a_twin_that_fails_is_named_and_the_run_is_complete(
    command: str, message: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    replace_python(command, tmp_path, monkeypatch)
    with pytest.raises(RegardError, match=rf"plain twin failed \({message}\); see .*log\.txt.*is whole"):
        train_with_twin(tiny(twin=True), tmp_path / "tiny", quiet=True)
    assert (tmp_path / "tiny" / "environment.json").is_file()
    assert not (tmp_path / "tiny" / "twin" / "wanted.yaml").exists()


def test_no_twin_starts_in_a_folder_of_another_recipe(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = train(tiny(), tmp_path / "tiny", quiet=True)
    replace_python(f"touch {tmp_path}/started", tmp_path, monkeypatch)
    with pytest.raises(RegardError, match="another recipe"):
        train_with_twin(tiny(twin=True, train={"epochs": 2}), folder, quiet=True)
    assert not (folder / "twin").exists()
    assert not (tmp_path / "started").exists()


def test_no_twin_where_the_recipe_has_none(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    replace_python(f"touch {tmp_path}/started", tmp_path, monkeypatch)
    folder = train_with_twin(tiny(), tmp_path / "tiny", quiet=True).folder
    assert load_recipe(folder / "recipe.yaml") == tiny()
    assert not (tmp_path / "started").exists()
