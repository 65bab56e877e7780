"""Training that diverges saves nothing that is not finite, says what to do, and goes on when that is done."""

import json
from pathlib import Path

import pytest
import torch
from tests.training.tiny import metrics, tiny

from regard.training import load_recipe, load_run, train, train_with_twin
from regard.training.divergence import DIVERGED_FILE
from regard.training.task import Task
from regard.types import RegardError


def all_finite(folder: Path) -> bool:
    """Whether every checkpoint of a run has finite weights only."""
    paths = list((folder / "checkpoints").glob("*.ckpt"))
    states = [torch.load(path, weights_only=True)["state_dict"] for path in paths]
    return all(bool(value.isfinite().all()) for state in states for value in state.values())


def explode(monkeypatch: pytest.MonkeyPatch, epoch: int, where: str) -> None:
    """Makes weights, statistics or scores infinite at the end of an epoch, where the loss does not show it."""
    step = Task.optimizer_step

    def exploding(self: Task, epoch_: int, batch_idx: int, *rest: object) -> None:
        step(self, epoch_, batch_idx, *rest)
        if self.current_epoch != epoch or batch_idx != self.steps_per_epoch - 1:
            return
        with torch.no_grad():
            if where == "weights":
                next(self.model.parameters()).fill_(float("nan"))
            elif where == "statistics":
                next(b for name, b in self.model.named_buffers() if name.endswith("running_var")).fill_(torch.inf)

    def undefined(self: Task, batch: object, batch_idx: int) -> None:
        if self.current_epoch != epoch:
            validate(self, batch, batch_idx)

    validate = Task.validation_step
    if where == "scores":  # of no image: every one is NaN
        monkeypatch.setattr(Task, "validation_step", undefined)
    else:
        monkeypatch.setattr(Task, "optimizer_step", exploding)


