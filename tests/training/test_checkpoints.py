"""Kills at the places where a run writes its checkpoints, its model and its record: the same end as without."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from tests.training.tiny import metrics, tiny, weights

from regard.training import Recipe, train
from regard.training.checkpoints import AtomicCheckpoints, Checkpoints
from regard.types import RegardError

SCRIPT = Path(__file__).with_name("killed_runs.py")
ROOT = SCRIPT.parents[2]


def killed(recipe: str, choice: str, tmp_path: Path) -> dict:
    environment = os.environ | {"PYTHONPATH": os.pathsep.join([str(ROOT), *sys.path]), "OMP_NUM_THREADS": "1"}
    command = [sys.executable, str(SCRIPT), recipe, str(tmp_path / "runs"), choice]
    done = subprocess.run(command, capture_output=True, text=True, env=environment, timeout=1200)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout.splitlines()[-1])


def test_a_kill_between_the_last_and_the_best_checkpoint_loses_neither(tmp_path: Path) -> None:
    result = killed("best early", '["os.link"', tmp_path)
    assert result["killed"] >= 1
    assert result["best"] < 2, "the best epoch must not be the last"
    assert result["wrong"] == []


@pytest.mark.slow
@pytest.mark.parametrize("recipe", ["best early", "average", "stopped early"])
def test_kills_at_every_change_of_the_folder(recipe: str, tmp_path: Path) -> None:
    result = killed(recipe, '["os.', tmp_path)
    assert result["killed"] > 20
    assert result["wrong"] == []


def best_epoch(folder: Path) -> tuple[int, int]:
    """The epoch of ``best.ckpt``, and that of the highest score in the journal."""
    scores = [line["val/accuracy"] for line in metrics(folder)]
    epoch = torch.load(folder / "checkpoints" / "best.ckpt", weights_only=True)["epoch"]
    return epoch, scores.index(max(scores))


@pytest.mark.parametrize("error", [KeyboardInterrupt, OSError(28, "No space left on device"), SystemExit])
@pytest.mark.parametrize("after", [0, 1])
def test_the_best_checkpoint_is_the_best_of_the_epochs_that_are_kept(
    error: BaseException, after: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Interrupted or out of room when the epoch after ``after`` is saved."""
    recipe = tiny(train={"epochs": 3}, optim={"schedule": "step", "milestones": [2], "gamma": 300.0})
    save = AtomicCheckpoints.save_checkpoint

    def failing(self: AtomicCheckpoints, checkpoint: dict, path: str, **rest: object) -> None:
        if checkpoint["epoch"] > after:
            raise error
        save(self, checkpoint, path, **rest)

    monkeypatch.setattr(AtomicCheckpoints, "save_checkpoint", failing)
    stopped = RegardError if isinstance(error, OSError) else KeyboardInterrupt  # Lightning exits when interrupted
    with pytest.raises(stopped):
        train(recipe, tmp_path / "run", quiet=True)
    monkeypatch.undo()
    scores = [line["val/accuracy"] for line in metrics(tmp_path / "run")][: after + 1]
    kept = torch.load(tmp_path / "run" / "checkpoints" / "best.ckpt", weights_only=True)["epoch"]
    assert kept == scores.index(max(scores))
    found, wanted = best_epoch(train(recipe, tmp_path / "run", quiet=True))
    assert found == wanted
    assert {path.name for path in (tmp_path / "run" / "checkpoints").iterdir()} == {"last.ckpt", "best.ckpt"}


def test_a_checkpoint_of_version_0_1_keeps_its_best_epoch(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    recipe = tiny(train={"epochs": 3}, optim={"schedule": "step", "milestones": [2], "gamma": 300.0})
    whole = train(recipe, tmp_path / "whole", quiet=True)

    def stopping(self: Checkpoints, trainer: object, task: object) -> None:
        after(self, trainer, task)
        if trainer.current_epoch == 1:
            raise ZeroDivisionError

    after = Checkpoints.on_train_epoch_end
    monkeypatch.setattr(Checkpoints, "on_train_epoch_end", stopping)
    with pytest.raises(ZeroDivisionError):
        train(recipe, tmp_path / "run", quiet=True)
    monkeypatch.undo()
    path = tmp_path / "run" / "checkpoints" / "last.ckpt"
    checkpoint = torch.load(path, weights_only=True)
    state = checkpoint["callbacks"].pop("Checkpoints")
    key = "ModelCheckpoint{'monitor': 'val/accuracy', 'mode': 'max'}"
    checkpoint["callbacks"][key] = {"best_model_score": torch.tensor(state["score"])}
    path.unlink()  # best.ckpt may be another name of it
    torch.save(checkpoint, path)
    with pytest.warns(UserWarning, match="callbacks used to create the checkpoint"):
        train(recipe, tmp_path / "run", quiet=True)
    assert best_epoch(tmp_path / "run") == best_epoch(whole)


def stop_before_the_model(recipe: Recipe, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Trains to the end and stops before the model is written."""

    def stop(*_: object) -> None:
        raise ZeroDivisionError

    with monkeypatch.context() as patch:
        patch.setattr("regard.models.AttentiveClassifier.save_pretrained", stop)
        with pytest.raises(ZeroDivisionError):
            train(recipe, folder, quiet=True)


@pytest.mark.parametrize("ema", [None, 0.8])
def test_a_run_killed_after_its_last_epoch_is_completed_as_it_would_have_been(
    ema: float | None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    recipe = tiny(train={"epochs": 2, "ema": ema})
    whole = train(recipe, tmp_path / "whole", quiet=True)
    stop_before_the_model(recipe, tmp_path / "run", monkeypatch)
    ours, theirs = weights(train(recipe, tmp_path / "run", quiet=True)), weights(whole)
    assert all(torch.equal(value, theirs[key]) for key, value in ours.items())


def test_a_run_that_stopped_early_does_not_go_on_after_a_kill(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    recipe = tiny(train={"epochs": 9, "patience": 1}, optim={"lr": 1e-12, "schedule": "constant"})
    whole = train(recipe, tmp_path / "whole", quiet=True)
    stop_before_the_model(recipe, tmp_path / "run", monkeypatch)
    assert len(metrics(whole)) < 9
    assert metrics(train(recipe, tmp_path / "run", quiet=True)) == metrics(whole)


def test_a_missed_budget_is_missed_again_after_a_resume(tmp_path: Path) -> None:
    recipe = tiny(objective={"map_budget_bits": 1e5})
    for _ in range(2):
        with pytest.raises(RegardError, match=r"objective\.map_budget_bits=100000: validation images pay"):
            train(recipe, tmp_path / "run", quiet=True)
    assert not (tmp_path / "run" / "environment.json").exists()


def test_weights_and_all_other_files_have_the_permissions_of_the_umask(tmp_path: Path) -> None:
    before = os.umask(0o027)
    try:
        folder = train(tiny(), tmp_path / "run", quiet=True)
    finally:
        os.umask(before)
    modes = {path.name: oct(path.stat().st_mode & 0o777) for path in folder.rglob("*") if path.is_file()}
    assert len(modes) >= 7
    assert {name: mode for name, mode in modes.items() if mode != "0o640"} == {}
