"""Labels dealt anew: a permutation, a function of the seed; nothing else is touched."""

from dataclasses import fields, replace

import numpy as np
import pytest
import torch
from PIL import Image

from regard.data import DataSplits, TensorSplit, image_folder, loader, shuffle_labels


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
