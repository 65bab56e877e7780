"""Shuffled gaze and labels: no image keeps its own gaze, and fixations in a box stay inside the receiving box."""

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
def test_exchange_is_a_permutation_without_fixed_points(seed, kinds, among):
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


def test_gaze_of_a_class_comes_from_several_other_classes():
    """If one class received all its gaze from one other class, the gaze would reveal the class."""
    labels = torch.arange(10).repeat_interleave(20)
    giver = exchange(labels, torch.ones(200, dtype=torch.bool), seed=0, among="other-class")
    assert all(len(labels[giver[labels == kind]].unique()) > 4 for kind in range(10))


def test_images_without_gaze_stay_without_gaze():
    data = clutter_with_gaze(without=(0, 7, 20)).train
    shuffled = shuffle_gaze(data, seed=3)
    assert shuffled.fixations[[0, 7, 20]].isnan().all()
    assert (~shuffled.fixations.isnan()).sum() == (~data.fixations.isnan()).sum()


def shares(points, boxes):
    """Coordinates of points relative to their boxes, as shares of the box sides (N,2n)."""
    return ((points - boxes[:, None, :2]) / (boxes[:, 2:] - boxes[:, :2])[:, None]).flatten(1)


@given(st.integers(0, 1000), st.sampled_from(AMONG))
@settings(max_examples=20, deadline=None)
def test_fixations_in_a_box_stay_in_the_receiving_box(seed, among):
    data = clutter_with_gaze(train=150).train
    shuffled = shuffle_gaze(data, seed=seed, among=among).fixations[:, :5]
    x0, y0, x1, y1 = data.boxes[:, None].unbind(-1)
    x, y = shuffled.unbind(-1)
    assert ((x >= x0) & (x < x1) & (y >= y0) & (y < y1)).all()
    original_shares, shuffled_shares = shares(data.fixations[:, :5], data.boxes), shares(shuffled, data.boxes)
    distances = torch.cdist(shuffled_shares, original_shares, compute_mode="donot_use_mm_for_euclid_dist")
    assert (distances.min(1).values < 1e-4).all(), "every image has the box-relative fixations of some image"
    assert (distances.argmin(1) != torch.arange(150)).all(), "but not its own"


def test_a_point_on_the_far_edge_stays_inside():
    box = torch.tensor([[0.0, 0.0, 16.0, 16.0]])
    points = torch.tensor([[[16.0, 16.0], [16.5, -0.5], [torch.nan, torch.nan]]])
    inside = warped(points, box, box)
    assert (inside[0, :2].floor() == torch.tensor([[15.0, 15.0], [15.0, 0.0]])).all()
    assert inside[0, 2].isnan().all()


def test_a_point_outside_the_box_does_not_move():
    source, target = torch.tensor([[4.0, 4.0, 8.0, 8.0]]), torch.tensor([[0.0, 0.0, 16.0, 8.0]])
    points = torch.tensor([[[1.0, 6.0], [5.0, 6.0]]])
    assert warped(points, source, target).tolist() == [[[1.0, 6.0], [4.0, 4.0]]]


def test_flips_and_crops_move_gaze_box_mask_and_pixels_together():
    before = shuffle_gaze(clutter_with_gaze().train, seed=0).batch(range(64))
    marked = before.images * 0  # marks the pixel under every fixation
    for k in range(64):
        for x, y in before.fixations[k, :5].floor().long().tolist():
            marked[k, :, y, x] = 1
    after = Augmentation(crop_padding=3, flip=True, pad_mode="zeros")(replace(before, images=marked), seed=1, epoch=2)
    assert set(after.moved[:, 2].tolist()) == {0, 1}
    assert after.moved[:, :2].unique().tolist() == list(range(-3, 4))
    inside = 0
    for k in range(64):
        x0, y0, x1, y1 = after.boxes[k].tolist()
        for x, y in after.fixations[k, :5].tolist():
            if x == x:
                assert after.images[k, 0, int(y), int(x)] == 1
                assert x0 - 1 <= x <= x1 + 1
                assert y0 - 1 <= y <= y1 + 1
                inside += 1
    assert inside > 200


def test_annotations_move_alike_with_and_without_pixels():
    batch = shuffle_gaze(clutter_with_gaze().train, seed=0).batch(range(64))
    augment = Augmentation(crop_padding=3, flip=True, brightness=0.2, erase=0.5)
    with_pixels = augment(batch, seed=1, epoch=2)
    without_pixels = augment(replace(batch, images=torch.empty(64, 3, 0, 0), stem_size=(SIDE, SIDE)), seed=1, epoch=2)
    for name in ("masks", "boxes", "moved"):
        assert torch.equal(getattr(with_pixels, name), getattr(without_pixels, name))
    assert torch.equal(with_pixels.fixations.nan_to_num(-1), without_pixels.fixations.nan_to_num(-1))
    assert without_pixels.images.numel() == 0


def test_birds_have_gaze_in_every_split(tmp_path):
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
def test_shuffled_gaze_of_real_birds_stays_in_their_boxes(real_data):
    data = open_data("cub", real_data, size=96)
    for split in (data.train, data.val, data.test):
        assert (~split.fixations.isnan().any(-1)).any(1).all(), "every image has gaze"
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
def test_only_labels_of_train_and_val_are_permuted(multi):
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


def test_the_seed_decides_and_train_and_val_get_different_orders():
    first, repeated, other_seed = (shuffle_labels(data(), seed=s) for s in (0, 0, 1))
    assert torch.equal(first.train.labels, repeated.train.labels)
    assert not torch.equal(first.train.labels, other_seed.train.labels)
    equal_splits = replace(data(), val=replace(data().train, name="val"))
    shuffled = shuffle_labels(equal_splits, seed=0)
    assert not torch.equal(shuffled.train.labels, shuffled.val.labels), "equal splits get different orders"


def test_shuffled_labels_are_independent_of_images():
    labels = torch.arange(3000) % 3
    images = labels[:, None, None, None].expand(-1, 3, 1, 1).to(torch.uint8)
    train = TensorSplit("train", ("a", "b", "c"), images, labels)
    shuffled = shuffle_labels(replace(data(), train=train), seed=0).train
    assert (shuffled.labels == labels).float().mean().item() == pytest.approx(1 / 3, abs=0.03)


def test_a_sample_keeps_its_shuffled_label_over_epochs():
    shuffled = shuffle_labels(data(), seed=5)
    labels = {}
    for epoch in range(2):
        for batch in loader(shuffled.train, 7, shuffle=True, seed=1, epoch=epoch):
            for index, label in zip(batch.index.tolist(), batch.labels.tolist(), strict=True):
                assert labels.setdefault(index, label) == label
    assert [labels[i] for i in range(60)] == shuffled.train.labels.tolist()


@pytest.mark.parametrize("in_memory", [True, False])
def test_labels_of_images_in_files_are_shuffled(tmp_path, in_memory):
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
