"""Mosaics: one animal among three vehicles, at a known place, of tiles of the same split."""

import pytest
import torch

from regard.data import DataSplits, TensorSplit, cifar10_mosaics, open_data
from regard.data.mosaics import MOSAIC_CLASSES
from regard.data.torchvision_sets import CIFAR10_CLASSES
from regard.types import RegardError

VEHICLES = [CIFAR10_CLASSES.index(name) for name in ("airplane", "automobile", "ship", "truck")]


def plain(number: int, offset: int) -> TensorSplit:
    """Tiles of one grey level: ten times the class, and from which split."""
    labels = torch.arange(number) % 10
    levels = (10 * labels + offset).byte()
    order = labels.argsort(stable=True)  # by class, as in the archive
    labels, levels = labels[order], levels[order]
    images = levels[:, None, None, None].expand(-1, 3, 32, 32).contiguous()
    return TensorSplit(("train", "val", "test")[offset], CIFAR10_CLASSES, images, labels)


@pytest.fixture
def tiles(monkeypatch: pytest.MonkeyPatch) -> None:
    def parts(root: str, *, seed: int) -> DataSplits:
        return DataSplits.of_parts(
            {"train": plain(400, 0), "val": plain(100, 1), "test": plain(200, 2)}, source="levels", licence="none"
        )

    monkeypatch.setattr("regard.data.mosaics.cifar10_jpeg", parts)


def test_every_mosaic_has_one_animal_where_its_mask_and_box_are(tiles: None) -> None:
    data = cifar10_mosaics("anywhere")
    for offset, (split, number) in enumerate(((data.train, 240), (data.val, 60), (data.test, 120))):
        assert split.classes == MOSAIC_CLASSES
        batch = split.batch(torch.arange(len(split)))
        assert batch.images.shape == (number, 3, 64, 64)
        assert batch.labels.bincount().tolist() == [number // 6] * 6
        levels = (batch.images * 255).round()[:, 0, 16::32, 16::32].long()  # (N,2,2)
        assert (levels % 10 == offset).all(), "tiles of the same split"
        classes = levels // 10
        on = batch.masks[:, 0, 16::32, 16::32]
        assert on.sum((1, 2)).tolist() == [1] * number
        assert [MOSAIC_CLASSES.index(CIFAR10_CLASSES[int(k)]) for k in classes[on]] == batch.labels.tolist()
        assert set(classes[~on].tolist()) == set(VEHICLES)
        for mask, box in zip(batch.masks, batch.boxes, strict=True):
            x0, y0, x1, y1 = box.long().tolist()
            assert mask.sum() == 32 * 32
            assert bool(mask[0, y0:y1, x0:x1].all())


def test_places_are_as_likely_and_depend_on_the_seed_alone(tiles: None) -> None:
    first, again, other = (cifar10_mosaics("anywhere", seed=seed).train for seed in (0, 0, 1))
    assert torch.equal(first.batch([0, 7]).images, again.batch([0, 7]).images)
    places = [split.batch(torch.arange(240)).boxes[:, :2] for split in (first, other)]
    assert not torch.equal(*places)
    counts = (2 * (places[0][:, 1] > 0) + (places[0][:, 0] > 0)).long().bincount(minlength=4)
    assert counts.min() > 40
    assert counts.sum() == 240


def test_fewer_mosaics_are_the_first_ones(tiles: None) -> None:
    few, all_ = cifar10_mosaics("anywhere", train=30, val=3, test=5), cifar10_mosaics("anywhere")
    assert (len(few.train), len(few.val), len(few.test)) == (30, 3, 5)
    assert torch.equal(few.train.batch(range(30)).images, all_.train.batch(range(30)).images)
    assert few.train.labels.unique().tolist() == list(range(6)), "of all classes, although the source is sorted"


@pytest.mark.parametrize(
    ("options", "message"),
    [({"source": "svhn"}, "source='svhn'; cifar10_jpeg or cifar10"), ({"test": 0}, "test=0; use at least 1")],
)
def test_what_it_refuses(options: dict[str, object], message: str, tiles: None) -> None:
    with pytest.raises(RegardError, match=message):
        cifar10_mosaics("anywhere", **options)  # type: ignore[arg-type]


def test_the_real_set(real_data: object) -> None:
    data = open_data("cifar10_mosaics", real_data, train=20, val=5, test=5)  # type: ignore[arg-type]
    assert data.test.batch([0]).images.shape == (1, 3, 64, 64)
    assert data.mirror
