"""Small imitations in each set's own format, with torchvision's checksums replaced by theirs."""

import gzip
import hashlib
import pickle
import struct

import numpy as np
import pytest
import scipy.io
import torch
import torchvision.datasets as tv

from regard.data import torchvision_set
from regard.data.torchvision_sets import CIFAR10_STD, CIFAR100_STD, READERS
from regard.types import RegardError

RNG = np.random.default_rng(0)


def md5(path):
    return hashlib.md5(path.read_bytes()).hexdigest()


def cifar(root, monkeypatch, cls, key):
    folder = root / cls.base_folder
    folder.mkdir()
    classes = 10 if key == "labels" else 100
    truth = {}
    for attribute, files in (("train_list", cls.train_list), ("test_list", cls.test_list)):
        listed = []
        for name, _ in files:
            n = 2 * classes
            entry = {"data": RNG.integers(0, 255, (n, 3072), np.uint8), key: [k % classes for k in range(n)]}
            (folder / name).write_bytes(pickle.dumps(entry))
            truth.setdefault(attribute, []).append(entry["data"].reshape(-1, 3, 32, 32))
            listed.append([name, md5(folder / name)])
        monkeypatch.setattr(cls, attribute, listed)
    meta = dict(cls.meta)
    (folder / meta["filename"]).write_bytes(pickle.dumps({meta["key"]: [f"c{k}" for k in range(classes)]}))
    monkeypatch.setattr(cls, "meta", meta | {"md5": md5(folder / meta["filename"])})
    return {k: np.concatenate(v) for k, v in truth.items()}


def svhn(root, monkeypatch):
    listed, truth = {}, {}
    for part in ("train", "test", "extra"):
        data = RNG.integers(0, 255, (32, 32, 3, 40), np.uint8)
        path = root / f"{part}_32x32.mat"
        scipy.io.savemat(path, {"X": data, "y": (np.arange(40) % 10 + 1)[:, None].astype(np.uint8)})
        listed[part] = ["", path.name, md5(path)]
        truth[f"{part}_list"] = data.transpose(3, 2, 0, 1)
    monkeypatch.setattr(tv.SVHN, "split_list", listed)
    return truth


def stl10(root, monkeypatch):
    folder = root / "stl10_binary"
    folder.mkdir()
    truth = {}
    for part in ("train", "test"):
        data = RNG.integers(0, 255, (20, 3, 96, 96), np.uint8)
        (folder / f"{part}_X.bin").write_bytes(data.tobytes())
        (folder / f"{part}_y.bin").write_bytes((np.arange(20) % 10 + 1).astype(np.uint8).tobytes())
        truth[f"{part}_list"] = data.transpose(0, 1, 3, 2)
        names = [f"{part}_X.bin", f"{part}_y.bin"]
        monkeypatch.setattr(tv.STL10, f"{part}_list", [[n, md5(folder / n)] for n in names])
    (folder / "class_names.txt").write_text("\n".join(f"c{k}" for k in range(10)))
    return truth


def fashion(root, monkeypatch):
    raw = root / "FashionMNIST" / "raw"
    raw.mkdir(parents=True)
    truth, listed = {}, []
    for part, name in (("train", "train"), ("t10k", "test")):
        data = RNG.integers(0, 255, (20, 28, 28), np.uint8)
        labels = (np.arange(20) % 10).astype(np.uint8)
        truth[f"{name}_list"] = np.stack([data] * 3, 1)
        for file, array in ((f"{part}-images-idx3-ubyte", data), (f"{part}-labels-idx1-ubyte", labels)):
            header = struct.pack(f">HBB{array.ndim}I", 0, 8, array.ndim, *array.shape)
            (raw / file).write_bytes(header + array.tobytes())
            (raw / f"{file}.gz").write_bytes(gzip.compress(header + array.tobytes()))
            listed.append((f"{file}.gz", md5(raw / f"{file}.gz")))
    monkeypatch.setattr(tv.FashionMNIST, "resources", listed)
    return truth


MAKERS = {
    "cifar10": lambda r, m: cifar(r, m, tv.CIFAR10, "labels"),
    "cifar100": lambda r, m: cifar(r, m, tv.CIFAR100, "fine_labels"),
    "svhn": svhn,
    "stl10": stl10,
    "fashion_mnist": fashion,
}


def test_every_reader_is_tried():
    assert MAKERS.keys() == READERS.keys()


@pytest.mark.parametrize("name", MAKERS)
def test_pixels_labels_and_parts(name, tmp_path, monkeypatch):
    truth = MAKERS[name](tmp_path, monkeypatch)
    data = torchvision_set(name, tmp_path, val_share=0.5)
    n = len(data.classes)
    assert n == (100 if name == "cifar100" else 10)
    assert np.array_equal(data.test.images.numpy(), truth["test_list"])
    shift = 1 if name == "svhn" else 0  # there label 10 is the digit 0
    assert data.test.labels.tolist() == [(k + shift) % n for k in range(len(data.test))]
    assert data.train.labels.bincount(minlength=n).tolist() == data.val.labels.bincount(minlength=n).tolist()
    pixels = torch.cat([data.train.images, data.val.images]).flatten(1).tolist()
    assert sorted(pixels) == sorted(truth["train_list"].reshape(len(truth["train_list"]), -1).tolist())
    assert data.mirror == (name != "svhn")


@pytest.mark.parametrize("name", MAKERS)
def test_a_wrong_checksum_or_missing_set_is_named_with_the_remedy(name, tmp_path, monkeypatch):
    (tmp_path / "full").mkdir()
    (tmp_path / "none").mkdir()
    MAKERS[name](tmp_path / "full", monkeypatch)
    with pytest.raises(RegardError, match=rf"{name}: .*regard data get {name} --root"):
        torchvision_set(name, tmp_path / "none")
    files = sorted(
        p for p in (tmp_path / "full").rglob("*") if p.is_file() and p.suffix not in (".gz", ".txt", ".meta")
    )
    harmed = files[0]
    content = bytearray(harmed.read_bytes())
    content[-1] ^= 1
    harmed.write_bytes(content)
    with pytest.raises(RegardError, match=rf"regard data get {name}(_extra)? --root"):
        torchvision_set(name, tmp_path / "full", extra=name == "svhn")


def test_extra_images_go_to_training_only(tmp_path, monkeypatch):
    truth = svhn(tmp_path, monkeypatch)
    plain, more = torchvision_set("svhn", tmp_path), torchvision_set("svhn", tmp_path, extra=True)
    assert len(more.train) == len(plain.train) + 40
    assert torch.equal(more.val.images, plain.val.images)
    assert np.array_equal(more.train.images[-40:].numpy(), truth["extra_list"])
    with pytest.raises(RegardError, match="only svhn"):
        torchvision_set("stl10", tmp_path, extra=True)


def test_a_subfolder_of_the_sets_name_is_found(tmp_path, monkeypatch):
    (tmp_path / "cifar10").mkdir()
    MAKERS["cifar10"](tmp_path / "cifar10", monkeypatch)
    assert len(torchvision_set("cifar10", tmp_path).test) == 20


def test_statistics_of_cifar_are_the_published_ones_and_not_swapped(tmp_path, monkeypatch):
    for name, std in (("cifar10", (0.2470, 0.2435, 0.2616)), ("cifar100", (0.2675, 0.2565, 0.2761))):
        MAKERS[name](tmp_path, monkeypatch)
        data = torchvision_set(name, tmp_path)
        assert torch.allclose(data.std, torch.tensor(std))
    assert CIFAR10_STD < CIFAR100_STD
