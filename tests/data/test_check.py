import pytest
import torch
from PIL import Image

from regard.data import FileSplit, TensorSplit, check_split


@pytest.fixture
def split(tmp_path):
    paths = tuple(tmp_path / f"{i}.png" for i in range(9))
    masks = tuple(tmp_path / f"m{i}.png" for i in range(9))
    for path in paths:
        Image.effect_noise((32, 32), 80).save(path)
    for path in masks:
        Image.new("L", (32, 32), 255).save(path)
    return FileSplit("train", ("a", "b"), paths, torch.arange(9) % 2, (16, 16), masks)


def test_a_good_split_has_no_problems(split):
    assert check_split(split) == []


def test_every_bad_item_is_named_in_order(split):
    split.paths[7].unlink()
    split.paths[1].write_bytes(split.paths[1].read_bytes()[:200])
    Image.new("L", (32, 31)).save(split.masks[4])
    split.paths[5].write_text("text")
    problems = check_split(split)
    assert [p.index for p in problems] == [1, 4, 5, 7]
    assert [p.item for p in problems] == [str(split.paths[i]) for i in (1, 4, 5, 7)]
    for problem, words in zip(
        problems, ("damaged image", "mask of 32x31", "not an image", "no such image"), strict=True
    ):
        assert problem.split == "train"
        assert words in problem.reason


def test_a_split_in_memory_has_no_problems():
    assert (
        check_split(TensorSplit("val", ("a",), torch.zeros(3, 3, 2, 2, dtype=torch.uint8), torch.zeros(3).long())) == []
    )
