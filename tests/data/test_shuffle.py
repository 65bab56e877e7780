"""Gaze on other images: nobody keeps the own, and what lay in a box lies in the box it is moved to."""

from dataclasses import fields, replace

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image
from tests.data.cub_files import make_cub
from tests.training.gaze_data import SIDE, clutter_with_gaze

from regard.data import (
    Augmentation,
    DataSplits,
    TensorSplit,
    cub,
    image_folder,
    loader,
    open_data,
    shuffle_gaze,
    shuffle_labels,
)
from regard.data.shuffle import exchange, warped
from regard.types import RegardError

AMONG = ("any", "same-class", "other-class")


@given(st.integers(0, 10**6), st.lists(st.integers(0, 3), min_size=2, max_size=40), st.sampled_from(AMONG))
@settings(max_examples=200, deadline=None)
def test_everybody_gives_once_and_nobody_keeps_the_own(seed, kinds, among):
    labels = torch.tensor(kinds)
    counts = torch.bincount(labels)
    participants = torch.ones(len(labels), dtype=torch.bool)
    if (among == "same-class" and (counts == 1).any()) or (among == "other-class" and counts.max() > len(labels) / 2):
        with pytest.raises(RegardError, match="use shuffled_from any"):
            exchange(labels, participants, seed=seed, among=among)
        return
    giver = exchange(labels, participants, seed=seed, among=among)
    assert giver.sort().values.tolist() == list(range(len(labels)))
    assert (giver != torch.arange(len(labels))).all()
    same = labels[giver] == labels
    assert {"any": True, "same-class": bool(same.all()), "other-class": not same.any()}[among]


def test_classes_do_not_learn_from_whom_they_get():
    """Were all of a class dealt the gaze of one other class, its pattern would tell the class."""
    labels = torch.arange(10).repeat_interleave(20)
    giver = exchange(labels, torch.ones(200, dtype=torch.bool), seed=0, among="other-class")
    assert all(len(labels[giver[labels == kind]].unique()) > 4 for kind in range(10))


def test_those_nobody_looked_at_neither_give_nor_get():
    data = clutter_with_gaze(without=(0, 7, 20)).train
    dealt = shuffle_gaze(data, seed=3)
    assert dealt.fixations[[0, 7, 20]].isnan().all()
    assert (~dealt.fixations.isnan()).sum() == (~data.fixations.isnan()).sum()


def shares(points, boxes):
    """Where points lie in boxes, as shares of their sides (N,2n)."""
    return ((points - boxes[:, None, :2]) / (boxes[:, 2:] - boxes[:, :2])[:, None]).flatten(1)


@given(st.integers(0, 1000), st.sampled_from(AMONG))
@settings(max_examples=20, deadline=None)
def test_what_lay_in_a_box_lies_in_the_box_it_goes_to(seed, among):
    data = clutter_with_gaze(train=150).train
    dealt = shuffle_gaze(data, seed=seed, among=among).fixations[:, :5]
    x0, y0, x1, y1 = data.boxes[:, None].unbind(-1)
    x, y = dealt.unbind(-1)
    assert ((x >= x0) & (x < x1) & (y >= y0) & (y < y1)).all()
    own, mine = shares(data.fixations[:, :5], data.boxes), shares(dealt, data.boxes)
    apart = torch.cdist(mine, own, compute_mode="donot_use_mm_for_euclid_dist")
    assert (apart.min(1).values < 1e-4).all(), "shares of the box's sides are those of somebody"
    assert (apart.argmin(1) != torch.arange(150)).all(), "and not the own"


def test_a_point_on_the_far_edge_stays_inside():
    box = torch.tensor([[0.0, 0.0, 16.0, 16.0]])
    points = torch.tensor([[[16.0, 16.0], [16.5, -0.5], [torch.nan, torch.nan]]])
    inside = warped(points, box, box)
    assert (inside[0, :2].floor() == torch.tensor([[15.0, 15.0], [15.0, 0.0]])).all()
    assert inside[0, 2].isnan().all()


