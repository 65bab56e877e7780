"""A set that is opened again keeps classes, splits, labels and observers of its record, whatever was added since."""

import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from tests.data.video.files import frames, write_samples, write_video

from regard.data import DataSplits, check_data, content_hashes, open_data, record_data
from regard.gaze import make_fixations, write_csv
from regard.types import RegardError

pytestmark = pytest.mark.usefixtures("own_cache")
PARTS = ("train", "val", "test")


def picture(path: Path, seed: int, size: tuple[int, int] = (16, 16)) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(np.random.default_rng(seed).integers(0, 255, (*size, 3), dtype=np.uint8)).save(path)
    return path


def mask(path: Path, column: int) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    values = np.zeros((16, 16), np.uint8)
    values[:, column % 16] = 255
    Image.fromarray(values).save(path)
    return path


def contents(data: DataSplits) -> dict[str, list[tuple[float, tuple[float, ...]]]]:
    """Of every split the sum of each image's pixels and its labels."""
    parts = {name: getattr(data, name) for name in PARTS}
    batches = {name: part.batch(range(len(part))) for name, part in parts.items()}
    return {
        name: [
            (round(float(image.double().sum()), 3), tuple(np.atleast_1d(label.numpy()).tolist()))
            for image, label in zip(batch.images, batch.labels, strict=True)
        ]
        for name, batch in batches.items()
    }


# a table with several labels an image -------------------------------------------------------------------------------


def table(root: Path, rows: list[tuple[str, str]]) -> Path:
    (root / "t.csv").write_text("path,label\n" + "".join(f"{name},{label}\n" for name, label in rows))
    return root / "t.csv"


@pytest.mark.parametrize("in_memory", [False, True])
@pytest.mark.parametrize("several", [False, True])
def test_table_with_added_lines_and_labels(tmp_path: Path, several: bool, in_memory: bool) -> None:
    labels = ["red;round", "green", "round"] if several else ["red", "green", "round"]
    rows = [(picture(tmp_path / f"{i:02d}.png", i).name, labels[i % 3]) for i in range(30)]
    options = {"size": 16, "in_memory": in_memory}
    data = open_data("csv", table(tmp_path, rows), **options)
    record, before = record_data("csv", data), contents(data)
    assert (record.classes, record.multi_label) == (("green", "red", "round"), several)
    more = [(picture(tmp_path / f"new{i}.png", 100 + i).name, "amber;round") for i in range(3)]
    again = open_data("csv", table(tmp_path, more + rows[::-1]), record=record, **options)
    assert contents(again) == before
    assert again.classes == record.classes
    assert again.train.labels.ndim == (2 if several else 1)
    assert again.remarks == (f"3 items of {tmp_path} not used, added after training: new0.png, new1.png, new2.png.",)
    with pytest.raises(RegardError, match=rf"1 of the 30 items .* {rows[4][0]} \(\w+\) is red\+?\w* now, was green"):
        open_data("csv", table(tmp_path, [*rows[:4], (rows[4][0], labels[0]), *rows[5:]]), record=record, **options)
    with pytest.raises(RegardError, match=rf"2 of the 30 items .* missing {rows[7][0]} .*, missing {rows[8][0]} "):
        open_data("csv", table(tmp_path, [*rows[:7], *rows[9:]]), record=record, **options)


def test_table_with_another_column_of_splits_keeps_those_of_training(tmp_path: Path) -> None:
    names = [picture(tmp_path / f"{i}.png", i).name for i in range(12)]

    def listed(split_of: dict[int, str]) -> Path:
        lines = [f"{name},{'ab'[i % 2]},{split_of.get(i, 'train')}" for i, name in enumerate(names)]
        (tmp_path / "t.csv").write_text("path,label,split\n" + "\n".join(lines))
        return tmp_path / "t.csv"

    data = open_data("csv", listed({0: "val", 1: "val", 2: "test", 3: "test"}), size=16)
    record, before = record_data("csv", data), contents(data)
    changed = listed({8: "val", 9: "val", 10: "test", 11: "test"})
    assert contents(open_data("csv", changed, size=16, record=record)) == before


# masks and fixations -------------------------------------------------------------------------------------------------


@pytest.fixture
def masked(tmp_path: Path) -> Path:
    for k, name in enumerate("ab"):
        for i in range(10):
            picture(tmp_path / f"s/{name}/{i}.png", 20 * k + i)
            mask(tmp_path / f"m/{name}/{i}.png", i)
    return tmp_path


