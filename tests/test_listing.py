"""Stray files are passed over by every reader, and names that differ in form alone are matched by every reader."""

import unicodedata
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from regard.data import csv_table, image_folder
from regard.evaluation import open_sample
from regard.gaze import image_sizes, make_fixations, read_csv
from regard.listing import Names, find_path, is_stray, list_files, list_folders
from regard.score import open_maps
from regard.types import RegardError

STRAY = ["._0.png", ".DS_Store", ".ipynb_checkpoints/0-checkpoint.png", "@eaDir/0.png", "__MACOSX/._0.png", "~$0.png"]
NFC, NFD = (unicodedata.normalize(form, "été") for form in ("NFC", "NFD"))


def write(path: Path, size=(12, 10)) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.new("RGB", size, (90, 20, 40)).save(path)


def clutter(folder: Path) -> None:
    """What systems and programs leave."""
    for name in (*STRAY, "Thumbs.db", "desktop.ini"):
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(b"\x00\x05\x16\x07 no picture")
    (folder / "folder.png").mkdir()


@pytest.mark.parametrize(
    "name", ["THUMBS.DB", "Icon\r", ".x", "System Volume Information", "$RECYCLE.BIN", "._a b.JPG"]
)
def test_what_is_stray(name):
    assert is_stray(name)


@pytest.mark.parametrize("name", ["a.png", "thumbs.png", "0._png", "eaDir", "macosx", "~a.png"])
def test_what_is_not(name):
    assert not is_stray(name)


def test_files_and_folders_without_strays_below_a_hidden_folder(tmp_path):
    root = tmp_path / ".cache" / "set"
    for name in ("b.PNG", "a/c.jpeg", "a/deep/d.JFIF"):
        write(root / name.replace("JFIF", "jpg"))
    (root / "a/deep/d.jpg").rename(root / "a/deep/d.JFIF")
    clutter(root)
    clutter(root / "a")
    found = [p.relative_to(root).as_posix() for p in list_files(root, (".png", ".jpeg", ".jfif"))]
    assert found == ["a/c.jpeg", "a/deep/d.JFIF", "b.PNG"]
    assert [p.name for p in list_files(root, (".png",), recursive=False)] == ["b.PNG"]
    assert [p.name for p in list_folders(root)] == ["a", "folder.png"]
    with pytest.raises(RegardError, match="a file, where a folder is meant"):
        list_files(root / "b.PNG", (".png",))
    with pytest.raises(RegardError, match="nowhere: no such folder"):
        list_folders(root / "nowhere")


def test_every_reader_of_folders_passes_over_strays(tmp_path):
    for name in "ab":
        for k in range(12):
            write(tmp_path / "set" / name / f"{k}.png")
            write(tmp_path / "masks" / name / f"{k}.png")
    for folder in ("set", "set/a", "set/b", "masks", "masks/a"):
        clutter(tmp_path / folder)
        (tmp_path / folder / "folder.png").rmdir()
    data = image_folder(tmp_path / "set", size=8, masks=tmp_path / "masks")
    assert data.classes == ("a", "b")
    assert sum(len(split) for split in (data.train, data.val, data.test)) == 24
    assert len(image_sizes(tmp_path / "set", recursive=True)) == 24
    assert len(open_maps(tmp_path / "set")) == 24
    assert len(open_sample(str(tmp_path / "set"), 30, (8, 8)).images) == 24


@pytest.mark.parametrize(
    ("name", "files", "expected"),
    [
        ("scan.v1.2.jpg", ["scan.v1.2.npy", "scan.v1.3.npy"], "scan.v1.2.npy"),
        ("scan.v1", ["scan.v1", "scan.v2"], "scan.v1"),
        ("1.5.png", ["1.5", "1.6", "1"], "1.5"),
        ("cat.jpg", ["cat.jpg.npy", "cat.png.npy"], "cat.jpg.npy"),
        ("Cat.JPEG", ["cat.jfif", "dog.jfif"], "cat.jfif"),
        ("x.jpg", ["x.NPY"], "x.NPY"),
        (f"{NFC}.png", [f"{NFD}.png", "e.png"], f"{NFD}.png"),
        (f"{NFD}.JPG", [f"{NFC}.npy"], f"{NFC}.npy"),
        ("1001", ["1001.jpg", "1002.jpg"], "1001.jpg"),
        ("a\\b\\0.png", ["a/b/0.png", "b/0.png"], "a/b/0.png"),
        ("./a/0.png", ["a/0.png"], "a/0.png"),
        ("0.png", ["a/0.png", "a/1.png"], "a/0.png"),
        ("0.png", ["0.jpg", "a/0.png"], "a/0.png"),
        ("a/0.png", ["b/0.png"], None),
        ("cat.png", ["cat.jpg", "cat.png"], "cat.png"),
        ("straße.png", ["STRASSE.png"], "STRASSE.png"),
    ],
)
def test_the_name_that_is_meant(name, files, expected):
    assert Names(files).find(name) == expected