def test_a_point_beside_the_box_is_not_of_the_object():
    source, target = torch.tensor([[4.0, 4.0, 8.0, 8.0]]), torch.tensor([[0.0, 0.0, 16.0, 8.0]])
    points = torch.tensor([[[1.0, 6.0], [5.0, 6.0]]])
    assert warped(points, source, target).tolist() == [[[1.0, 6.0], [4.0, 4.0]]]


def test_flips_and_crops_move_gaze_box_mask_and_pixels_together():
    before = shuffle_gaze(clutter_with_gaze().train, seed=0).batch(range(64))
    painted = before.images * 0  # the pixel under every fixation, so that it can be found again
    for k in range(64):
        for x, y in before.fixations[k, :5].floor().long().tolist():
            painted[k, :, y, x] = 1
    after = Augmentation(crop_padding=3, flip=True, pad_mode="zeros")(replace(before, images=painted), seed=1, epoch=2)
    assert set(after.moved[:, 2].tolist()) == {0, 1}
    assert after.moved[:, :2].unique().tolist() == list(range(-3, 4))
    seen = 0
    for k in range(64):
        x0, y0, x1, y1 = after.boxes[k].tolist()
        for x, y in after.fixations[k, :5].tolist():
            if x == x:
                assert after.images[k, 0, int(y), int(x)] == 1
                assert x0 - 1 <= x <= x1 + 1
                assert y0 - 1 <= y <= y1 + 1
                seen += 1
    assert seen > 200


def test_annotations_move_without_pixels_as_they_do_with_them():
    batch = shuffle_gaze(clutter_with_gaze().train, seed=0).batch(range(64))
    augment = Augmentation(crop_padding=3, flip=True, brightness=0.2, erase=0.5)
    whole = augment(batch, seed=1, epoch=2)
    bare = augment(replace(batch, images=torch.empty(64, 3, 0, 0), stem_size=(SIDE, SIDE)), seed=1, epoch=2)
    for name in ("masks", "boxes", "moved"):
        assert torch.equal(getattr(whole, name), getattr(bare, name))
    assert torch.equal(whole.fixations.nan_to_num(-1), bare.fixations.nan_to_num(-1))
    assert bare.images.numel() == 0


def test_birds_are_looked_at_in_every_split(tmp_path):
    root = make_cub(tmp_path / "cub50")
    data = cub(root, size=48, crop=True)
    for split in (data.train, data.val, data.test):
        assert split.fixations.shape[0] == len(split)
        assert (~split.fixations[..., 0].isnan()).sum(1).tolist() == [6] * len(split)  # two of three lie in the crop
    assert torch.allclose(data.test.fixations.double(), data.gaze().points(), atol=1e-3)
    assert shuffle_gaze(data.train, seed=0, among="other-class").batch([0]).fixations is not None
    without = cub(root, size=48, gaze=False)
    assert without.gaze is None
    assert without.train.fixations is None


def test_labels_without_classes_are_refused():
    with pytest.raises(RegardError, match="several labels"):
        exchange(torch.ones(4, 2), torch.ones(4, dtype=torch.bool), seed=0, among="same-class")


@pytest.mark.realdata
def test_real_birds_are_looked_at_inside_of_their_own_boxes(real_data):
    data = open_data("cub", real_data, size=96)
    for split in (data.train, data.val, data.test):
        assert (~split.fixations.isnan().any(-1)).any(1).all(), "people looked at every image"
        for among in AMONG:
            x, y = shuffle_gaze(split, seed=0, among=among).fixations.unbind(-1)
            x0, y0, x1, y1 = split.boxes[:, None].unbind(-1)
            inside = (x >= x0) & (x < x1) & (y >= y0) & (y < y1)
            assert inside[~x.isnan()].all()


