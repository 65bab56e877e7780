"""Sets that timm opens: folders, tars, torchvision's, Hugging Face's mapped and streamed, shards; all generated."""

import builtins
import io
import sys
import tarfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import timm.data
import torch
from PIL import Image
from tests.training.tiny import tiny

from regard.data import image_folder, loader, open_data, stream_copy, timm_set
from regard.data.timm_sets import TimmSplit
from regard.training import train
from regard.types import RegardError


def picture(k: int, size: tuple[int, int] = (20, 16)) -> Image.Image:
    noise = np.random.default_rng(k).integers(0, 255, (size[1], size[0], 3), dtype=np.uint8)
    noise[..., k % 3] = 250
    return Image.fromarray(noise)


def make_folder(root: Path, count: int = 12, parts: tuple[str, ...] = ("train", "validation")) -> Path:
    for part in parts:
        for k in range(count):
            path = root / part / ("cat", "dog", "eel")[k % 3] / f"{k:03d}.png"
            path.parent.mkdir(parents=True, exist_ok=True)
            picture(k).save(path)
    return root


def tar_of(folder: Path, file: Path) -> Path:
    with tarfile.open(file, "w") as archive:
        for path in sorted(folder.rglob("*.png")):
            archive.add(path, path.relative_to(folder).as_posix())
    return file


def test_a_folder_is_read_as_our_own_reader_reads_it(tmp_path: Path) -> None:
    root = make_folder(tmp_path / "set")
    data = timm_set(root, size=12)
    assert data.classes == ("cat", "dog", "eel")
    assert [len(part) for part in (data.train, data.val, data.test)] == [9, 12, 3]
    own = image_folder(root / "validation", size=12)
    ours = {own.train.item_name(i): own.train.batch([i]).images for i in range(len(own.train))}
    for i in range(12):
        batch = data.val.batch([i])
        name = data.val.item_name(i)
        assert data.classes[int(batch.labels)] == Path(name).parent.name
        if name in ours:
            assert torch.equal(batch.images, ours[name])
    both = {data.train.item_name(i) for i in range(9)} | {data.test.item_name(i) for i in range(3)}
    assert len(both) == 12


@pytest.mark.parametrize("workers", [0, 2])
def test_a_tar_is_read_as_its_folder(tmp_path: Path, workers: int) -> None:
    folder = make_folder(tmp_path / "set", parts=("train",)) / "train"
    tar = tar_of(folder, tmp_path / "set.tar")
    packed, plain = timm_set(tar, size=12), timm_set(folder, size=12)
    assert packed.classes == plain.classes
    for part in ("train", "val", "test"):
        a, b = getattr(packed, part), getattr(plain, part)
        assert a.labels.tolist() == b.labels.tolist()
        batches = [list(loader(x, 4, shuffle=True, seed=1, epoch=2, num_workers=workers)) for x in (a, b)]
        for one, other in zip(*batches, strict=True):
            assert torch.equal(one.images, other.images)
            assert torch.equal(one.labels, other.labels)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["set", "set.tar"], "nothing is left beside it"


def test_torchvisions_folder_and_its_splits(tmp_path: Path) -> None:
    root = make_folder(tmp_path / "set")
    data = open_data("timm", root, name="torch/image_folder", size=12)
    assert data.classes == ("cat", "dog", "eel")
    assert (len(data.train), len(data.val), len(data.test)) == (9, 3, 12)
    assert isinstance(data.test, TimmSplit)
    assert data.test.labels.tolist() == [0] * 4 + [1] * 4 + [2] * 4
    torch.testing.assert_close(data.test.batch([0]).images, timm_set(root, size=12).val.batch([0]).images)


def test_shards_are_read_by_index(tmp_path: Path, own_cache: None) -> None:
    (tmp_path / "wds").mkdir()
    with tarfile.open(tmp_path / "wds" / "train-0.tar", "w") as archive:
        for k in range(12):
            content = io.BytesIO()
            picture(k).save(content, "png")
            for suffix, data in ((".png", content.getvalue()), (".cls", str(k % 3).encode())):
                entry = tarfile.TarInfo(f"{k}{suffix}")
                entry.size = len(data)
                archive.addfile(entry, io.BytesIO(data))
    data = open_data("timm", tmp_path / "wds", name="wds/mine", size=12, classes=["cat", "dog", "eel"])
    assert data.classes == ("cat", "dog", "eel")
    assert len(data.train) + len(data.val) + len(data.test) == 12
    with pytest.raises(RegardError, match="names of the shards say their splits"):
        timm_set(tmp_path / "wds", name="wds/mine", splits={"train": "train"})


