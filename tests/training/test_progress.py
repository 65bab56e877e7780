"""What a run shows: in a file few lines, which tell how long it takes; nothing where it is quiet."""

import re
from pathlib import Path
from types import SimpleNamespace

import pytest
from tests.training.tiny import tiny

from regard.training import progress, train

EPOCH = r"regard: epoch (\d) of (\d): loss [\d.]+, bits [\d.]+, accuracy [\d.]+; \d+ s left"


def shown(capsys: pytest.CaptureFixture[str]) -> list[str]:
    captured = capsys.readouterr()
    assert captured.out == ""
    return captured.err.splitlines()


def test_a_file_gets_the_length_of_the_run_and_a_line_per_epoch(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    train(tiny("x", train={"epochs": 3}), tmp_path / "x")
    first, *epochs = shown(capsys)
    assert re.fullmatch(
        r"regard: training: 3 epochs of 8 steps, about \d+ s \(\S+ s a step, by the first ones\)", first
    )
    assert [re.fullmatch(EPOCH, line).groups() for line in epochs] == [("1", "3"), ("2", "3"), ("3", "3")]
    assert epochs[-1].endswith("; 0 s left")


def test_a_long_epoch_tells_where_it_is(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(progress, "_APART", 0.0)
    train(tiny("x", train={"epochs": 1}), tmp_path / "x")
    lines = shown(capsys)
    steps = [
        int(found[1]) for line in lines if (found := re.match(r"regard: epoch 1 of 1, batch (\d) of 8: loss", line))
    ]
    assert steps == [1, 2, 3, 4, 6, 7, 8], "the fifth step tells how long the run is"


def test_a_quiet_run_shows_nothing(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    train(tiny("x", train={"epochs": 1}), tmp_path / "x", quiet=True)
    assert shown(capsys) == []


def test_a_run_that_continues_is_timed_from_where_it_began(monkeypatch: pytest.MonkeyPatch) -> None:
    now = [100.0]
    monkeypatch.setattr(progress.time, "monotonic", lambda: now[0])
    trainer = SimpleNamespace(global_step=80, estimated_stepping_batches=100, max_epochs=10, current_epoch=8)
    trainer.num_training_batches, trainer.accumulate_grad_batches = 10, 1
    clock = progress._Clock(trainer)
    now[0], trainer.global_step = 120.0, 90
    assert clock.steps(trainer) == 10
    assert clock.left(trainer) == "20 s"
    assert clock.length(trainer) == "training: 2 epochs of 10 steps, about 20 s (2 s a step, by the first ones)"
    trainer.accumulate_grad_batches = 4
    assert "2 epochs of 3 steps" in clock.length(trainer), "the last is of two batches"
