"""Tar shards: every image once an epoch, the splits by name, and damaged ones named."""

import io
import json
import tarfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image
from tests.training.tiny import tiny

from regard.data import loader, open_data, tar_shards
from regard.training import train
from regard.types import RegardError


@pytest.fixture(autouse=True)
def own_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("REGARD_CACHE", str(tmp_path / "cache"))


def picture(value: int, size: tuple[int, int] = (12, 10)) -> bytes:
    buffer = io.BytesIO()
    Image.new("RGB", size, (value, value * 7 % 256, value * 13 % 256)).save(buffer, "png")
    return buffer.getvalue()


def write_shard(path: Path, entries: dict[str, bytes]) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    with tarfile.open(path, "w") as archive:
        for name, content in entries.items():
            entry = tarfile.TarInfo(name)
            entry.size = len(content)
            archive.addfile(entry, io.BytesIO(content))
    return path


def samples(first: int, count: int, classes: int = 2) -> dict[str, bytes]:
    entries = {}
    for i in range(first, first + count):
        entries |= {f"{i:05d}.png": picture(i), f"{i:05d}.cls": str(i % classes).encode()}
    return entries


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """20 training images in 4 shards, 4 for validation, 4 for testing."""
    for k in range(4):
        write_shard(tmp_path / "set" / f"train-{k:04d}.tar", samples(5 * k, 5))
    write_shard(tmp_path / "set" / "val-0000.tar", samples(20, 4))
    write_shard(tmp_path / "set" / "test-0000.tar", samples(24, 4))
    return tmp_path / "set"


def values(images: torch.Tensor) -> list[int]:
    """The number in each image's red."""
    return (images[:, 0, 0, 0] * 255).round().int().tolist()


def test_images_and_labels_are_those_of_the_shards(folder: Path) -> None:
    data = open_data("shards", folder, size=8)
    assert [len(part) for part in (data.train, data.val, data.test)] == [20, 4, 4]
    assert data.classes == ("0", "1")
    batch = data.train.batch([7, 0, 19])
    assert values(batch.images) == [7, 0, 19]
    assert batch.labels.tolist() == [1, 0, 1]
    assert batch.images.shape == (3, 3, 8, 8)
    assert data.train.item_name(7) == f"{folder / 'train-0001.tar'}: entry 00007"
    assert values(data.test.batch(range(4)).images) == [24, 25, 26, 27]


@pytest.mark.parametrize("workers", [0, 2])
def test_an_epoch_has_every_image_once_over_ranks_and_workers(workers: int, folder: Path) -> None:
    data = open_data("shards", folder, size=8)
    for epoch in (0, 1):
        seen = [
            value
            for rank in (0, 1)
            for batch in loader(
                data.train, 3, shuffle=True, epoch=epoch, num_workers=workers, rank=rank, world=2, seed=5
            )
            for value in values(batch.images)
        ]
        assert sorted(seen) == list(range(20))
        assert seen != sorted(seen)


def test_shards_without_a_splits_name_are_split_by_class(tmp_path: Path) -> None:
    write_shard(tmp_path / "all" / "a.tar", samples(0, 30))
    write_shard(tmp_path / "all" / "b.tar", samples(30, 10))
    data = tar_shards(tmp_path / "all", size=8, val_share=0.2, test_share=0.2)
    parts = [values(part.batch(range(len(part))).images) for part in (data.train, data.val, data.test)]
    assert [len(part) for part in parts] == [24, 8, 8]
    assert sorted(value for part in parts for value in part) == list(range(40))
    assert data.val.labels.bincount().tolist() == [4, 4]


@pytest.mark.parametrize(
    "names", [("imagenet1k-train-0000.tar", "imagenet1k-validation-00.tar"), ("train/0.tar", "valid/0.tar")]
)
def test_names_of_splits_as_others_write_them(names: tuple[str, str], tmp_path: Path) -> None:
    write_shard(tmp_path / "s" / names[0], samples(0, 20))
    write_shard(tmp_path / "s" / names[1], samples(20, 6))
    data = tar_shards(tmp_path / "s", size=8)
    assert (len(data.train), len(data.val), len(data.test)) == (18, 6, 2)


def test_labels_in_json_class_names_and_further_entries(tmp_path: Path) -> None:
    entries: dict[str, bytes] = {}
    for i in range(12):
        entries |= {f"a.b/{i}.jpg": picture(i), f"a.b/{i}.mask.png": picture(255), f"a.b/._{i}.jpg": b"apple"}
        entries |= {f"a.b/{i}.json": json.dumps({"fine": i % 3, "caption": "x"}).encode(), f"a.b/{i}.txt": b"words"}
    write_shard(tmp_path / "s" / "0.tar", entries)
    (tmp_path / "s" / "classes.txt").write_text("cat\ndog\n\nowl\n")
    data = tar_shards(tmp_path / "s", size=8, label="fine")
    assert data.classes == ("cat", "dog", "owl")
    assert sum(len(part) for part in (data.train, data.val, data.test)) == 12
    assert int(data.train.labels[2]) == values(data.train.batch([2]).images)[0] % 3
    named = tar_shards(tmp_path / "s", size=8, label="fine", classes=["x", "y", "z"])
    assert named.classes == ("x", "y", "z")
    masks = tar_shards(tmp_path / "s", size=8, label="fine", image="mask.png")
    assert set(values(masks.train.batch([0, 1]).images)) == {255}