def test_a_changed_mask_is_named_and_an_added_image_needs_none(masked: Path) -> None:
    options = {"size": 16, "masks": masked / "m"}
    data = open_data("folder", masked / "s", **options)
    record, before = record_data("folder", data), contents(data)
    picture(masked / "s/a/new.png", 99)
    again = open_data("folder", masked / "s", record=record, **options)
    assert contents(again) == before
    assert torch.equal(again.test.batch([0, 1]).masks, data.test.batch([0, 1]).masks)
    mask(masked / "m/b/4.png", 13)
    with pytest.raises(RegardError, match=r"changed mask .*m/b/4.png \(\w+\)"):
        open_data("folder", masked / "s", record=record, **options)


def test_lines_added_to_a_table_need_no_mask(masked: Path) -> None:
    names = [f"{c}/{i}" for c in "ab" for i in range(10)]

    def listed(*added: str, without: str = "") -> Path:
        lines = [f"s/{name}.png,{name[0]},{'' if name == without else f'm/{name}.png'}" for name in names]
        (masked / "t.csv").write_text("\n".join(["path,label,mask", *added, *lines]))
        return masked / "t.csv"

    data = open_data("csv", listed(), size=16)
    record, before = record_data("csv", data), contents(data)
    for added in (["new"], ["new", "-1", "z"]):
        lines = [f"{picture(masked / f'{name}.png', k + 50).name},a," for k, name in enumerate(added)]
        again = open_data("csv", listed(*lines), size=16, record=record)
        assert contents(again) == before
        for part in PARTS:
            whole = range(len(getattr(data, part)))
            assert torch.equal(getattr(again, part).batch(whole).masks, getattr(data, part).batch(whole).masks)
        with pytest.raises(RegardError, match=r"line \d+: no mask, but line \d+ has one; give masks for all or none"):
            open_data("csv", listed(*lines), size=16)
    for name in ("a/3", "b/9"):
        with pytest.raises(RegardError, match=rf"1 of the 20 items .*: missing mask of s/{name}\.png \(\w+\)"):
            open_data("csv", listed(without=name), size=16, record=record)


def test_fixations_stay_with_their_images_and_another_table_of_them_is_a_remark(masked: Path) -> None:
    names = [f"{c}/{i}.png" for c in "ab" for i in range(10)]

    def looked(x: float, names: list[str]) -> Path:
        lines = [f"{name},{who},{x + k % 10},{k % 7 + 1}" for k, name in enumerate(names) for who in "pq"]
        (masked / "gaze.csv").write_text("image,subject,x,y\n" + "\n".join(lines))
        return masked / "gaze.csv"

    options = {"size": 16, "fixations": looked(1.0, names)}
    data = open_data("folder", masked / "s", **options)
    record = record_data("folder", data)
    for i in range(9):
        picture(masked / f"s/a/-{i}.png", 60 + i)
    again = check_data(record, open_data("folder", masked / "s", record=record, **options), generated=False)
    assert np.array_equal(again.gaze().points().numpy(), data.gaze().points().numpy(), equal_nan=True)
    assert len(again.remarks) == 1
    assert "9 items" in again.remarks[0]
    looked(2.0, names)
    again = check_data(record, open_data("folder", masked / "s", record=record, **options), generated=False)
    assert again.remarks[1] == "The fixations of folder are not those that were there at training."


# copies ---------------------------------------------------------------------------------------------------------------


@pytest.fixture
def given(tmp_path: Path) -> Path:
    for k, part in enumerate(PARTS):
        for c in "ab":
            for i in range(4):
                picture(tmp_path / f"s/{part}/{c}/{i}.png", 100 * k + 10 * ord(c) + i)
    return tmp_path / "s"


def test_a_training_image_copied_into_test_before_training_is_not_tested_on(given: Path) -> None:
    shutil.copy(given / "train/a/1.png", given / "test/a/copy.png")
    data = open_data("folder", given, size=16)
    record = record_data("folder", data)
    assert [item.name for item in record.copies] == ["test/a/copy.png"]
    again = check_data(record, open_data("folder", given, size=16, record=record), generated=False)
    assert contents(again)["test"] == [x for x in contents(data)["test"] if x not in contents(data)["train"]]
    assert len(again.test) == 8
    assert again.remarks == ("1 test item left out, being copies of training items: test/a/copy.png.",)


