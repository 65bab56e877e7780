import dataclasses
import time
from itertools import chain

import pytest
import torch
from PIL import Image

from regard.data import Augmentation, FileSplit, TensorSplit, loader
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


def test_every_item_once_in_batches_of_the_size_asked_for():
    batches = loader(split(), 5, shuffle=True, seed=1)
    found = indices(batches)
    assert [len(b) for b in found] == [5, 5, 5, 5, 3]
    assert len(batches) == 5
    assert sorted(flat(found)) == list(range(23))
    assert flat(found) != list(range(23))
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
def test_processes_share_out_without_duplicates(n, world, shuffle):
    loaders = [loader(split(n), 3, shuffle=shuffle, seed=0, rank=r, world=world) for r in range(world)]
    shares = [indices(one) for one in loaders]
    assert sorted(i for share in shares for b in share for i in b) == list(range(n))
    assert [len(one) for one in loaders] == [len(share) for share in shares]


def test_the_global_batch_does_not_depend_on_the_number_of_processes():
    whole = indices(loader(split(24), 12, shuffle=True, seed=0))
    for world in (2, 3, 4):
        parts = [
            indices(loader(split(24), 12 // world, shuffle=True, seed=0, rank=r, world=world)) for r in range(world)
        ]
        for k, batch in enumerate(whole):
            assert sorted(flat(part[k] for part in parts)) == sorted(batch)


@pytest.mark.parametrize("world", [1, 2, 3])
def test_dropping_the_last_leaves_equal_numbers(world):
    loaders = [loader(split(23), 4, shuffle=True, drop_last=True, rank=r, world=world) for r in range(world)]
    shares = [indices(one) for one in loaders]
    assert {len(b) for share in shares for b in share} == {4}
    assert {len(one) for one in loaders} == {len(shares[0])} == {23 // (4 * world)}


def test_fewer_items_than_a_batch_can_leave_nothing():
    one = loader(split(3), 8, shuffle=True, drop_last=True)
    assert len(one) == 0
    assert list(one) == []


@pytest.mark.parametrize("workers", [0, 2])
def test_files_give_the_same_batches_as_memory(files, workers):
    options = {"shuffle": True, "seed": 3, "epoch": 1, "augment": AUGMENT}
    read = list(loader(files, 4, num_workers=workers, **options))
    held = list(loader(files.load(), 4, **options))
    for a, b in zip(read, held, strict=True):
        assert torch.equal(a.index, b.index)
        assert torch.equal(a.images, b.images)
        assert torch.equal(a.labels, b.labels)


@pytest.mark.parametrize("workers", [0, 1])
def test_a_bad_file_stops_with_its_name(files, workers):
    files.paths[7].write_bytes(b"no image")
    with pytest.raises(RegardError, match=r"7\.png: not an image") as caught:
        list(loader(files, 4, shuffle=False, num_workers=workers))
    assert "Traceback" not in str(caught.value)


def test_a_loader_is_light():
    """Beyond reading and augmenting, a batch costs next to nothing: here under a millisecond of processor time."""
    s = split(2000)
    s = dataclasses.replace(s, masks=None)
    list(loader(s, 10, shuffle=True))
    start = time.process_time()
    list(loader(s, 10, shuffle=True))
    assert (time.process_time() - start) / 200 < 1e-3


@pytest.mark.parametrize("wrong", [{"batch_size": 0}, {"rank": 2, "world": 2}, {"num_workers": -1}])
def test_bad_arguments_are_named(wrong):
    with pytest.raises(RegardError, match=f"{next(iter(wrong))}={next(iter(wrong.values()))}"):
        loader(split(), **{"batch_size": 2, "shuffle": False, **wrong})