def test_the_index_is_read_once_and_again_when_a_shard_changes(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    tar_shards(folder, size=8)
    with monkeypatch.context() as patch:
        patch.setattr("tarfile.open", lambda *_, **__: pytest.fail("the index is in the cache"))
        assert len(tar_shards(folder, size=8).train) == 20
    write_shard(folder / "train-0003.tar", samples(15, 9))
    data = tar_shards(folder, size=8)
    assert len(data.train) == 24
    assert values(data.train.batch([23]).images) == [23]


def truncated(path: Path, keep: float) -> None:
    content = path.read_bytes()
    path.write_bytes(content[: int(len(content) * keep)])


def entry_of(kind: bytes, name: str = "x.png", link: str = "") -> Any:
    def write(path: Path) -> None:
        with tarfile.open(path, "w") as archive:
            entry = tarfile.TarInfo(name)
            entry.type, entry.linkname = kind, link
            archive.addfile(entry)

    return write


BAD = {
    "cut short": (lambda path: truncated(path, 0.41), "cannot be read as tar"),
    "cut short between two entries": (lambda path: truncated(path, 0.4), "cannot be read as tar: it ends without"),
    "its end cut off": (lambda path: truncated(path, 0.5), "cannot be read as tar: it ends without"),
    "no tar": (lambda path: path.write_bytes(b"hello" * 400), "cannot be read as tar"),
    "empty": (lambda path: path.write_bytes(b""), "cannot be read as tar"),
    "absolute": (lambda path: write_shard(path, {"/etc/x.png": picture(1)}), r"/etc/x.png leaves"),
    "parent": (lambda path: write_shard(path, {"a/../../x.png": picture(1)}), r"a/../../x.png leaves"),
    "drive": (lambda path: write_shard(path, {"C:\\x.png": picture(1)}), "leaves"),
    "symbolic link": (entry_of(tarfile.SYMTYPE, link="/etc/passwd"), "no plain file"),
    "hard link": (entry_of(tarfile.LNKTYPE, link="y.png"), "no plain file"),
    "device": (entry_of(tarfile.CHRTYPE), "no plain file"),
    "no label": (lambda path: write_shard(path, {"7.png": picture(1)}), "entry 7: an image without a label"),
    "label a word": (lambda path: write_shard(path, {"7.png": picture(1), "7.cls": b"cat"}), "label cat is no class"),
    "label below 0": (lambda path: write_shard(path, {"7.png": picture(1), "7.cls": b"-1"}), "label -1 is no class"),
    "label a flag": (lambda path: write_shard(path, {"7.png": picture(1), "7.json": b'{"label": true}'}), "True"),
    "json of another kind": (lambda path: write_shard(path, {"7.png": picture(1), "7.json": b"[1]"}), "7.json"),
    "two images": (lambda path: write_shard(path, {"7.png": picture(1), "7.jpg": picture(1)}), "a second image"),
}


@pytest.mark.parametrize("name", BAD)
def test_a_bad_shard_is_named(name: str, folder: Path) -> None:
    spoil, said = BAD[name]
    spoil(folder / "train-0002.tar")
    with pytest.raises(RegardError, match=rf"train-0002\.tar: .*{said}" if "cannot" not in said else said) as error:
        open_data("shards", folder, size=8)
    assert "train-0002.tar" in str(error.value)


def test_a_label_outside_is_named_with_its_shard(folder: Path) -> None:
    (folder / "classes.txt").write_text("cat\ndog\n")
    write_shard(folder / "train-0003.tar", {**samples(15, 4), "00019.png": picture(19), "00019.cls": b"1000"})
    with pytest.raises(RegardError, match=r"train-0003\.tar: entry 00019: label 1000, but there are 2 classes, 0 to 1"):
        open_data("shards", folder, size=8)


def test_a_damaged_image_is_named_when_it_is_read(folder: Path) -> None:
    write_shard(folder / "train-0001.tar", {**samples(5, 4), "00009.png": b"no image", "00009.cls": b"1"})
    data = open_data("shards", folder, size=8)
    with pytest.raises(RegardError, match=r"train-0001\.tar: entry 00009"):
        data.train.batch([9])


def test_a_shard_that_shrinks_after_it_was_opened_is_named(folder: Path) -> None:
    data = open_data("shards", folder, size=8)
    truncated(folder / "train-0003.tar", 0.3)
    with pytest.raises(RegardError, match=r"train-0003\.tar: entry 00019"):
        data.train.batch([19])


@pytest.mark.parametrize(
    ("files", "said"),
    [
        ([], "no tar files in it"),
        (["a.tar.gz"], "a.tar.gz is compressed"),
        (["train-val-0.tar"], "named for train and val"),
        (["train-0.tar", "other-0.tar"], "other-0.tar: no split in its name"),
        (["val-0.tar"], "no shard is named for training"),
    ],
)
def test_a_folder_of_other_files_says_what_is_wanted(files: list[str], said: str, tmp_path: Path) -> None:
    (tmp_path / "s").mkdir()
    for name in files:
        write_shard(tmp_path / "s" / name, samples(0, 8))
    with pytest.raises(RegardError, match=said):
        tar_shards(tmp_path / "s", size=8)


def test_a_network_trains_on_shards_and_the_same_run_again_is_the_same(folder: Path, tmp_path: Path) -> None:
    data = {"name": "shards", "root": str(folder), "options": {"size": 16}, "workers": 2}
    recipe = tiny("x", data=data, train={"epochs": 2, "batch_size": 4})
    journals = []
    for name in ("a", "b"):
        train(recipe, tmp_path / name, quiet=True)
        lines = (tmp_path / name / "metrics.jsonl").read_text().splitlines()
        journals.append([json.loads(line)["train/loss"] for line in lines])
    assert len(journals[0]) == 2
    np.testing.assert_array_equal(*journals)