def test_a_training_image_copied_into_test_later_is_not_used(given: Path) -> None:
    data = open_data("folder", given, size=16)
    record = record_data("folder", data)
    shutil.copy(given / "train/a/1.png", given / "test/a/copy.png")
    again = open_data("folder", given, size=16, record=record)
    assert contents(again) == contents(data)
    assert again.remarks == (f"1 item of {given} not used, being copies of items of the run: test/a/copy.png.",)


def test_a_training_image_moved_into_test_is_trained_on_still(given: Path) -> None:
    data = open_data("folder", given, size=16)
    record, before = record_data("folder", data), contents(data)
    (given / "train/b/2.png").rename(given / "test/b/9.png")
    assert contents(open_data("folder", given, size=16, record=record)) == before


def test_a_test_of_copies_alone_is_refused(given: Path) -> None:
    for c in "ab":
        shutil.rmtree(given / "test" / c)
        shutil.copytree(given / "train" / c, given / "test" / c)
    record = record_data("folder", open_data("folder", given, size=16))
    with pytest.raises(RegardError, match="all 8 test images are copies of training images"):
        open_data("folder", given, size=16, record=record)


# observers ------------------------------------------------------------------------------------------------------------


def osie(root: Path, observers: list[str], count: int = 20) -> Path:
    names = [f"{1001 + i}.jpg" for i in range(count)]
    for i, name in enumerate(names):
        if not (root / "images" / name).exists():
            picture(root / "images" / name, i)
    image, who = np.repeat(names, len(observers)), np.tile(observers, count)
    x = np.array([1.0 + observers.index(w) for w in who])
    sizes = dict.fromkeys(names, (16, 16))
    write_csv(
        make_fixations(image=image, subject=who, x=x, y=np.full(len(x), 3.0), sizes=sizes), root / "fixations.csv"
    )
    return root


def test_observers_held_out_stay_held_out(tmp_path: Path) -> None:
    options = {"size": 16, "held_out": 2}
    data = open_data("osie", osie(tmp_path, ["1", "2", "3", "5", "6"]), **options)
    record = record_data("osie", data)
    assert record.observers == {"learned": ("1", "2", "3"), "judged": ("5", "6")}
    osie(tmp_path, ["1", "2", "3", "4", "5", "6", "7", "8"], count=22)
    again = open_data("osie", tmp_path, record=record, **options)
    assert again.gaze().subjects == ("5", "6"), "without a record they would be 7 and 8"
    assert contents(again) == contents(data)
    assert open_data("osie", tmp_path, **options).gaze().subjects == ("7", "8")
    osie(tmp_path, ["1", "2", "3", "5"], count=22)
    with pytest.raises(RegardError, match="no gaze of 6, observers of the run"):
        open_data("osie", tmp_path, record=record, **options)


def test_salient_images_added_at_the_end_are_no_test_images(tmp_path: Path) -> None:
    for i in range(1, 21):
        picture(tmp_path / f"ecssd/images/{i:04d}.jpg", i)
        mask(tmp_path / f"ecssd/masks/{i:04d}.png", i)
    data = open_data("ecssd", tmp_path, size=16)
    record, before = record_data("ecssd", data), contents(data)
    for i in range(21, 26):
        picture(tmp_path / f"ecssd/images/{i:04d}.jpg", i)
        mask(tmp_path / f"ecssd/masks/{i:04d}.png", i)
    assert contents(open_data("ecssd", tmp_path, size=16)) != before
    assert contents(open_data("ecssd", tmp_path, size=16, record=record)) == before


# clips ----------------------------------------------------------------------------------------------------------------


def test_videos_and_observers_of_a_record(tmp_path: Path) -> None:
    root = tmp_path / "clips"
    for k, name in enumerate(("jump", "run")):
        for i in range(6):
            write_video(root / name / f"v{i}.avi", frames(5, value=60 + 10 * i + k))
    options = {"size": (24, 32), "length": 2}
    data = open_data("clip_folder", root, **options)
    record = record_data("clip_folder", data)
    assert sum(record.counts.values()) == 12 == len(record.items)
    for i in range(7):
        write_video(root / "ant" / f"w{i}.avi", frames(5, value=130 + 5 * i))
    again = open_data("clip_folder", root, record=record, **options)
    for part in PARTS:
        one, other = getattr(data, part), getattr(again, part)
        assert [c.path for c in one.clips] == [c.path for c in other.clips]
        assert one.labels.tolist() == other.labels.tolist()
    assert again.classes == ("jump", "run")
    (root / "run/v3.avi").unlink()
    with pytest.raises(RegardError, match=r"1 of the 12 items .* missing run/v3.avi"):
        open_data("clip_folder", root, record=record, **options)


