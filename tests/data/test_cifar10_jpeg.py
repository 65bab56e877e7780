import io
import sys
import zipfile

import pytest
import torch
from PIL import Image

from regard.data import cifar10_jpeg
from regard.data.splits import pixel_statistics
from regard.data.torchvision_sets import CIFAR10_CLASSES, CIFAR10_MEAN, CIFAR10_STD, CIFAR100_STD
from regard.types import RegardError


def jpeg(level, size=(32, 32)):
    out = io.BytesIO()
    Image.new("RGB", size, (level,) * 3).save(out, "jpeg", quality=95)
    return out.getvalue()


@pytest.fixture
def archive(tmp_path):
    (tmp_path / "cifar10").mkdir()

    def write(extra=()):
        with zipfile.ZipFile(tmp_path / "cifar10" / "cifar10_20k.zip", "w") as out:
            for split, number in (("train", 10), ("test", 3)):
                for c, name in enumerate(CIFAR10_CLASSES):
                    for k in range(number):
                        out.writestr(f"{split}/{name}/{k:04d}.jpg", jpeg(c * 20))
            for name, content in extra:
                out.writestr(name, content)
        return tmp_path

    return write


def test_classes_and_balanced_parts(archive):
    data = cifar10_jpeg(archive(), val_share=0.2, cache=False)
    for split, number in ((data.train, 8), (data.val, 2), (data.test, 3)):
        assert split.labels.bincount(minlength=10).tolist() == [number] * 10
        levels = split.images.float().mean((1, 2, 3)) / 20
        assert torch.equal(levels.round().long(), split.labels)


def test_decoded_once(archive, tmp_path, monkeypatch):
    monkeypatch.setenv("REGARD_CACHE", str(tmp_path / "cache"))
    root = archive()
    first = cifar10_jpeg(root)
    monkeypatch.setattr(sys.modules["regard.data.cifar10_jpeg"], "_decode", lambda path: pytest.fail("decoded again"))
    assert torch.equal(cifar10_jpeg(root).train.images, first.train.images)


@pytest.mark.parametrize(
    ("name", "content", "words"),
    [
        ("train/fish/0.jpg", jpeg(0), "'train/fish/0.jpg' is not train/CLASS"),
        ("train/cat/9.jpg", jpeg(0)[:300], "'train/cat/9.jpg': damaged image"),
        ("test/cat/9.jpg", jpeg(0, (32, 31)), "'test/cat/9.jpg' is 32x31, not 32x32"),
        ("../cat/9.jpg", jpeg(0), "leaves the archive's folder"),
    ],
)
def test_bad_entries_are_named(archive, name, content, words):
    with pytest.raises(RegardError, match=words):
        cifar10_jpeg(archive([(name, content)]), cache=False)


def test_a_missing_or_other_archive_is_named(tmp_path):
    with pytest.raises(RegardError, match=r"cifar10_20k\.zip: no such file"):
        cifar10_jpeg(tmp_path)
    with zipfile.ZipFile(tmp_path / "other.zip", "w") as out:
        out.writestr("a.txt", "x")
    with pytest.raises(RegardError, match="this is another archive"):
        cifar10_jpeg(tmp_path / "other.zip", cache=False)


@pytest.mark.realdata
@pytest.mark.slow
def test_the_real_archive_has_cifar10s_statistics(real_data):
    """Within what sampling and JPEG move them, and nearer than CIFAR-100's, with which they were once swapped."""
    data = cifar10_jpeg(real_data, cache=False)
    assert (len(data.train), len(data.val), len(data.test)) == (13500, 1500, 5000)
    assert data.val.labels.bincount().tolist() == [150] * 10
    mean, std = pixel_statistics(data.train, limit=20_000)
    assert (mean - torch.tensor(CIFAR10_MEAN)).abs().max() < 0.006
    assert (std - torch.tensor(CIFAR10_STD)).abs().max() < 0.006
    distances = [(std - torch.tensor(other)).abs().sum() for other in (CIFAR10_STD, CIFAR100_STD)]
    assert distances[0] < distances[1] / 3