@pytest.mark.parametrize(
    ("name", "files"),
    [("a.webp", ["a.jpg", "a.png"]), ("0.png", ["a/0.png", "b/0.png"]), ("CAT.png", ["Cat.png", "cat.png"])],
)
def test_a_name_that_could_be_several_is_refused(name, files):
    with pytest.raises(RegardError, match="could be any of"):
        Names(files).find(name)


def test_two_different_images_are_never_one():
    with pytest.raises(RegardError, match=r"'a\.jpg' and 'a\.png' would both be 'a\.npy'"):
        Names(["a.npy"]).find_all(["a.jpg", "a.png"])
    assert Names(["a.jpg"]).find_all(["a.jpg", "A.JPG", "a", "b"]) == {"a.jpg": "a.jpg", "A.JPG": "a.jpg", "a": "a.jpg"}


def test_a_path_in_other_capitals_or_unicode_form_is_located(tmp_path):
    write(tmp_path / NFD / f"{NFD}.PNG")
    assert find_path(tmp_path / NFC / f"{NFC}.png") == tmp_path / NFD / f"{NFD}.PNG"
    assert find_path(tmp_path / "none" / "x.png") == tmp_path / "none" / "x.png"
    write(tmp_path / NFD / f"{NFC}.png")
    assert find_path(tmp_path / NFC / f"{NFC}.png") == tmp_path / NFD / f"{NFC}.png"


def test_tables_of_gaze_and_images_name_files_in_any_form(tmp_path):
    for k, name in enumerate((f"{NFD}.png", "Scan.1.JPG", "plain.png")):
        write(tmp_path / "img" / name, (30 + k, 20))
    table = tmp_path / "gaze.csv"
    table.write_text(f"image,x,y\n{NFC}.png,3,4\nscan.1.jpg,5,6\nplain,7,8\n", encoding="utf-8")
    f = read_csv(table, sizes=image_sizes(tmp_path / "img"))
    assert {f.images[k]: x for k, x in zip(f.image, f.x, strict=True)} == {
        f"{NFD}.png": 3,
        "Scan.1.JPG": 5,
        "plain.png": 7,
    }
    rows = "".join(
        f"img/{name},{label}\n" for name, label in ((f"{NFC}.png", "a"), ("scan.1.jpg", "b"), ("plain.png", "a"))
    )
    (tmp_path / "own.csv").write_text("path,label\n" + rows * 1, encoding="utf-8")
    data = csv_table(tmp_path / "own.csv", size=8, val_share=0.34, test_share=0.34)
    assert sum(len(split) for split in (data.train, data.val, data.test)) == 3
    with pytest.raises(RegardError, match=r"unknown image\(s\), the first is 'plane\.png' \(near: 'plain\.png'"):
        make_fixations(image=["plane.png"], x=[1], y=[1], sizes={"plain.png": (9, 9)})


def test_maps_are_found_whatever_dots_and_capitals_their_names_have(tmp_path):
    names = {
        "scan.v1.jpg": "scan.v1.NPY",
        "scan.v2.jpg": "scan.v2.NPY",
        f"{NFC}.png": f"{NFD}.npy",
        "a.png": "A.png.npy",
    }
    for k, name in enumerate(names.values()):
        with (tmp_path / name).open("wb") as file:
            np.save(file, np.full((2, 3), float(k)))
    maps = open_maps(tmp_path)
    for k, image in enumerate(names):
        assert torch.equal(maps.read(image), torch.full((1, 1, 2, 3), float(k), dtype=torch.float64))
    np.savez(tmp_path / "all.npz", **{"1.5": np.zeros((2, 2)), "1.6": np.ones((2, 2))})
    assert open_maps(tmp_path / "all.npz").read("1.6.jpg").max() == 1
