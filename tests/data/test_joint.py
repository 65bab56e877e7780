"""Batches from two sets: what each image brings, and that the task's part is what it is without gaze."""

import pytest
import torch

from regard.data import Augmentation, JointLoader, TensorSplit, join, loader, shuffle_gaze
from regard.types import RegardError


def split(count, *, fixations=False, masks=False, size=(6, 8), start=0):
    images = (torch.arange(start, start + count).byte()[:, None, None, None]).expand(-1, 3, *size).contiguous()
    points = torch.full((count, 3, 2), torch.nan)
    points[:, 0] = torch.stack([torch.arange(count) % size[1], torch.arange(count) % size[0]], 1).float()
    return TensorSplit(
        "train",
        ("thing",),
        images,
        torch.zeros(count).long(),
        masks=torch.ones(count, 1, *size, dtype=torch.bool) if masks else None,
        fixations=points if fixations else None,
    )


def loaders(gaze_count=5, batch_size=2, epoch=0, rank=0, world=1):
    task = loader(split(8, masks=True), 2, shuffle=True, epoch=epoch, drop_last=True, rank=rank, world=world)
    return task, JointLoader(task, split(gaze_count, fixations=True, start=100), batch_size, seed=0)


def names(batch):
    return (batch.images[:, 0, 0, 0] * 255).round().long().tolist()


def test_the_tasks_part_is_what_its_loader_gives_and_the_rest_has_gaze():
    task, joint = loaders()
    assert len(joint) == len(task) == 4
    for alone, both in zip(task, joint, strict=True):
        assert names(both)[:2] == names(alone)
        assert all(name >= 100 for name in names(both)[2:])
        assert both.weights.tolist() == [1, 1, 0, 0]
        assert both.masks[:2].all()
        assert not both.masks[2:].any()
        assert both.fixations[:2].isnan().all()
        assert [int(name) - 100 for name in names(both)[2:]] == both.fixations[2:, 0, 0].tolist()
        assert both.index[:2].tolist() == alone.index.tolist()
        assert (both.index[2:] < 0).all()


def test_the_gaze_set_begins_anew_in_another_order_as_often_as_needed():
    _, joint = loaders(gaze_count=2)
    orders = [names(batch)[2:] for batch in joint]
    assert all(sorted(order) == [100, 101] for order in orders)
    several = [[names(b)[2:] for b in loaders(gaze_count=6, epoch=epoch)[1]] for epoch in range(4)]
    assert len({str(order) for order in several}) > 1


def test_processes_share_both_sets():
    whole = [names(batch) for batch in loaders(gaze_count=8)[1]]
    parts = [[names(batch) for batch in loaders(gaze_count=8, rank=rank, world=2)[1]] for rank in range(2)]
    seen = [name for part in parts for batch in part for name in batch]
    assert len(parts[0]) == len(parts[1]) == 2
    assert len(set(seen)) == len(seen) == 16
    assert set(seen) == {name for batch in whole for name in batch}


def test_augmentation_moves_the_gaze_set_too():
    task, joint = loaders()
    flipped = JointLoader(task, joint.gaze, 2, seed=0, augment=Augmentation(flip=True))
    xs = [batch.fixations[2:, 0, 0].tolist() for batch in joint]
    assert xs != [batch.fixations[2:, 0, 0].tolist() for batch in flipped]


def test_weights_that_are_there_are_kept_and_labels_may_be_targets():
    from dataclasses import replace

    task = replace(split(2).batch([0, 1]), labels=torch.ones(2, 4), weights=torch.tensor([0.5, 2.0]))
    both = join(task, split(3, fixations=True).batch([0, 1, 2]))
    assert both.weights.tolist() == [0.5, 2, 0, 0, 0]
    assert both.labels.tolist() == [[1.0] * 4] * 2 + [[0.0] * 4] * 3


def test_what_does_not_go_together_is_an_error():
    with pytest.raises(RegardError, match="without fixations"):
        join(split(2).batch([0]), split(2).batch([0]))
    with pytest.raises(RegardError, match="open the gaze set in the task's size"):
        join(split(2).batch([0]), split(2, fixations=True, size=(4, 4)).batch([0]))
    with pytest.raises(RegardError, match=r"1 images with gaze, fewer than a step's 2"):
        next(iter(loaders(gaze_count=1)[1]))


def test_shuffled_gaze_is_everybodys_but_nobodys_own():
    before = split(7, fixations=True)
    after = shuffle_gaze(before, seed=3)
    mine, theirs = before.fixations[:, 0, 0], after.fixations[:, 0, 0]
    assert (mine != theirs).all()
    assert sorted(mine.tolist()) == sorted(theirs.tolist())
    assert torch.equal(after.images, before.images)
    assert torch.equal(shuffle_gaze(before, seed=3).fixations[:, 0], after.fixations[:, 0])
    with pytest.raises(RegardError, match="at least two images with fixations"):
        shuffle_gaze(split(7), seed=0)
