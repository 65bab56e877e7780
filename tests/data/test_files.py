import numpy as np
import pytest
import torch
from PIL import Image

from regard.data import FileSplit
from regard.types import RegardError


@pytest.fixture
def split(tmp_path):
    rng = np.random.default_rng(0)
    paths, masks = [], []
    for i in range(4):
        paths.append(tmp_path / f"{i}.png")
        masks.append(tmp_path / f"m{i}.png")
        pixels = rng.integers(0, 255, (10, 14, 3), np.uint8)
        Image.fromarray(pixels).save(paths[-1])
        Image.fromarray((pixels[..., 0] > 128).astype(np.uint8) * 255).save(masks[-1])
    return FileSplit("val", ("a", "b"), tuple(paths), torch.tensor([0, 1, 0, 1]), (10, 10), tuple(masks))


def test_images_and_masks_are_cut_alike(split):
    batch = split.batch([2, 0])
    assert batch.images.shape == (2, 3, 10, 10)
    assert torch.equal(batch.images[:, :1] * 255 > 128.5, batch.masks)
    whole = np.asarray(Image.open(split.paths[2]))
    assert np.array_equal((batch.images[0] * 255).round().byte().permute(1, 2, 0).numpy(), whole[:, 2:12])
    assert batch.index.tolist() == [2, 0]
    assert split.item_name(3).endswith("3.png")


def test_reading_all_gives_the_same(split):
    held = split.load()
    for name in ("images", "labels", "masks"):
        assert torch.equal(getattr(held.batch([0, 1, 2, 3]), name), getattr(split.batch([0, 1, 2, 3]), name))
    assert held.item_name(1) == split.item_name(1)


def test_numbers_and_sizes_are_checked(split):
    fields = dict(vars(split))
    with pytest.raises(RegardError, match="4 images, 4 labels, 3 masks"):
        FileSplit(**{**fields, "masks": split.masks[:3]})
    with pytest.raises(RegardError, match="4 images, 3 labels"):
        FileSplit(**{**fields, "labels": split.labels[:3]})
    with pytest.raises(RegardError, match=r"size \(0, 5\)"):
        FileSplit(**{**fields, "size": (0, 5)})
    with pytest.raises(RegardError, match="label 2 of item 1"):
        FileSplit(**{**fields, "labels": split.labels * 2})
