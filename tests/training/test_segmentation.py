"""Runs of segmentation: training, validation, and alignment of attention with gaze."""

import json
from functools import partial

import pytest
import torch
from tests.training.tiny import metrics, tiny

from regard.data import TensorSplit
from regard.models import Segmenter
from regard.objectives import Weights, pixel_loss, segmentation_loss
from regard.training import build, build_data, data_record, load_run, open_run, train
from regard.training.human_maps import align_batch, human_map
from regard.training.recipe_model import AlignRecipe
from regard.types import AttentionOutput, Batch, RegardError, SegmenterOutput

SEGMENTS = {"task": "segmentation", "model": {"latent": None, "fcn": "fcn8s"}}


def test_a_run_segments_and_learns(tmp_path):
    recipe = tiny("seg", **SEGMENTS, train={"epochs": 4}, optim={"lr": 0.01})
    folder = train(recipe, tmp_path / "seg", quiet=True)
    lines = metrics(folder)
    assert lines[-1]["train/task"] < lines[0]["train/task"]
    assert {"val/s", "val/f", "val/mae", "val/s_one_sample", "val/gate_bits"} <= set(lines[-1])
    assert (folder / "checkpoints/best.ckpt").exists()
    loaded, model, data = open_run(folder)
    assert loaded == recipe
    assert isinstance(model, Segmenter)
    assert model.predict(data.test.batch([0]).images).shape == (1, 1, 16, 16)
    with pytest.raises(RegardError, match="task segmentation; one of classification"):
        load_run(folder)


def test_a_segmenter_under_a_budget(tmp_path):
    recipe = tiny("seg", **SEGMENTS, objective={"map_budget_bits": 300.0})
    last = metrics(train(recipe, tmp_path / "seg", quiet=True))[-1]
    assert last["val/gate_bits"] == pytest.approx(300.0, rel=0.05)


def test_a_recipe_unsuited_to_segmentation_is_refused():
    with pytest.raises(RegardError, match=r"set model.latent and objective.budget_bits to null"):
        tiny("seg", task="segmentation")
    recipe = tiny("seg", **SEGMENTS)
    data = build_data(recipe)
    bare = TensorSplit("train", data.classes, data.train.images, data.train.labels)
    without = type(data)(**{**vars(data), "train": bare})
    with pytest.raises(RegardError, match=r"has no masks; take ecssd"):
        build.build_model(recipe, without)


def test_the_loss_weights_pixels_equally_and_images_by_weight():
    logits = torch.tensor([[2.0, -1.0]]).reshape(1, 2, 1, 1, 1).expand(3, 2, 1, 4, 5)
    masks = torch.ones(2, 1, 4, 5, dtype=torch.bool)
    own = torch.nn.functional.softplus(-torch.tensor([2.0, -1.0]))
    assert pixel_loss(logits, masks).item() == pytest.approx(own.mean().item(), abs=1e-6)
    assert pixel_loss(logits, masks, torch.tensor([1.0, 0.0])).item() == pytest.approx(own[0].item(), abs=1e-6)
    plain = segmentation_loss(SegmenterOutput(logits), masks, Weights())
    assert plain.total.item() == plain.task.item()


def test_fixations_become_a_map_and_counts_on_the_grid():
    points = torch.full((2, 3, 2), torch.nan)
    points[0, 0] = torch.tensor([15.0, 7.9])  # x, y: the last column, the lower half
    points[0, 1] = torch.tensor([0.0, 0.0])
    target, looked = human_map(points, size=(8, 16), grid=(2, 4), sigma=0.5)
    assert looked.tolist() == [True, False]
    assert target.counts[0, 0].tolist() == [[1, 0, 0, 0], [0, 0, 0, 1]]
    assert target.counts[1].sum() == 0
    assert target.map[1].sum() == 0
    assert target.map[0, 0, 0, 0] == target.map[0, 0].max()
    # the density of a single fixation has maximum 1 at the image's size; averaged over a cell of 16 pixels it has less
    assert 0.05 < target.map[0, 0, 1, 3] < 0.5
    assert torch.equal(target.map[0, 0] > 0.01, target.counts[0, 0] > 0)


def output(mean):
    return AttentionOutput(features=torch.zeros(len(mean), 1, 2, 4), map=mean[None], mean=mean, raw=mean[None])