def test_panels_of_observers_stand_when_one_comes_between(tmp_path: Path) -> None:
    from regard.data.video.actions import UCF_SPORTS_CLASSES

    square = [(t / 100, 22.0, 19.0, "F") for t in range(50)]
    number = 0
    for name in UCF_SPORTS_CLASSES:
        for i in (1, 2, 3):
            number += 1
            write_video(tmp_path / name / f"{i:03d}" / f"t{number}_1.avi", frames(5, value=50 + 4 * number), fps=10)
            for who in ("001", "003", "004"):
                write_samples(tmp_path / "samples", who, f"{name}-{i:03d}", square)
    options = {"size": (24, 32), "length": 2}
    record = record_data("ucf_sports", open_data("ucf_sports", tmp_path, **options))
    assert record.observers == {"learned": ("001", "004"), "judged": ("003",)}
    for name in UCF_SPORTS_CLASSES:
        write_samples(tmp_path / "samples", "002", f"{name}-001", square)
    assert open_data("ucf_sports", tmp_path, **options).gaze().subjects == ("002", "004")
    assert open_data("ucf_sports", tmp_path, record=record, **options).gaze().subjects == ("003",)


# sets without files of their own --------------------------------------------------------------------------------------

CLUTTER = {"size": 16, "train": 12, "val": 4, "test": 4, "cache": False}


def test_a_generated_set_is_its_fingerprint() -> None:
    data = open_data("clutter", **CLUTTER)
    record = record_data("clutter", data)
    assert (record.items, record.counts, record.size) == ((), {"train": 12, "val": 4, "test": 4}, (16, 16))
    again = open_data("clutter", record=record, **CLUTTER)
    assert check_data(record, again, generated=True) is again
    other = open_data("clutter", **CLUTTER | {"seed": 1})
    (remark,) = check_data(record, other, generated=True).remarks
    assert "not bit for bit those of training" in remark
    with pytest.raises(RegardError, match="its content is not that on which the run was trained"):
        check_data(record, other, generated=False)
    with pytest.raises(RegardError, match=r"has {'train': 12, 'val': 4, 'test': 5} items, the run was trained on"):
        check_data(record, open_data("clutter", **CLUTTER | {"test": 5}), generated=True)
    with pytest.raises(RegardError, match="has classes"):
        check_data(replace(record, classes=("a", "b")), data, generated=True)


@pytest.mark.parametrize("change", ["labels", "images"])
def test_one_other_value_is_another_fingerprint(change: str) -> None:
    data = open_data("clutter", **CLUTTER)
    values = getattr(data.test, change).clone()
    values.flatten()[0] = (values.flatten()[0] + 1) % 10
    other = replace(data, test=replace(data.test, **{change: values}))
    assert record_data("clutter", data).fingerprint != record_data("clutter", other).fingerprint


# hashes ---------------------------------------------------------------------------------------------------------------


def test_content_is_hashed_not_name_or_time(tmp_path: Path) -> None:
    import hashlib
    import os

    one, other = picture(tmp_path / "a.png", 1), picture(tmp_path / "b.png", 1)
    first = content_hashes([one, other])
    assert first == [hashlib.sha256(one.read_bytes()).hexdigest()[:32]] * 2
    state = one.stat()
    pixels = bytearray(one.read_bytes())
    pixels[-20] ^= 1
    one.write_bytes(bytes(pixels))
    os.utime(one, ns=(state.st_atime_ns, state.st_mtime_ns))
    assert one.stat().st_size == state.st_size
    assert content_hashes([one])[0] != first[0], "same length and time of change, other content"
    with pytest.raises(RegardError, match=r"gone.png: cannot be read"):
        content_hashes([tmp_path / "gone.png"])


def test_long_files_are_hashed_by_pieces(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from regard.data import membership

    monkeypatch.setattr(membership, "_WHOLE", 100)
    monkeypatch.setattr(membership, "_PIECE", 10)
    path, content = tmp_path / "long.bin", bytes(range(200))
    hashes = set()
    for at in (None, 0, 99, 199):
        changed = bytearray(content)
        if at is not None:
            changed[at] ^= 1
        path.write_bytes(changed)
        hashes.add(content_hashes([path])[0])
    path.write_bytes(content + b"0")
    hashes.add(content_hashes([path])[0])
    assert len(hashes) == 5, "beginning, middle, end and length count"
