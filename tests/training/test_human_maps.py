"""Targets of alignment: gaze on training images only, gaze of another image, or the mask of the object."""

from dataclasses import replace
from functools import partial

import pytest
import torch
from tests.training.gaze_data import SIDE, clutter_with_gaze
from tests.training.tiny import metrics, tiny, weights

from regard.data import TensorSplit
from regard.gaze import make_fixations, observer_split
from regard.training import data_record, open_run, train
from regard.training.human_maps import align_batch, object_map
from regard.training.recipe_model import AlignRecipe
from regard.types import AttentionOutput, Batch, RegardError

MODEL = {"attention": "deterministic", "latent": None}
LONGER = {"train": {"epochs": 4}, "optim": {"name": "adamw", "lr": 0.01}, "augment": {"crop_padding": 0}}


def replace_data(monkeypatch, data):
    monkeypatch.setattr(data_record, "open_data", lambda *_, **__: data)


@pytest.mark.parametrize("align", [{}, {"shuffled": True}, {"shuffled": True, "shuffled_from": "other-class"}])
def test_no_gaze_on_val_and_test_images_enters_training(monkeypatch, tmp_path, align):
    data = clutter_with_gaze()
    poisoned = replace(
        data,
        val=replace(data.val, fixations=torch.full_like(data.val.fixations, 0.5)),
        test=replace(data.test, fixations=torch.full_like(data.test.fixations, 15.0)),
    )
    other = replace(data, train=replace(data.train, fixations=data.train.fixations / 2))
    learned = []
    for name, splits in (("one", data), ("poisoned", poisoned), ("other", other)):
        replace_data(monkeypatch, splits)
        recipe = tiny(name, model=MODEL, align=AlignRecipe(gaze="own", **align))
        learned.append(weights(train(recipe, tmp_path / name, quiet=True)))
    one, two, three = learned
    assert all(torch.equal(one[key], two[key]) for key in one)
    assert any(not torch.equal(one[key], three[key]) for key in one), "training gaze does nothing"


def test_the_map_is_aligned_with_the_mask(monkeypatch, tmp_path):
    data = clutter_with_gaze()
    replace_data(monkeypatch, data)
    recipe = tiny("masks", model=MODEL, align=AlignRecipe(target="mask", weight=5.0), **LONGER)
    folder = train(recipe, tmp_path / "masks", quiet=True)
    lines = metrics(folder)
    assert lines[-1]["train/align"] < lines[0]["train/align"]
    batch = data.train.batch(range(64))
    drawn = open_run(folder)[1](batch.images, samples=0).attention[0].mean
    target, _ = object_map(batch.masks, grid=tuple(drawn.shape[-2:]))
    inside = (drawn * target.map).sum() / target.map.sum()
    assert inside > drawn.mean() + 0.02


def batch_with_boxes(count=3):
    boxes = torch.tensor([[0.0, 0.0, 8.0, 8.0], [4.0, 8.0, 12.0, 16.0], [0.0, 0.0, 0.0, 0.0]])[:count]
    return Batch(torch.zeros(count, 3, SIDE, SIDE), torch.zeros(count).long(), torch.arange(count), boxes=boxes)


def output(mean):
    return AttentionOutput(features=torch.zeros(len(mean), 1, 4, 4), map=mean[None], mean=mean, raw=mean[None])


def test_a_box_replaces_a_mask_and_an_image_without_an_object_does_not_count():
    loss = partial(align_batch, AlignRecipe(target="mask", loss="mse"))
    expected = torch.zeros(3, 1, 4, 4)
    expected[0, 0, :2, :2] = 1
    expected[1, 0, 2:, 1:3] = 1
    expected[2] = torch.rand(1, 4, 4)
    assert loss([output(expected)], batch_with_boxes()) == 0
    assert loss([output(1 - expected)], batch_with_boxes()) == 1
    masks = torch.zeros(3, 1, SIDE, SIDE, dtype=torch.bool)
    masks[0, 0, 8:, 8:] = True
    assert loss([output(expected)], replace(batch_with_boxes(), masks=masks)) > 0.3, "a mask goes before a box"
    with pytest.raises(RegardError, match="neither masks nor boxes"):
        loss([output(expected)], replace(batch_with_boxes(), boxes=None))


def test_counts_of_an_object_are_its_pixels():
    masks = torch.zeros(1, 1, 8, 8, dtype=torch.bool)
    masks[0, 0, 0, 0] = masks[0, 0, 7, 4:] = True
    target, counts = object_map(masks, grid=(2, 2))
    assert target.counts.sum() == masks.sum()
    assert target.map[0, 0].tolist() == [[1 / 16, 0], [0, 4 / 16]]
    assert counts.tolist() == [True]


def test_with_masks_as_target_the_gaze_of_another_set_has_no_effect(monkeypatch, tmp_path):
    """With a mask as the target, gaze of another set has no effect; only its images are used."""
    data, learned = clutter_with_gaze(), []
    for name in ("one", "two"):
        lent = clutter_with_gaze(train=24, val=4, test=4, fixations=3 if name == "one" else 9)
        sets = {"clutter": data, "osie": lent}
        monkeypatch.setattr(data_record, "open_data", lambda name, *_, sets=sets, **__: sets[name])
        recipe = tiny(name, model=MODEL, align=AlignRecipe(target="mask", gaze="osie", batch_size=4))
        learned.append(weights(train(recipe, tmp_path / name, quiet=True)))
    assert all(torch.equal(learned[0][key], learned[1][key]) for key in learned[0])


def test_an_alignment_that_contradicts_the_recipe_is_refused() -> None:
    with pytest.raises(RegardError, match=r"align\.shuffled .*set it to false where align\.target is mask"):
        AlignRecipe(target="mask", shuffled=True)
    with pytest.raises(RegardError, match=r"needs model.attention"):
        tiny("wrong", model={**MODEL, "attention": None, "latent": None}, align=AlignRecipe(target="mask"))


def test_own_gaze_needs_fixations(monkeypatch, tmp_path):
    data = clutter_with_gaze()
    bare = TensorSplit("train", data.classes, data.train.images, data.train.labels)
    replace_data(monkeypatch, replace(data, train=bare))
    with pytest.raises(RegardError, match="comes without fixations"):
        train(tiny("run", model=MODEL, align=AlignRecipe(gaze="own")), tmp_path / "run", quiet=True)


def test_observers_are_split_by_number():
    table = make_fixations(
        image=["a", "a", "a", "b", "b"],
        subject=[2, 10, 1, 2, 10],
        x=[1.0, 2.0, 3.0, 4.0, 5.0],
        y=[1.0] * 5,
        sizes={"a": (8, 8), "b": (8, 8)},
    )
    others, last = observer_split(table, 1)
    assert last.x.tolist() == [2.0, 5.0], "the last by number, not by name"
    assert sorted(others.x.tolist()) == [1.0, 3.0, 4.0]
    assert others.images == last.images == table.images
    assert observer_split(table, 0) == (table, table)
    for wrong in (3, -1):
        with pytest.raises(RegardError, match="there are 3 observers; use 0 to 2"):
            observer_split(table, wrong)