def test_the_alignment_loss_is_least_at_the_gaze_and_ignores_images_without_gaze():
    points = torch.full((2, 1, 2), torch.nan)
    points[0, 0] = torch.tensor([15.0, 7.0])
    batch = Batch(torch.zeros(2, 3, 8, 16), torch.zeros(2).long(), torch.arange(2), fixations=points)
    target, _ = human_map(points, size=(8, 16), grid=(2, 4), sigma=0.037 * 16)
    loss = partial(align_batch, AlignRecipe(gaze="own", loss="kl"))
    right, wrong = target.map.clone(), target.map.flip(3)
    right[1], wrong[1] = torch.rand(1, 2, 4), torch.rand(1, 2, 4)
    assert loss([output(right)], batch) < 1e-3 < loss([output(wrong)], batch)
    blind = Batch(batch.images, batch.labels, batch.index, fixations=torch.full_like(points, torch.nan))
    assert loss([output(right)], blind) == 0
    with pytest.raises(RegardError, match="comes without fixations"):
        loss([output(right)], Batch(batch.images, batch.labels, batch.index))
    with pytest.raises(RegardError, match=r"align.layer=1: 1 layers"):
        align_batch(AlignRecipe(gaze="own", layer=1), [output(right)], batch)


@pytest.fixture
def opened(monkeypatch):
    """Options with which the gaze set under the name osie was opened: all fixations are in the lower right corner."""
    options_seen = []

    def open_data(name, root, **options):
        if name != "osie":
            return original(name, root, **options)
        options_seen.append(options)
        base = original("clutter", None, size=options["size"][0], train=24, val=8, test=8, cache=False, seed=5)

        def with_gaze(split):
            points = torch.full((len(split), 4, 2), torch.nan)
            points[:, :3] = options["size"][0] - 2.0
            return TensorSplit(split.name, ("scene",), split.images, torch.zeros(len(split)).long(), fixations=points)

        return type(base)(**{**vars(base), **{n: with_gaze(getattr(base, n)) for n in ("train", "val", "test")}})

    original = data_record.open_data
    monkeypatch.setattr(data_record, "open_data", open_data)
    return options_seen


@pytest.mark.parametrize("parts", [SEGMENTS, {}], ids=["segmentation", "classification"])
def test_attention_is_aligned_with_the_gaze_of_another_set(tmp_path, opened, parts):
    align = AlignRecipe(gaze="osie", weight=3.0, batch_size=4)
    common = {"train": {"epochs": 4}, "optim": {"name": "adamw", "lr": 0.01}, "augment": {"crop_padding": 0}}
    folder = train(tiny("aligned", **parts, **common, align=align), tmp_path / "aligned", quiet=True)
    lines = metrics(folder)
    assert lines[-1]["train/align"] < lines[0]["train/align"]
    assert opened[0]["size"] == (16, 16)
    _, model, data = open_run(folder)
    drawn = model(data.test.batch(range(16)).images, samples=0).attention[0].mean.mean((0, 1))
    other = train(tiny("plain", **parts, **common), tmp_path / "plain", quiet=True)
    plain = open_run(other)[1](data.test.batch(range(16)).images, samples=0).attention[0].mean.mean((0, 1))

    def corner(m):
        return (m[-3:, -3:].mean() / m.mean()).item()

    assert corner(drawn) > corner(plain)


def test_the_shuffled_control_and_its_record(tmp_path, opened):
    align = AlignRecipe(gaze="osie", shuffled=True, batch_size=4, loss="cc")
    recipe = tiny("shuffled", **SEGMENTS, align=align)
    folder = train(recipe, tmp_path / "shuffled", quiet=True)
    assert "shuffled: true" in (folder / "recipe.yaml").read_text()
    assert json.loads((folder / "metrics.jsonl").read_text().splitlines()[0])["train/align"] > 0
    assert build.plain_twin(recipe).align == AlignRecipe()


def test_a_set_without_gaze_is_refused(tmp_path):
    recipe = tiny(
        "none", **SEGMENTS, align=AlignRecipe(gaze="clutter", options={"size": 16, "train": 9, "val": 3, "test": 3})
    )
    with pytest.raises(RegardError, match=r"align.gaze=clutter"):
        train(recipe, tmp_path / "none", quiet=True)
    with pytest.raises(RegardError, match=r"align.loss 'l2' is unknown"):
        train(tiny("wrong", align=AlignRecipe(loss="l2")), tmp_path / "wrong", quiet=True)
    assert not (tmp_path / "wrong").exists()
