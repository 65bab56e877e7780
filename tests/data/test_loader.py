"""Batches of one split and of a task joined with a gaze set; the task's part does not depend on the gaze set."""

import dataclasses
import time
from itertools import chain

import pytest
import torch
from PIL import Image

from regard.data import Augmentation, FileSplit, JointLoader, TensorSplit, join, loader, shuffle_gaze
from regard.types import RegardError

AUGMENT = Augmentation(crop_padding=2, flip=True, erase=0.3)


def split(n=23):
    g = torch.Generator().manual_seed(0)
    images = torch.randint(0, 256, (n, 3, 8, 8), dtype=torch.uint8, generator=g)
    return TensorSplit("train", ("a", "b"), images, torch.arange(n) % 2, masks=images[:, :1] > 128)


@pytest.fixture
def files(tmp_path):
    s = split(11)
    paths = []
    for i, image in enumerate(s.images):
        paths.append(tmp_path / f"{i}.png")
        Image.fromarray(image.permute(1, 2, 0).numpy()).save(paths[-1])
    return FileSplit("train", s.classes, tuple(paths), s.labels, (8, 8))


def indices(batches):
    return [b.index.tolist() for b in batches]


def flat(lists):
    return list(chain.from_iterable(lists))


def test_every_item_comes_once_in_batches_of_the_requested_size():
    batches = loader(split(), 5, shuffle=True, seed=1)
    batch_indices = indices(batches)
    assert [len(b) for b in batch_indices] == [5, 5, 5, 5, 3]
    assert len(batches) == 5
    assert sorted(flat(batch_indices)) == list(range(23))
    assert flat(batch_indices) != list(range(23))
    assert indices(loader(split(), 5, shuffle=False)) == [list(range(k, min(k + 5, 23))) for k in range(0, 23, 5)]


def test_seed_and_epoch_decide_and_iterating_again_repeats():
    first = loader(split(), 23, shuffle=True, seed=1, epoch=2, augment=AUGMENT)
    (a,), (b,) = list(first), list(first)
    assert torch.equal(a.index, b.index)
    assert torch.equal(a.images, b.images)
    for other in ({"seed": 2}, {"epoch": 3}):
        (c,) = loader(split(), 23, shuffle=True, augment=AUGMENT, **{"seed": 1, "epoch": 2, **other})
        assert not torch.equal(a.index, c.index)


def test_augmentation_does_not_depend_on_batches_or_order():
    def by_item(**options):
        batches = loader(split(), augment=AUGMENT, seed=4, epoch=1, **options)
        return {int(i): (x, m) for b in batches for i, x, m in zip(b.index, b.images, b.masks, strict=True)}

    a, b = by_item(batch_size=4, shuffle=True), by_item(batch_size=9, shuffle=False)
    assert a.keys() == b.keys()
    for i in a:
        assert torch.allclose(a[i][0], b[i][0], atol=1e-6)
        assert torch.equal(a[i][1], b[i][1])


@pytest.mark.parametrize("shuffle", [False, True])
@pytest.mark.parametrize("world", [1, 2, 3, 4])
@pytest.mark.parametrize("n", [1, 6, 23, 24])
def test_processes_split_the_items_without_duplicates(n, world, shuffle):
    loaders = [loader(split(n), 3, shuffle=shuffle, seed=0, rank=r, world=world) for r in range(world)]
    shares = [indices(process_loader) for process_loader in loaders]
    assert sorted(i for share in shares for b in share for i in b) == list(range(n))
    assert [len(process_loader) for process_loader in loaders] == [len(share) for share in shares]


