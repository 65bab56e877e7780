"""Runs of action recognition: two streams, resuming, alignment with gaze, several labels."""

from dataclasses import replace

import pytest
import torch
from tests.training.tiny import metrics, tiny, weights

from regard.data import DataSplits
from regard.models import TwoStream
from regard.objectives import Weights, task_loss
from regard.training import build, build_data, data_record, load_run, open_run, plain_twin, train
from regard.training.checkpoints import AtomicCheckpoints
from regard.training.recipe_model import AlignRecipe
from regard.training.tasks import TASKS, flow_std
from regard.types import RegardError

CLIPS = {
    "task": "action",
    "data": {"name": "moving_clutter", "options": {"size": 16, "train": 48, "val": 17, "test": 19, "length": 2}},
    "model": {"latent": None, "attention": "deterministic"},
}


@pytest.fixture(autouse=True, scope="module")
def cache(tmp_path_factory):
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("REGARD_CACHE", str(tmp_path_factory.mktemp("cache")))
        yield


def test_a_run_recognizes_actions_and_learns(tmp_path):
    recipe = tiny("act", **CLIPS, train={"epochs": 4}, optim={"lr": 0.01})
    folder = train(recipe, tmp_path / "act", quiet=True)
    lines = metrics(folder)
    assert lines[-1]["train/task"] < lines[0]["train/task"]
    assert {"val/accuracy", "val/nll", "val/accuracy_one_sample", "train/accuracy"} <= set(lines[-1])
    assert "val/gate_bits" not in lines[-1], "attention in one stream is no cut"
    loaded, model, data = open_run(folder)
    assert loaded == recipe
    assert isinstance(model, TwoStream)
    batch = data.test.batch([0, 1])
    assert model.predict(batch.images, flow=batch.flow).shape == (2, 12)
    assert model.config["flow_std"] == pytest.approx(flow_std(data.train))
    with pytest.raises(RegardError, match="task action; one of classification"):
        load_run(folder)


def test_a_killed_run_resumes_to_the_same_weights(tmp_path, monkeypatch):
    recipe = tiny("act", **CLIPS, train={"epochs": 3})
    uninterrupted = train(recipe, tmp_path / "whole", quiet=True)
    save, saved = AtomicCheckpoints.save_checkpoint, []

    def dying(self, checkpoint, path, *args, **kwargs):
        save(self, checkpoint, path, *args, **kwargs)
        saved.append(path)
        if str(path).endswith("last.ckpt") and sum(str(p).endswith("last.ckpt") for p in saved) == 2:
            raise ZeroDivisionError

    monkeypatch.setattr(AtomicCheckpoints, "save_checkpoint", dying)
    with pytest.raises(ZeroDivisionError):
        train(recipe, tmp_path / "killed", quiet=True)
    monkeypatch.undo()
    resumed = train(recipe, tmp_path / "killed", quiet=True)
    first, second = weights(uninterrupted), weights(resumed)
    assert first.keys() == second.keys()
    assert all(torch.equal(first[key], second[key]) for key in first)


@pytest.mark.parametrize("attend", ["rgb", "both"])
def test_attention_is_aligned_with_the_gaze_on_the_clips(tmp_path, attend):
    parts = {**CLIPS, "model": CLIPS["model"] | {"attend": attend}}
    common = {"train": {"epochs": 4}, "optim": {"name": "adamw", "lr": 0.01}}
    aligned = tiny("aligned", **parts, **common, align=AlignRecipe(gaze="own", weight=3.0))
    lines = metrics(train(aligned, tmp_path / "aligned", quiet=True))
    assert lines[-1]["train/align"] < lines[0]["train/align"]
    shuffled = replace(aligned, name="shuffled", align=replace(aligned.align, shuffled=True))
    assert metrics(train(shuffled, tmp_path / "shuffled", quiet=True))[-1]["train/align"] > 0


def test_a_budget_needs_both_streams(tmp_path):
    noisy = CLIPS["model"] | {"attention": "noise", "attend": "both"}
    recipe = tiny("both", **CLIPS | {"model": noisy}, objective={"map_budget_bits": 300.0})
    last = metrics(train(recipe, tmp_path / "both", quiet=True))[-1]
    assert last["val/gate_bits"] == pytest.approx(300.0, rel=0.05)
    one = replace(recipe, name="one", model=replace(recipe.model, attend="rgb"))
    with pytest.raises(RegardError, match="nothing is attended in the flow stream"):
        train(one, tmp_path / "one", quiet=True)


def several_labels(data: DataSplits) -> DataSplits:
    def both(split):
        kind, way = split.labels // 4, split.labels % 4
        targets = torch.cat([torch.eye(3)[kind], torch.eye(4)[way]], 1)
        return replace(split, labels=targets, classes=("0", "1", "4", "right", "down", "left", "up"))

    return replace(data, train=both(data.train), val=both(data.val), test=both(data.test))


def test_several_labels_are_learned_by_binary_cross_entropy(tmp_path, monkeypatch):
    original = data_record.open_data
    monkeypatch.setattr(data_record, "open_data", lambda *a, **k: several_labels(original(*a, **k)))
    recipe = tiny("multi", **CLIPS, train={"epochs": 3}, optim={"lr": 0.01})
    lines = metrics(train(recipe, tmp_path / "multi", quiet=True))
    assert lines[-1]["train/task"] < lines[0]["train/task"]
    data = build_data(recipe)
    model = build.build_model(recipe, data)
    assert model.multi_label
    batch = data.train.batch(range(4))
    output = model(batch.images, flow=batch.flow, samples=0)
    parts = [
        torch.nn.functional.binary_cross_entropy_with_logits(x[0], batch.labels, reduction="none").sum(1).mean()
        for x in output.streams
    ]
    assert TASKS["action"].loss(output, batch, Weights(), 1.0).task.item() == pytest.approx(sum(parts).item(), rel=1e-5)


def test_each_stream_has_its_own_gradient():
    recipe = tiny("act", **CLIPS)
    data = build_data(recipe)
    model = build.build_model(recipe, data)
    batch = data.train.batch(range(6))
    output = model(batch.images, flow=batch.flow, samples=1)
    total = TASKS["action"].loss(output, batch, Weights(), 1.0).total
    own = [
        task_loss(stream(x, samples=1).logits, batch.labels)
        for stream, x in ((model.flow, batch.flow), (model.rgb, batch.images))
    ]
    assert total.item() == pytest.approx(sum(own).item(), rel=1e-5)
    grads = torch.autograd.grad(total, list(model.rgb.trunk.head.parameters()), retain_graph=True)
    alone = torch.autograd.grad(own[1], list(model.rgb.trunk.head.parameters()))
    assert all(torch.allclose(a, b, atol=1e-6) for a, b in zip(grads, alone, strict=True))


def test_the_plain_twin_has_two_streams_too():
    twin = plain_twin(tiny("act", **CLIPS))
    model = build.build_model(twin, build_data(twin))
    assert isinstance(model, TwoStream)
    assert model.at == ()


def test_a_recipe_that_the_task_cannot_have_is_refused():
    with pytest.raises(RegardError, match="task action averages probabilities"):
        tiny("act", **CLIPS | {"model": CLIPS["model"] | {"average": "logits"}})
    with pytest.raises(RegardError, match="task action has two stems"):
        tiny("act", **CLIPS, train={"compile": True})
    recipe = tiny("act", task="action", model={"latent": None})
    with pytest.raises(RegardError, match="'clutter' has no clips; take moving_clutter"):
        build.build_model(recipe, build_data(recipe))
