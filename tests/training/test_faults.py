"""Failing training names the cause, keeps its last checkpoint, and executes nothing in a checkpoint."""

import builtins
import errno
import io
import pickle
import resource
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from tests.training.tiny import metrics, tiny

from regard.training import Recipe, tasks, train
from regard.types import RegardError

RECIPE = tiny(train={"epochs": 3})
"""Eight steps per epoch."""


class Payload:
    """Creates a file where it is unpickled."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> tuple:
        return (Path.touch, (self.path,))


@contextmanager
def stopped_at(step: int, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """The loss is NaN from this step on."""
    loss, seen = tasks.information_loss, []

    def poisoned(*args, **kwargs):
        losses = loss(*args, **kwargs)
        seen.append(losses)
        return replace(losses, total=losses.total * float("nan")) if len(seen) > step else losses

    with monkeypatch.context() as patch:
        patch.setattr(tasks, "information_loss", poisoned)
        yield


def half_done(folder: Path, monkeypatch: pytest.MonkeyPatch, recipe: Recipe = RECIPE) -> Path:
    with stopped_at(10, monkeypatch), pytest.raises(RegardError):
        train(recipe, folder, quiet=True)
    return folder / "checkpoints" / "last.ckpt"


def test_a_nan_loss_stops_and_keeps_the_last_checkpoint(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with (
        stopped_at(10, monkeypatch),
        pytest.raises(RegardError, match=r"in epoch 1: .*nan at step 10 \(batch 2.*optim\.lr"),
    ):
        train(RECIPE, tmp_path / "run", quiet=True)
    last = torch.load(tmp_path / "run" / "checkpoints" / "last.ckpt", weights_only=True)
    assert last["global_step"] == 8
    assert all(bool(v.isfinite().all()) for v in last["state_dict"].values())
    assert not (tmp_path / "run" / "model").exists()
    train(RECIPE, tmp_path / "run", quiet=True)
    assert metrics(tmp_path / "run") == metrics(train(RECIPE, tmp_path / "unbroken", quiet=True))


def test_an_absurd_learning_rate_is_refused(tmp_path: Path) -> None:
    wild = tiny(optim={"lr": 9e5, "clip": None, "schedule": "constant", "name": "sgd"})
    with pytest.raises(RegardError, match=r"at step \d+ .*optim\.lr"):
        train(wild, tmp_path / "run", quiet=True)


def test_a_full_disk_keeps_the_last_checkpoint(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    last = half_done(tmp_path / "run", monkeypatch)
    before = last.read_bytes()
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (len(before) // 2, hard))  # stands for a disk without room
    try:
        with pytest.raises(RegardError, match=r"checkpoints.*cannot be written.*free"):
            train(RECIPE, tmp_path / "run", quiet=True)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert last.read_bytes() == before
    assert {file.suffix for file in last.parent.iterdir()} == {".ckpt"}
    train(RECIPE, tmp_path / "run", quiet=True)
    assert [line["epoch"] for line in metrics(tmp_path / "run")] == [0, 1, 2]


@pytest.mark.parametrize("name", ["metrics.jsonl", "metrics.csv"])
def test_a_journal_that_cannot_be_written_is_named(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    half_done(tmp_path / "run", monkeypatch)

    def full(file: object, *arguments: object, **options: object) -> object:
        if str(file).endswith(name) and set(str(arguments[0] if arguments else options.get("mode", "r"))) & set("aw"):
            raise OSError(errno.ENOSPC, "No space left on device", str(file))
        return opened(file, *arguments, **options)

    opened = io.open
    with monkeypatch.context() as patch:
        for where in (builtins, io):
            patch.setattr(where, "open", full)
        with pytest.raises(RegardError, match=rf"{name}: No space left on device; .*the same command goes on"):
            train(RECIPE, tmp_path / "run", quiet=True)
    train(RECIPE, tmp_path / "run", quiet=True)
    assert [line["epoch"] for line in metrics(tmp_path / "run")] == [0, 1, 2]


def test_checkpoints_are_written_in_the_same_folder_and_renamed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    last = half_done(tmp_path / "run", monkeypatch)
    before, seen = last.read_bytes(), []
    replaced = Path.replace

    def watched(self: Path, target: Path) -> Path:
        if Path(target).suffix == ".ckpt":
            seen.append((self.parent == Path(target).parent, last.read_bytes() == before))
        return replaced(self, target)

    monkeypatch.setattr(Path, "replace", watched)
    train(tiny(train={"epochs": 3}), tmp_path / "run", quiet=True)
    assert seen[0] == (True, True)
    assert all(same_folder for same_folder, _ in seen)


def replace_checkpoint(what: str, last: Path, opened: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Replaces the last checkpoint by another file."""
    if what == "a bare pickle":
        last.write_bytes(pickle.dumps(Payload(opened)))
    elif what == "a pickle in torch's own form":
        torch.save({"state_dict": Payload(opened)}, last)
    elif what == "half a file":
        last.write_bytes(last.read_bytes()[: last.stat().st_size // 2])
    elif what == "an empty file":
        last.write_bytes(b"")
    elif what == "weights alone":
        torch.save({"weight": torch.zeros(3)}, last)
    else:
        model = {"another width": {"backbone_options": {"widths": [4, 4, 8, 12]}}, "no latent": {"latent": None}}[what]
        other = half_done(tmp_path / "other", monkeypatch, tiny(train={"epochs": 3}, model=model))
        last.write_bytes(other.read_bytes())


@pytest.mark.parametrize(
    "what",
    [
        "a bare pickle",
        "a pickle in torch's own form",
        "half a file",
        "an empty file",
        "weights alone",
        "another width",
        "no latent",
    ],
)
def test_other_files_in_place_of_the_checkpoint_are_refused(
    what: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    last = half_done(tmp_path / "run", monkeypatch)
    replace_checkpoint(what, last, tmp_path / "opened", tmp_path, monkeypatch)
    with pytest.raises(RegardError, match=r"last\.ckpt: no checkpoint of this run"):
        train(RECIPE, tmp_path / "run", quiet=True)
    assert not (tmp_path / "opened").exists()
    assert not (tmp_path / "run" / "model").exists()
