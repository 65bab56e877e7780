"""`regard init`: what is in a folder is found, and the recipe that is written trains."""

import csv
import re
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from regard.cli import main
from regard.start import facts_lines, look_at, propose, write_proposal
from regard.training import fit_recipe, parse_fields, recipe_from
from regard.types import RegardError

RANDOM = np.random.default_rng(0)


def picture(path: Path, width: int = 40, height: int = 32) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(RANDOM.integers(0, 256, (height, width, 3), dtype=np.uint8)).save(path)
    return path


def fill(root: Path, counts: dict[str, int], **size: int) -> Path:
    for name, count in counts.items():
        for k in range(count):
            picture(root / name / f"{k}.png", **size)
    return root


@pytest.fixture
def photos(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return fill(Path("photos"), {"cat": 30, "dog": 10})


def test_facts_of_a_folder_by_class(photos: Path) -> None:
    picture(photos / "cat/wide.jpg", 200, 50)
    picture(photos / "dog/tall.webp", 20, 90)
    (photos / "dog/notes.txt").write_text("mine")
    (photos / "dog/phone.HEIC").write_text("a format that is not read")
    (photos / "dog/._x.png").write_text("left by a system")
    facts = look_at(photos)
    assert facts.counts == {"cat": 31, "dog": 11}
    assert facts.sides == (20, 32, 50)
    assert facts.imbalance == 31 / 11
    assert {split: len(members) for split, members in facts.members.items()} == {"train": 34, "val": 4, "test": 4}
    assert facts.given == ()
    assert facts.ignored == {".txt": 1, ".heic": 1}
    assert (facts.unreadable, facts.copies, facts.decoded) == ({}, (), 42)
    text = "\n".join(facts_lines(facts))
    assert "42 images in 2 classes in photos: 34 train, 4 val, 4 test; val and test drawn from" in text
    assert "shorter side 20 to 50 pixels, median 32" in text
    assert "smallest class dog: 11 images; largest cat: 31 images" in text
    assert "uneven" not in text
    assert "ignored: 1 .heic, 1 .txt" in text


def test_pictures_are_measured_as_they_are_shown(photos: Path) -> None:
    image = Image.new("RGB", (90, 10))
    exif = image.getexif()
    exif[0x0112] = 6
    image.save(photos / "cat/turned.jpg", exif=exif)
    assert look_at(photos).sides[0] == 10


def test_an_uneven_folder_is_said_to_be(photos: Path) -> None:
    fill(photos, {"bird": 91})
    assert "uneven: one class has 9.1 times as many" in "\n".join(facts_lines(look_at(photos)))


@pytest.mark.parametrize(
    ("damage", "says"),
    [
        (lambda data: data[: len(data) // 2], "damaged"),
        (lambda data: b"", "not an image"),
        (lambda data: b"<html>not found</html>", "not an image"),
        (lambda data: data[:40] + bytes(200), "damaged"),
    ],
)
def test_files_that_cannot_be_read_are_named_and_left_out_by_a_table(photos: Path, capsys, damage, says) -> None:
    bad = photos / "cat/bad.png"
    bad.write_bytes(damage((photos / "cat/0.png").read_bytes()))
    assert main(["init", "photos", "--no-timing"]) == 1
    captured = capsys.readouterr()
    assert captured.err.startswith("regard: photos/cat/bad.png: ")
    assert says in captured.err
    assert "1 file cannot be read: photos/cat/bad.png" in captured.out
    with Path("photos.csv").open() as file:
        rows = list(csv.DictReader(file))
    assert len(rows) == 40
    assert "photos/cat/bad.png" not in {row["path"] for row in rows}
    assert list(rows[0]) == ["path", "label"]
    data = fit_recipe(parse_fields(["--recipe", "photos.yaml"])).data
    assert data is not None
    assert sum(len(part) for part in (data.train, data.val, data.test)) == 40


def test_a_table_keeps_the_splits_that_are_folders(tmp_path: Path, monkeypatch) -> None:
    monkeypatch.chdir(tmp_path)
    for split, count in (("train", 12), ("test", 5)):
        fill(Path("p", split), {"a": count, "b": count})
    Path("p/test/b/bad.jpg").write_text("no picture")
    facts = look_at("p")
    assert facts.given == ("train", "test")
    write_proposal(propose(facts, Path("out/r.yaml")), Path("out/r.yaml"))
    with Path("out/r.csv").open() as file:
        rows = list(csv.DictReader(file))
    assert {row["split"] for row in rows} == {"train", "test"}
    assert sum(row["split"] == "test" for row in rows) == 10
    assert rows[0]["path"].startswith("../p/train/")
    assert "out/r.csv lists the images without" in Path("out/r.yaml").read_text()


def test_copies_are_found_by_content(tmp_path: Path, monkeypatch) -> None:
    monkeypatch.chdir(tmp_path)
    for split in ("train", "val", "test"):
        fill(Path("p", split), {"a": 4, "b": 4})
    content = {path: path.read_bytes() for path in Path("p").rglob("*.png")}
    Path("p/test/a/leak.png").write_bytes(content[Path("p/train/a/0.png")])
    Path("p/train/b/wrong.png").write_bytes(content[Path("p/train/a/1.png")])
    Path("p/train/b/twice.png").write_bytes(content[Path("p/train/b/2.png")])
    facts = look_at("p")
    assert len(facts.copies) == 3
    (leak,), (wrong,) = facts.leaks, facts.contradictions
    assert set(leak.paths) == {Path("p/train/a/0.png"), Path("p/test/a/leak.png")}
    assert set(leak.splits) == {"train", "test"}
    assert set(wrong.classes) == {"a", "b"}
    assert wrong.splits == ("train",)
    text = "\n".join(facts_lines(facts))
    assert "1 image in several splits: p/train/a/0.png = p/test/a/leak.png; those of training" in text
    assert "1 image in several classes: p/train/a/1.png = p/train/b/wrong.png; keep" in text
    assert "1 image more than once in one class and split" in text


def test_the_recipe_is_what_train_would_choose_and_its_comments_are_the_same_values(photos: Path) -> None:
    path = Path("mine.yaml")
    fitted = write_proposal(propose(look_at(photos), path), path)
    assert fit_recipe(parse_fields(["--recipe", str(path)])).recipe == fitted.recipe
    text = path.read_text()
    assert fitted.chosen
    fixed = re.sub(r"^(  )?# (?=[\w]+:( |$))(?!Train|uneven)", r"\1", text, flags=re.MULTILINE)
    fixed = "\n".join(line for line in fixed.splitlines() if not line.startswith("Train:"))
    path.write_text(fixed)
    assert fit_recipe(parse_fields(["--recipe", str(path)])).recipe == fitted.recipe
    assert not fit_recipe(parse_fields(["--recipe", str(path)])).chosen


@pytest.mark.parametrize(
    ("side", "count", "expected"),
    [
        (20, 40, {"backbone": "compact", "size": 16, "batch": 4}),
        (40, 200, {"backbone": "compact", "size": 40, "batch": 16}),
        (63, 40, {"backbone": "compact", "size": 56, "batch": 4}),
        (8, 40, {"backbone": "compact", "size": 16, "batch": 4}),
    ],
)
def test_small_pictures_get_a_small_network(tmp_path: Path, side, count, expected) -> None:
    root = fill(tmp_path / "p", {"a": count // 2, "b": count // 2}, width=side, height=side)
    fields = propose(look_at(root), tmp_path / "r.yaml").fields
    found = (fields["model"]["backbone"], fields["data"]["options"]["size"], fields["train"]["batch_size"])
    assert found == (expected["backbone"], expected["size"], expected["batch"])
    recipe_from(fields)


@pytest.mark.parametrize(("side", "size"), [(64, 96), (127, 96), (130, 128), (160, 224), (500, 224)])
def test_larger_ones_get_a_pretrained_one(tmp_path: Path, monkeypatch, side: int, size: int) -> None:
    root = fill(tmp_path / "p", {"a": 5, "b": 5}, width=side, height=side + 40)
    monkeypatch.setattr("regard.start.proposal.packaged_weights", lambda _: "a package")
    fields = propose(look_at(root), tmp_path / "r.yaml").fields
    assert fields["model"]["backbone"] == "tf_efficientnet_lite0"
    assert fields["data"]["options"] == {"size": size}
    monkeypatch.setattr("regard.start.proposal.packaged_weights", lambda _: None)
    without = propose(look_at(root), tmp_path / "r.yaml")
    assert without.fields["model"]["backbone"] == "compact"
    assert without.fields["data"]["options"] == {"size": 64}
    assert "pip install 'regard[imagenet]'" in without.reasons["model.backbone"]


def test_the_command_writes_a_recipe_that_trains(photos: Path, capsys) -> None:
    assert main(["init", "photos"]) == 0
    out = capsys.readouterr().out
    assert re.search(r"training: about \d+ (s|min).* with its plain twin on this machine", out)
    assert "next: regard train --recipe photos.yaml\nthen: regard judge --model runs/photos\n" in out
    assert not Path("photos.csv").exists()
    words = ["train", "--recipe", "photos.yaml", "--smoke", "--quiet", "--no-evaluation", "--twin", "false"]
    assert main([*words, "--train.accelerator", "cpu"]) == 0
    assert Path("runs/smoke/photos/environment.json").is_file()


def test_a_recipe_that_is_there_is_not_replaced(photos: Path, capsys) -> None:
    Path("photos.yaml").write_text("mine")
    assert main(["init", "photos", "--no-timing"]) == 2
    assert "photos.yaml: is there already; give --out NEW, or --force" in capsys.readouterr().err
    assert Path("photos.yaml").read_text() == "mine"
    assert main(["init", "photos", "--no-timing", "--out", "new/other.yaml"]) == 0
    assert "name: photos" in Path("new/other.yaml").read_text()
    assert main(["init", "photos", "--no-timing", "--force"]) == 0
    assert Path("photos.yaml").read_text() != "mine"


@pytest.mark.parametrize("name", ["bir ds (2)", "a'b", "x: y", "#tag", "zoo\nrun: evil", "日本"])
def test_names_of_folders_stay_names(tmp_path: Path, monkeypatch, name: str) -> None:
    monkeypatch.chdir(tmp_path)
    root = fill(Path(name), {"- yes": 6, "no: #1": 6})
    path = Path("r.yaml")
    fitted = write_proposal(propose(look_at(root), path), path)
    assert fitted.recipe.data.root == name
    assert fitted.data is not None
    assert fitted.data.classes == ("- yes", "no: #1")
    assert fit_recipe(parse_fields(["--recipe", "r.yaml"])).recipe == fitted.recipe


def test_a_class_name_that_a_table_cannot_hold_keeps_the_folder(tmp_path: Path, monkeypatch, capsys) -> None:
    monkeypatch.chdir(tmp_path)
    fill(Path("p"), {"a;b": 6, "c": 6})
    Path("p/c/bad.png").write_text("")
    assert main(["init", "p", "--no-timing"]) == 1
    assert "semicolon" in capsys.readouterr().err
    assert "name: folder" in Path("p.yaml").read_text()


@pytest.mark.parametrize(
    ("make", "says"),
    [
        (lambda root: None, "no such image folder"),
        (lambda root: root.mkdir(), "0 class folders; at least 2"),
        (
            lambda root: picture(root / "x.png"),
            "1 images and no folder per class; to train, move each into one, such as",
        ),
        (lambda root: fill(root, {"a": 5}), "1 class folders; at least 2"),
        (lambda root: (fill(root, {"a": 5}), (root / "b").mkdir()), "no images in this class"),
        (
            lambda root: [
                (root / n).mkdir(parents=True, exist_ok=True) or (root / n / f"{k}.png").touch()
                for n in "ab"
                for k in range(3)
            ],
            "none of its 6 images can be read",
        ),
    ],
)
def test_a_folder_that_cannot_be_trained_on_says_what_to_do(tmp_path: Path, capsys, make, says: str) -> None:
    make(tmp_path / "p")
    assert main(["init", str(tmp_path / "p"), "--out", str(tmp_path / "r.yaml")]) == 2
    assert says in capsys.readouterr().err
    assert not (tmp_path / "r.yaml").exists()


def test_after_a_minute_only_headers_are_read(photos: Path, monkeypatch) -> None:
    monkeypatch.setattr("regard.start.look._PATIENCE", -1.0)
    cut = picture(photos / "cat/cut.jpg")
    cut.write_bytes(cut.read_bytes()[:-200])
    facts = look_at(photos)
    assert (facts.decoded, facts.unreadable) == (0, {})
    assert "0 files were read whole" in "\n".join(facts_lines(facts))
    with pytest.raises(RegardError, match="correct the path"):
        look_at("absent")
