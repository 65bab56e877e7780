"""Larger steps and longer networks in the same memory: accumulated gradients, and activations computed again."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file
from tests.training.tiny import metrics, tiny

from regard.cli import main
from regard.training import Recipe, save_recipe, train
from regard.training.budgets import BudgetSearch
from regard.types import RegardError

VIT = {
    "backbone": "vit_tiny_patch16_224",
    "backbone_options": {"patch_size": 4, "embed_dim": 16, "depth": 2, "num_heads": 2},
    "attention": "deterministic",
    "at": ["blocks.0"],
    "latent": None,
}
"""Without batch normalisation and without noise: a step is a function of its images."""


def weights(folder: Path) -> dict[str, torch.Tensor]:
    return load_file(next((folder / "model").glob("*.safetensors")))


def of_steps(batch: int, accumulate: int, **train: Any) -> Recipe:
    optim = {"name": "sgd", "lr": 0.05}
    return tiny(
        "x", model=VIT, optim=optim, train={"batch_size": batch, "accumulate": accumulate, "epochs": 2, **train}
    )


@pytest.mark.parametrize(("batch", "accumulate"), [(8, 2), (4, 4), (16, 1)])
def test_two_batches_of_8_are_one_of_16(batch: int, accumulate: int, tmp_path: Path) -> None:
    train(of_steps(16, 1), tmp_path / "whole", quiet=True)
    train(of_steps(batch, accumulate), tmp_path / "parts", quiet=True)
    whole, parts = weights(tmp_path / "whole"), weights(tmp_path / "parts")
    for name, values in whole.items():
        torch.testing.assert_close(parts[name], values, rtol=1e-4, atol=1e-6, msg=lambda m, name=name: f"{name}: {m}")
    assert [line["lr"] for line in metrics(tmp_path / "parts")] == [line["lr"] for line in metrics(tmp_path / "whole")]


def test_batches_of_8_alone_are_others(tmp_path: Path) -> None:
    train(of_steps(16, 1), tmp_path / "whole", quiet=True)
    train(of_steps(8, 1), tmp_path / "small", quiet=True)
    whole, small = weights(tmp_path / "whole"), weights(tmp_path / "small")
    assert not torch.allclose(whole["trunk.blocks.1.mlp.fc1.weight"], small["trunk.blocks.1.mlp.fc1.weight"], atol=1e-4)


@pytest.mark.parametrize(("accumulate", "steps"), [(1, 8), (2, 4), (3, 3), (8, 1), (50, 1)])
def test_steps_of_an_epoch(accumulate: int, steps: int, tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    recipe = of_steps(8, accumulate, epochs=3)
    train(recipe, tmp_path / "run")
    assert f"training: 3 epochs of {steps} step" in capfd.readouterr().err
    # the schedule ends with the last step; five steps are its shortest
    assert metrics(tmp_path / "run")[-1]["lr"] < (1e-4 if 3 * steps > 4 else 0.05)


def test_a_budget_is_searched_once_a_step(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[int] = []
    measure = BudgetSearch._broadcast_measure

    def measured(self: BudgetSearch, trainer: Any, task: Any, *images: int) -> Any:
        seen.append(task.global_step)
        return measure(self, trainer, task, *images)

    monkeypatch.setattr(BudgetSearch, "_broadcast_measure", measured)
    recipe = tiny("x", objective={"budget_bits": 8.0, "warmup": 0.1}, train={"epochs": 10, "accumulate": 2})
    try:
        train(recipe, tmp_path / "run", quiet=True)
    except RegardError as error:  # so few steps need not meet it
        assert "budget_bits" in str(error)  # noqa: PT017
    checks = seen[:-1]  # the last one is at the end
    assert checks
    assert len(set(checks)) == len(checks)
    assert all(step % 5 == 0 for step in checks)


@pytest.mark.parametrize("mean_share", [0.0, 0.5])
def test_checkpointing_changes_no_number(mean_share: float, tmp_path: Path) -> None:
    recipe = tiny("x", train={"epochs": 2, "ema": 0.9, "mean_share": mean_share})
    train(recipe, tmp_path / "plain", quiet=True)
    train(replace(recipe, train=replace(recipe.train, checkpointing=True)), tmp_path / "again", quiet=True)
    plain, again = weights(tmp_path / "plain"), weights(tmp_path / "again")
    assert plain.keys() == again.keys()
    assert all(torch.equal(plain[key], again[key]) for key in plain)
    assert metrics(tmp_path / "plain") == metrics(tmp_path / "again")


def test_fields_that_disagree_are_refused() -> None:
    with pytest.raises(RegardError, match=r"train\.checkpointing runs blocks twice, which train\.compile cannot"):
        tiny("x", train={"checkpointing": True, "compile": True})
    for value in (0, -3):
        with pytest.raises(RegardError, match=rf"train\.accumulate is {value}; it must be 1 to 65536"):
            tiny("x", train={"accumulate": value})


def test_verbose_shows_every_batch(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    train(tiny("x"), tmp_path / "run", verbose=True)
    lines = [line for line in capfd.readouterr().err.splitlines() if line.startswith("regard: epoch 1 of 1, batch")]
    # the batch after which the length of the run is told has that line
    assert [line.split(":")[1].split("batch ")[1] for line in lines] == [f"{k} of 8" for k in (1, 2, 3, 4, 6, 7, 8)]


def test_verbose_and_quiet_exclude_each_other(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    save_recipe(tiny("x"), tmp_path / "x.yaml")
    with pytest.raises(SystemExit) as stopped:
        main(["train", "--recipe", str(tmp_path / "x.yaml"), "--quiet", "--verbose"])
    assert stopped.value.code == 2
    assert "--verbose: not allowed with argument --quiet" in capsys.readouterr().err