@pytest.mark.parametrize("kind", ["hfds", "hfids"])
def test_sets_of_hugging_face_mapped_and_streamed(
    tmp_path: Path, kind: str, own_cache: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    pytest.importorskip("datasets")
    monkeypatch.setenv("HF_HOME", str(tmp_path / "home"))
    root = make_folder(tmp_path / "set")
    more = {"arguments": {"num_samples": 12}, "classes": ["cat", "dog", "eel"]} if kind == "hfids" else {}
    data = timm_set(
        tmp_path / "kept", name=f"{kind}/{root}", splits={"train": "train", "test": "validation"}, size=12, **more
    )
    plain = timm_set(root, splits={"train": "train", "test": "validation"}, size=12)
    assert data.classes == plain.classes == ("cat", "dog", "eel")
    assert (len(data.train), len(data.val), len(data.test)) == (9, 3, 12)

    def by_label(split: Any) -> list[tuple[int, bytes]]:
        batch = split.batch(range(len(split)))
        return sorted((int(y), x.numpy().tobytes()) for x, y in zip(batch.images, batch.labels, strict=True))

    assert by_label(data.test) == by_label(plain.test)


class Stream:
    """A stream of pictures that counts what was asked of it, and breaks after some."""

    def __init__(self, count: int, breaks: int | None = None) -> None:
        self.count, self.breaks, self.read = count, breaks, 0

    def __iter__(self) -> Iterator[tuple[Image.Image, int]]:
        for k in range(self.count):
            if k == self.breaks:
                raise ConnectionResetError("the line is cut")
            self.read += 1
            yield picture(k), k % 3


def test_a_stream_is_packed_once_and_an_interrupted_copy_goes_on(
    tmp_path: Path, own_cache: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    plain = timm_set(make_folder(tmp_path / "set", count=9, parts=("train",)) / "train", size=12)
    splits = (plain.train, plain.val, plain.test)
    expected = next(p.batch([i]).images for p in splits for i in range(len(p)) if p.item_name(i).endswith("007.png"))
    monkeypatch.setattr(stream_copy, "_PACKED", 5)
    monkeypatch.setattr(timm.data, "create_dataset", lambda *_, **__: Stream(23, breaks=12))
    with pytest.raises(RegardError, match=r"the stream broke \(the line is cut\); .*the same command goes on"):
        timm_set(tmp_path, name="tfds/made", size=12)
    shards = sorted((tmp_path / "cache" / "streams").rglob("*.tar"))
    assert [path.name for path in shards] == ["train-00000.tar", "train-00001.tar"]
    times = [path.stat().st_mtime_ns for path in shards]
    whole = Stream(23)
    monkeypatch.setattr(timm.data, "create_dataset", lambda *_, **__: whole)
    data = timm_set(tmp_path, name="tfds/made", size=12)
    assert [path.stat().st_mtime_ns for path in shards] == times, "what was packed stays"
    parts = [data.train, data.val, data.test]
    assert sum(map(len, parts)) == 23
    keys = sorted(part.item_name(i)[-9:] for part in parts for i in range(len(part)))
    assert keys == [f"{k:09d}" for k in range(23)]
    first = next((part, i) for part in parts for i in range(len(part)) if part.item_name(i).endswith("000000007"))
    assert int(first[0].labels[first[1]]) == 7 % 3
    assert torch.equal(first[0].batch([first[1]]).images, expected)
    whole.read = 0
    timm_set(tmp_path, name="tfds/made", size=12)
    assert whole.read == 0, "the stream is read once"


@pytest.mark.parametrize(
    ("name", "package"), [("hfds/x", "datasets"), ("hfids/x", "datasets"), ("tfds/x", "tensorflow-datasets")]
)
def test_a_library_that_is_not_installed_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str, package: str
) -> None:
    real = builtins.__import__

    def without(module: str, *args: Any, **kwargs: Any) -> Any:
        if module.split(".")[0] in ("datasets", "tensorflow", "tensorflow_datasets"):
            raise ImportError(module)
        return real(module, *args, **kwargs)

    for loaded in [key for key in sys.modules if key.startswith(("datasets", "timm.data.readers.reader_"))]:
        monkeypatch.delitem(sys.modules, loaded)
    monkeypatch.setattr(builtins, "__import__", without)
    with pytest.raises(RegardError, match=f"{package} is not installed.*pip install {package}"):
        timm_set(tmp_path, name=name)


@pytest.mark.parametrize(
    ("name", "options", "said"),
    [
        ("", {"splits": {"test": "x"}}, "give train"),
        ("", {"splits": {"train": "train", "dev": "x"}}, "give train"),
        ("torch/nothing", {}, "cannot be opened"),
        ("torch/cifar10", {}, "cannot be opened"),
        ("", {"arguments": {"download": True}}, "never downloads"),
        ("", {"classes": ["one", "two"]}, "label 2 of item"),
    ],
)
def test_what_cannot_be_opened_is_named(tmp_path: Path, name: str, options: dict[str, Any], said: str) -> None:
    root = make_folder(tmp_path / "set")
    with pytest.raises(RegardError, match=said):
        timm_set(root, name=name, **options)
    with pytest.raises(RegardError, match="no such folder or tar"):
        timm_set(tmp_path / "absent")


def test_a_damaged_picture_is_named_at_its_batch(tmp_path: Path) -> None:
    root = make_folder(tmp_path / "set")
    bad = root / "validation" / "dog" / "004.png"
    bad.write_bytes(bad.read_bytes()[:50])
    data = timm_set(root, size=12)
    place = next(i for i in range(len(data.val)) if data.val.item_name(i) == str(bad))
    with pytest.raises(RegardError, match=r"dog/004\.png"):
        data.val.batch([place])
    assert len(data.val.batch([k for k in range(12) if k != place]).images) == 11


def test_labels_that_are_no_classes_are_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    class Odd:
        def __init__(self, targets: list[Any]) -> None:
            self.targets = targets

    for targets, said in (([0, 1.5], "label 1.5 of item 1"), ([0, "cat"], "label 'cat' of item 1"), ([], "no labels")):
        monkeypatch.setattr(timm.data, "create_dataset", lambda *_, targets=targets, **__: Odd(targets))
        with pytest.raises(RegardError, match=said):
            timm_set(tmp_path, name="torch/odd")


def test_a_run_trains_on_it(tmp_path: Path) -> None:
    root = make_folder(tmp_path / "set", count=24)
    data = {"name": "timm", "root": str(root), "options": {"name": "folder", "size": 16}, "workers": 2}
    folder = train(tiny(data=data), tmp_path / "run", quiet=True)
    assert (folder / "model" / "model.safetensors").is_file()