def split(name, count, labels):
    generator = torch.Generator().manual_seed(count)
    images = torch.randint(0, 256, (count, 3, 8, 8), generator=generator, dtype=torch.uint8)
    boxes = torch.arange(count)[:, None] + torch.tensor([0.0, 0.0, 4.0, 4.0])
    return TensorSplit(name, ("a", "b", "c"), images, labels, masks=images[:, :1] > 99, boxes=boxes)


def data(multi=False):
    def labels(count):
        return torch.eye(3)[torch.arange(count) % 3] if multi else torch.arange(count) % 3

    parts = {name: split(name, count, labels(count)) for name, count in (("train", 60), ("val", 30), ("test", 20))}
    return DataSplits(**parts, mean=torch.zeros(3), std=torch.ones(3), source="here", licence="none")


@pytest.mark.parametrize("multi", [False, True])
def test_labels_are_permuted_in_train_and_val_and_nothing_else_is_touched(multi):
    before, after = data(multi), shuffle_labels(data(multi), seed=3)
    for name in ("train", "val"):
        old, new = getattr(before, name), getattr(after, name)
        assert not torch.equal(old.labels, new.labels)
        assert sorted(old.labels.tolist()) == sorted(new.labels.tolist()), "classes keep their sizes"
        for field in fields(old):
            if field.name != "labels":
                value = getattr(old, field.name)
                same = torch.equal(value, getattr(new, field.name)) if isinstance(value, torch.Tensor) else None
                assert same if same is not None else value == getattr(new, field.name), field.name
    assert torch.equal(before.test.labels, after.test.labels)
    assert torch.equal(before.test.images, after.test.images)
    assert (after.mean, after.licence, after.mirror) == (after.mean, before.licence, before.mirror)
    assert "shuffled" in after.source


def test_the_seed_decides_and_train_and_val_are_dealt_apart():
    one, same, other = (shuffle_labels(data(), seed=s) for s in (0, 0, 1))
    assert torch.equal(one.train.labels, same.train.labels)
    assert not torch.equal(one.train.labels, other.train.labels)
    twice = replace(data(), val=replace(data().train, name="val"))
    dealt = shuffle_labels(twice, seed=0)
    assert not torch.equal(dealt.train.labels, dealt.val.labels), "equal splits get different orders"


def test_a_label_says_nothing_of_its_image():
    labels = torch.arange(3000) % 3
    images = labels[:, None, None, None].expand(-1, 3, 1, 1).to(torch.uint8)
    whole = TensorSplit("train", ("a", "b", "c"), images, labels)
    dealt = shuffle_labels(replace(data(), train=whole), seed=0).train
    assert (dealt.labels == labels).float().mean().item() == pytest.approx(1 / 3, abs=0.03)


def test_epochs_and_batches_keep_a_samples_label():
    dealt = shuffle_labels(data(), seed=5)
    seen = {}
    for epoch in range(2):
        for batch in loader(dealt.train, 7, shuffle=True, seed=1, epoch=epoch):
            for index, label in zip(batch.index.tolist(), batch.labels.tolist(), strict=True):
                assert seen.setdefault(index, label) == label
    assert [seen[i] for i in range(60)] == dealt.train.labels.tolist()


@pytest.mark.parametrize("in_memory", [True, False])
def test_images_that_stay_in_files_too(tmp_path, in_memory):
    for k in range(24):
        file = tmp_path / "ab"[k % 2] / f"{k}.png"
        file.parent.mkdir(exist_ok=True)
        Image.fromarray(np.full((8, 8, 3), k, np.uint8)).save(file)
    before = image_folder(tmp_path, size=8, in_memory=in_memory)
    after = shuffle_labels(before, seed=0)
    everything = range(len(before.train))
    old, new = before.train.batch(everything), after.train.batch(everything)
    assert torch.equal(old.images, new.images)
    assert sorted(old.labels.tolist()) == sorted(new.labels.tolist())
    assert old.labels.tolist() != new.labels.tolist()