def test_the_global_batch_does_not_depend_on_the_number_of_processes():
    whole = indices(loader(split(24), 12, shuffle=True, seed=0))
    for world in (2, 3, 4):
        parts = [
            indices(loader(split(24), 12 // world, shuffle=True, seed=0, rank=r, world=world)) for r in range(world)
        ]
        for k, batch in enumerate(whole):
            assert sorted(flat(part[k] for part in parts)) == sorted(batch)


@pytest.mark.parametrize("world", [1, 2, 3])
def test_drop_last_gives_processes_equal_numbers(world):
    loaders = [loader(split(23), 4, shuffle=True, drop_last=True, rank=r, world=world) for r in range(world)]
    shares = [indices(process_loader) for process_loader in loaders]
    assert {len(b) for share in shares for b in share} == {4}
    assert {len(process_loader) for process_loader in loaders} == {len(shares[0])} == {23 // (4 * world)}


def test_drop_last_of_less_than_a_batch_is_empty():
    empty = loader(split(3), 8, shuffle=True, drop_last=True)
    assert len(empty) == 0
    assert list(empty) == []


@pytest.mark.parametrize("workers", [0, 2])
def test_files_give_the_same_batches_as_memory(files, workers):
    options = {"shuffle": True, "seed": 3, "epoch": 1, "augment": AUGMENT}
    read = list(loader(files, 4, num_workers=workers, **options))
    in_memory = list(loader(files.load(), 4, **options))
    for a, b in zip(read, in_memory, strict=True):
        assert torch.equal(a.index, b.index)
        assert torch.equal(a.images, b.images)
        assert torch.equal(a.labels, b.labels)


@pytest.mark.parametrize("workers", [0, 1])
def test_a_bad_file_is_an_error_with_its_name(files, workers):
    files.paths[7].write_bytes(b"no image")
    with pytest.raises(RegardError, match=r"7\.png: not an image") as caught:
        list(loader(files, 4, shuffle=False, num_workers=workers))
    assert "Traceback" not in str(caught.value)


def test_a_loader_has_little_overhead():
    """Beyond reading and augmenting, a batch costs next to nothing: here under a millisecond of processor time."""
    s = split(2000)
    s = dataclasses.replace(s, masks=None)
    list(loader(s, 10, shuffle=True))
    start = time.process_time()
    list(loader(s, 10, shuffle=True))
    assert (time.process_time() - start) / 200 < 1e-3


@pytest.mark.parametrize("options", [{"batch_size": 0}, {"rank": 2, "world": 2}, {"num_workers": -1}])
def test_bad_arguments_are_named(options):
    with pytest.raises(RegardError, match=f"{next(iter(options))}={next(iter(options.values()))}"):
        loader(split(), **{"batch_size": 2, "shuffle": False, **options})


def gaze_split(count, *, fixations=False, masks=False, size=(6, 8), start=0):
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
    task = loader(gaze_split(8, masks=True), 2, shuffle=True, epoch=epoch, drop_last=True, rank=rank, world=world)
    return task, JointLoader(task, gaze_split(gaze_count, fixations=True, start=100), batch_size, seed=0)


def names(batch):
    return (batch.images[:, 0, 0, 0] * 255).round().long().tolist()


def test_a_joint_batch_is_the_task_batch_and_then_gaze_images():
    task, joint = loaders()
    assert len(joint) == len(task) == 4
    for task_batch, joint_batch in zip(task, joint, strict=True):
        assert names(joint_batch)[:2] == names(task_batch)
        assert all(name >= 100 for name in names(joint_batch)[2:])
        assert joint_batch.weights.tolist() == [1, 1, 0, 0]
        assert joint_batch.masks[:2].all()
        assert not joint_batch.masks[2:].any()
        assert joint_batch.fixations[:2].isnan().all()
        assert [int(name) - 100 for name in names(joint_batch)[2:]] == joint_batch.fixations[2:, 0, 0].tolist()
        assert joint_batch.index[:2].tolist() == task_batch.index.tolist()
        assert (joint_batch.index[2:] < 0).all()


def test_a_short_gaze_set_repeats_in_another_order():
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


def test_weights_are_kept_and_labels_may_be_targets():
    from dataclasses import replace

    task = replace(gaze_split(2).batch([0, 1]), labels=torch.ones(2, 4), weights=torch.tensor([0.5, 2.0]))
    both = join(task, gaze_split(3, fixations=True).batch([0, 1, 2]))
    assert both.weights.tolist() == [0.5, 2, 0, 0, 0]
    assert both.labels.tolist() == [[1.0] * 4] * 2 + [[0.0] * 4] * 3


def test_incompatible_sets_are_an_error():
    with pytest.raises(RegardError, match="without fixations"):
        join(gaze_split(2).batch([0]), gaze_split(2).batch([0]))
    with pytest.raises(RegardError, match="open the gaze set in the task's size"):
        join(gaze_split(2).batch([0]), gaze_split(2, fixations=True, size=(4, 4)).batch([0]))
    with pytest.raises(RegardError, match=r"1 images with gaze, fewer than a step's 2"):
        next(iter(loaders(gaze_count=1)[1]))


def test_shuffled_gaze_is_a_permutation_without_fixed_points():
    before = gaze_split(7, fixations=True)
    after = shuffle_gaze(before, seed=3)
    mine, theirs = before.fixations[:, 0, 0], after.fixations[:, 0, 0]
    assert (mine != theirs).all()
    assert sorted(mine.tolist()) == sorted(theirs.tolist())
    assert torch.equal(after.images, before.images)
    assert torch.equal(shuffle_gaze(before, seed=3).fixations[:, 0], after.fixations[:, 0])
    with pytest.raises(RegardError, match="at least two images with fixations"):
        shuffle_gaze(gaze_split(7), seed=0)