@pytest.mark.parametrize("ema", [None, 0.9])
@pytest.mark.parametrize("where", ["weights", "statistics", "scores"])
def test_what_is_not_finite_is_never_saved(
    where: str, ema: float | None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    explode(monkeypatch, 1, where)
    recipe = tiny(train={"epochs": 3, "ema": ema, "monitor": "nll", "patience": 2})
    with pytest.raises(RegardError, match=r"diverged in epoch 1: .*last good checkpoint is kept.*--optim\.lr"):
        train(recipe, tmp_path / "run", quiet=True)
    assert all_finite(tmp_path / "run")
    assert torch.load(tmp_path / "run" / "checkpoints" / "last.ckpt", weights_only=True)["epoch"] == 0
    assert [line["epoch"] for line in metrics(tmp_path / "run")] == [0]
    monkeypatch.undo()
    assert [line["epoch"] for line in metrics(train(recipe, tmp_path / "run", quiet=True))] == [0, 1, 2]


@pytest.mark.parametrize("lr", [10.0, 1e3, 9e5])
@pytest.mark.parametrize("name", ["sgd", "adamw"])
def test_a_rate_that_is_too_high_is_lowered_as_the_message_says(lr: float, name: str, tmp_path: Path) -> None:
    high = tiny(train={"epochs": 4}, optim={"lr": lr, "name": name, "schedule": "constant", "clip": None})
    try:
        train(high, tmp_path / "run", quiet=True)
    except RegardError as error:
        assert "training diverged in epoch " in str(error)  # noqa: PT017  # a rate may also be borne
        assert f"--optim.lr {lr / 10:.2g} (it was {lr:g}), or --optim.clip 1" in str(error)  # noqa: PT017
    else:
        return
    begun = (tmp_path / "run" / "checkpoints" / "last.ckpt").exists()
    assert all_finite(tmp_path / "run")
    low = tiny(train={"epochs": 4}, optim={"lr": 1e-4, "clip": 1e-3, "name": name, "schedule": "constant"})
    folder = train(low, tmp_path / "run", quiet=True)
    assert load_recipe(folder / "recipe.yaml") == load_run(folder).recipe == low
    records = json.loads((folder / DIVERGED_FILE).read_text()) if begun else []
    assert [record["then"]["optim.lr"] for record in records] == [[lr, 1e-4]] * begun
    assert json.loads((folder / "environment.json").read_text()).get("diverged", []) == records
    assert metrics(folder)[-1]["lr"] == pytest.approx(1e-4)


def test_nothing_is_left_of_a_run_that_diverged_in_its_first_epoch(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    explode(monkeypatch, 0, "weights")
    with pytest.raises(RegardError, match=r"diverged in epoch 0: .*; the same command with lower rates: give --optim"):
        train(tiny(), tmp_path / "run", quiet=True)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("schedule", ["constant", "cosine", "onecycle"])
def test_a_run_that_goes_on_at_a_lower_rate_has_the_rates_of_the_new_recipe(
    schedule: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    optim = {"schedule": schedule, "backbone_lr": 1e-3, "name": "adamw"}
    explode(monkeypatch, 1, "weights")
    with pytest.raises(RegardError, match="diverged"):
        train(tiny(train={"epochs": 3}, optim=optim | {"lr": 4e-3}), tmp_path / "run", quiet=True)
    monkeypatch.undo()
    seen: list[list[float]] = []

    def noted(self: Task) -> None:
        if self.trainer.current_epoch >= 1:
            seen.append([group["lr"] for group in self.trainer.optimizers[0].param_groups])
        begin(self)

    begin = Task.on_train_epoch_start
    monkeypatch.setattr(Task, "on_train_epoch_start", noted)
    lower = tiny(train={"epochs": 3}, optim=optim | {"lr": 1e-3, "backbone_lr": 2.5e-4})
    train(lower, tmp_path / "run", quiet=True)
    resumed, seen[:] = list(seen), []
    train(lower, tmp_path / "from the start", quiet=True)
    assert len(seen) == len(resumed) == 2
    for ours, theirs in zip(resumed, seen, strict=True):
        assert ours == pytest.approx(theirs, rel=1e-6)


@pytest.mark.parametrize(
    ("part", "change"),
    [
        ("optim", {"lr": 1.0}),
        ("optim", {"lr": 1e-3, "weight_decay": 0.5}),
        ("train", {"epochs": 5}),
        ("train", {"seed": 1}),
    ],
)
def test_other_changes_stay_another_recipe(
    part: str, change: dict, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    parts = {"optim": {"lr": 0.01}, "train": {"epochs": 3}}
    explode(monkeypatch, 1, "weights")
    with pytest.raises(RegardError, match="diverged"):
        train(tiny(**parts), tmp_path / "run", quiet=True)
    monkeypatch.undo()
    with pytest.raises(RegardError, match="another recipe"):
        train(tiny(**parts | {part: parts[part] | change}), tmp_path / "run", quiet=True)


def test_a_run_that_did_not_diverge_keeps_its_rate(tmp_path: Path) -> None:
    folder = train(tiny(optim={"lr": 0.01}), tmp_path / "run", quiet=True)
    with pytest.raises(RegardError, match="another recipe"):
        train(tiny(optim={"lr": 0.001}), folder, quiet=True)


def test_the_page_says_that_a_run_went_on_at_other_rates(tmp_path: Path) -> None:
    from regard.evaluation.warnings import training_warnings

    assert training_warnings(tmp_path, 10) == []
    changed = {"epoch": 3, "why": "the loss is nan", "then": {"optim.lr": [0.01, 0.001], "optim.clip": [None, 1.0]}}
    (tmp_path / DIVERGED_FILE).write_text(json.dumps([changed, {"epoch": 5, "why": "again"}]))
    assert training_warnings(tmp_path, 10) == [
        "Training diverged in epoch 3 and went on with optim.lr 0.01 to 0.001, optim.clip to 1.",
        "Training diverged in epoch 5 and went on as before.",
    ]


def test_a_finished_twin_stays_and_the_run_goes_on(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from regard.training import plain_twin

    high, low = (tiny(twin=True, optim={"lr": lr}, train={"epochs": 2}) for lr in (0.01, 0.001))
    twin = train(plain_twin(high), tmp_path / "run" / "twin", quiet=True)
    explode(monkeypatch, 1, "weights")
    with pytest.raises(RegardError, match="diverged"):
        train_with_twin(high, tmp_path / "run", quiet=True)
    monkeypatch.undo()
    train_with_twin(low, tmp_path / "run", quiet=True)
    assert load_recipe(twin / "recipe.yaml").optim.lr == 0.01
    assert load_recipe(tmp_path / "run" / "recipe.yaml").optim.lr == 0.001
