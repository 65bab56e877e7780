"""A run in training: its state, curves and maps."""

import json
import os
import shutil
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from tests.training.tiny import tiny

from regard.app.context import AppContext
from regard.app.run_actions import list_runs, show_run, show_run_gallery
from regard.app.run_view import run_gallery, signature, view_run
from regard.training import load_run, load_unfinished, train
from regard.types import RegardError


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Three epochs with a gate budget, which were not evaluated."""
    recipe = tiny(objective={"map_budget_bits": 40.0}, train={"epochs": 3})
    return train(recipe, tmp_path_factory.mktemp("trained") / "run", quiet=True)


@pytest.fixture
def killed(trained: Path, tmp_path: Path) -> Path:
    """The same after two of its epochs as the journal has them; its last checkpoint is of the third."""
    folder = tmp_path / "runs" / "killed"
    shutil.copytree(trained, folder, ignore=shutil.ignore_patterns("environment.json", "model"))
    lines = (folder / "metrics.jsonl").read_text().splitlines(keepends=True)
    (folder / "metrics.jsonl").write_text("".join(lines[:2]) + lines[2][:20])
    return folder


def test_a_run_in_training_has_curves_and_says_how_long_it_takes(killed: Path) -> None:
    view = view_run(killed)
    assert (view.epochs, view.planned) == (2, 3)
    assert view.state.startswith("2 of 3 epochs; about ")
    lines = [json.loads(line) for line in (killed / "metrics.jsonl").read_text().splitlines()[:2]]
    charts = dict(view.charts)
    accuracy, training = charts["Accuracy"]
    assert list(accuracy.y) == [line["val/accuracy"] for line in lines]
    assert list(training.y) == [line["train/accuracy"] for line in lines]
    bits, level = charts["Gate price, bits per map"]
    assert list(bits.y) == [line["val/gate_bits"] for line in lines]
    assert set(level.y) == {40.0}


@pytest.mark.parametrize(("left", "says"), [(0, "the first of 3 epochs is under way"), (1, "1 of 3 epochs")])
def test_states_of_a_run(killed: Path, left: int, says: str) -> None:
    lines = (killed / "metrics.jsonl").read_text().splitlines(keepends=True)
    (killed / "metrics.jsonl").write_text("".join(lines[:left]))
    assert view_run(killed).state.startswith(says)


def test_finished_runs(trained: Path, evaluated_run: Path) -> None:
    assert view_run(trained).state == "trained for 3 epochs; not evaluated yet"
    assert view_run(evaluated_run).state.startswith("finished and evaluated after 1 epochs")
    gallery = run_gallery(evaluated_run)
    assert gallery.heading == "Test images of the evaluation"
    assert len(gallery.cards) >= 3
    with pytest.raises(RegardError, match="no run lies there"):
        view_run(trained.parent)


def test_the_last_checkpoint_is_read_without_touching_the_run(trained: Path, killed: Path) -> None:
    before = {path: path.stat().st_mtime_ns for path in killed.rglob("*")}
    run = load_unfinished(killed)
    assert run.epoch == 2
    assert not run.model.training
    images = run.data.val.batch([0, 1]).images
    torch.testing.assert_close(run.model.predict(images), load_run(trained).model.predict(images))
    gallery = run_gallery(killed)
    assert gallery.heading == "After epoch 3 of 3"
    assert len(gallery.cards) == 6
    assert gallery.cards[0].unit == "bits per position"
    assert {path: path.stat().st_mtime_ns for path in killed.rglob("*")} == before


def test_a_run_without_a_checkpoint_says_so(killed: Path) -> None:
    shutil.rmtree(killed / "checkpoints")
    with pytest.raises(RegardError, match="no epoch is finished yet"):
        load_unfinished(killed)
    with pytest.raises(RegardError, match="not a run folder"):
        load_unfinished(killed.parent)


def test_the_tab(context: AppContext, killed: Path) -> None:
    assert list_runs(context)["choices"] == [str(killed)]
    seen, notes, curves = show_run(context, str(killed), None)
    assert seen == (str(killed), signature(killed))
    assert "2 of 3 epochs" in notes
    assert curves.count("<svg viewBox") >= 3
    again, notes, curves = show_run(context, str(killed), seen)
    assert again == seen
    assert isinstance(notes, dict), "nothing is drawn again"
    lines = (killed / "metrics.jsonl").read_text().splitlines(keepends=True)
    (killed / "metrics.jsonl").write_text(lines[0])
    os.utime(killed / "metrics.jsonl", (1, 1))
    assert "1 of 3 epochs" in show_run(context, str(killed), seen)[1], "the files changed"
    html, _ = show_run_gallery(context, str(killed))
    assert html.count("mapcard") == 6
    assert "Choose a run first" in show_run_gallery(context, None)[1]
    assert "`regard train` makes one" in show_run(context, None, None)[1]
    assert "nowhere" in show_run(context, "nowhere", None)[1]


def test_others_see_only_the_runs_that_are_listed(context: AppContext, killed: Path, trained: Path) -> None:
    context.settings = replace(context.settings, host="0.0.0.0")
    assert "2 of 3 epochs" in show_run(context, str(killed), None)[1]
    assert "is not offered here" in show_run(context, str(trained), None)[1]
    assert "is not offered here" in show_run_gallery(context, str(trained))[1]
