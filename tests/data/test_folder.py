import pytest
import torch
from PIL import Image

from regard.data import image_folder
from regard.types import RegardError


def fill(folder, number, colour=0, suffix=".png", mode="RGB", size=(12, 10)):
    folder.mkdir(parents=True, exist_ok=True)
    for k in range(number):
        Image.new(mode, size, (colour,) * 3 if mode == "RGB" else colour).save(folder / f"{k:03d}{suffix}")


@pytest.fixture
def root(tmp_path):
    fill(tmp_path / "set" / "dark", 20, 10)
    fill(tmp_path / "set" / "light", 30, 200)
    return tmp_path / "set"


def test_classes_are_folders_and_parts_are_in_proportion(root):
    data = image_folder(root, size=8, val_share=0.1, test_share=0.2)
    assert data.classes == ("dark", "light")
    for split, expected in ((data.train, [14, 21]), (data.val, [2, 3]), (data.test, [4, 6])):
        assert split.labels.bincount().tolist() == expected
        batch = split.batch(range(len(split)))
        assert batch.images.shape[1:] == (3, 8, 8)
        assert torch.equal(batch.images.mean((1, 2, 3)) > 0.5, batch.labels == 1)
    names = [s.item_name(i) for s in (data.train, data.val, data.test) for i in range(len(s))]
    assert len(set(names)) == 50


def test_the_seed_decides_the_parts(root):
    def test_names(seed):
        s = image_folder(root, size=8, seed=seed).test
        return [s.item_name(i) for i in range(len(s))]

    assert test_names(1) == test_names(1)
    assert test_names(1) != test_names(2)


def test_given_parts_are_taken_as_they_are(tmp_path):
    for part, number in (("train", 10), ("test", 4)):
        for name in ("a", "b"):
            fill(tmp_path / part / name, number)
    data = image_folder(tmp_path, size=(6, 8), val_share=0.2)
    assert (len(data.train), len(data.val), len(data.test)) == (16, 4, 8)
    assert "/test/" in data.test.item_name(0)
    assert "/train/" in data.val.item_name(0)
    assert data.train.batch([0]).images.shape == (1, 3, 6, 8)


def test_masks_have_the_same_relative_path(root, tmp_path):
    fill(tmp_path / "masks" / "dark", 20, 255, mode="L")
    fill(tmp_path / "masks" / "light", 30, 0, mode="L")
    data = image_folder(root, size=8, masks=tmp_path / "masks", in_memory=True)
    batch = data.train.batch(range(len(data.train)))
    assert torch.equal(batch.masks.all((1, 2, 3)), batch.labels == 0)
    assert torch.equal(batch.masks.any((1, 2, 3)), batch.labels == 0)


def test_a_masks_folder_inside_is_no_class(root):
    fill(root / "masks" / "dark", 20, 255, mode="L")
    fill(root / "masks" / "light", 30, 255, mode="L")
    assert image_folder(root, size=8, masks=root / "masks").classes == ("dark", "light")


def test_a_missing_mask_is_named(root, tmp_path):
    fill(tmp_path / "masks" / "dark", 20, 255, mode="L")
    with pytest.raises(RegardError, match=r"no mask for \d+ of \d+ images, the first .*light"):
        image_folder(root, size=8, masks=tmp_path / "masks")


def test_an_empty_class_is_named(root):
    (root / "empty").mkdir()
    (root / "empty" / "notes.txt").write_text("none yet")
    with pytest.raises(RegardError, match="empty: no images in this class"):
        image_folder(root)


def test_hidden_files_and_other_kinds_are_passed_over(root):
    (root / "dark" / ".thumb.png").write_text("")
    (root / "dark" / "notes.txt").write_text("")
    (root / ".git").mkdir()
    data = image_folder(root, size=8)
    assert len(data.train) + len(data.val) + len(data.test) == 50


def test_what_is_wrong_with_a_folder_is_named(tmp_path):
    with pytest.raises(RegardError, match="nowhere: no such image folder"):
        image_folder(tmp_path / "nowhere")
    fill(tmp_path / "one" / "only", 3)
    with pytest.raises(RegardError, match="1 class folders; at least 2"):
        image_folder(tmp_path / "one")
    fill(tmp_path / "two" / "val" / "a", 3)
    with pytest.raises(RegardError, match="no 'train'"):
        image_folder(tmp_path / "two")
    for name in ("a", "b"):
        fill(tmp_path / "three" / "train" / name, 3)
        fill(tmp_path / "three" / "test" / name, 3)
    fill(tmp_path / "three" / "test" / "c", 3)
    with pytest.raises(RegardError, match="c: no such class in the training folder"):
        image_folder(tmp_path / "three")
    for name in ("a", "b"):
        fill(tmp_path / "four" / name, 1)
    with pytest.raises(RegardError, match="no image for 'val' among 2"):
        image_folder(tmp_path / "four")
