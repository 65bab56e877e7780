"""Every set on small files of its published layout, written here."""

import h5py
import numpy as np
import pytest
import torch
from PIL import Image
from scipy.io import savemat

from regard.data import check_split, open_data, record_data
from regard.types import RegardError


def picture(path, value, size=(24, 32)):
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(np.full((*size, 3), value, np.uint8)).save(path)


def mask(path, values):
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(np.asarray(values, np.uint8)).save(path)


def half(on=255, size=(24, 32)):
    values = np.zeros(size)
    values[:, : size[1] // 2] = on
    return values


def fill(images, masks, count, suffix="jpg", stem="{:04d}", first=1):
    for k in range(first, count + first):
        picture(images / f"{stem.format(k)}.{suffix}", k)
        mask(masks / f"{stem.format(k)}.png", half())


@pytest.mark.parametrize("masks", ["ground_truth_mask", "masks"])
def test_ecssd(tmp_path, masks):
    fill(tmp_path / "ecssd/images", tmp_path / "ecssd" / masks, 20)
    data = open_data("ecssd", tmp_path, size=16, val_share=0.25)
    assert (len(data.train), len(data.val), len(data.test)) == (12, 4, 4)
    assert [data.test.item_name(i)[-8:] for i in range(4)] == ["0017.jpg", "0018.jpg", "0019.jpg", "0020.jpg"]
    batch = data.test.batch([0, 3])
    assert batch.images.shape == (2, 3, 16, 16)
    assert batch.masks.shape == (2, 1, 16, 16)
    assert batch.masks[:, :, :, :8].all()  # the whole image is stretched, nothing is cut
    assert not batch.masks[:, :, :, 8:].any()
    assert (batch.images[1] * 255).mean().item() == pytest.approx(20, abs=1)
    assert data.classes == ("salient object",)
    assert not check_split(data.train)


def test_images_sort_by_number(tmp_path):
    fill(tmp_path / "images", tmp_path / "masks", 10, stem="{}")
    data = open_data("ecssd", tmp_path, size=8)
    assert [data.test.item_name(i).rpartition("/")[2] for i in range(2)] == ["9.jpg", "10.jpg"]


def test_a_missing_mask_and_a_missing_folder_are_named(tmp_path):
    fill(tmp_path / "images", tmp_path / "masks", 10)
    (tmp_path / "masks/0003.png").unlink()
    with pytest.raises(RegardError, match=r"no mask for 1 of 10 images, the first 0003.jpg"):
        open_data("ecssd", tmp_path, size=8)
    with pytest.raises(RegardError, match="ecssd: neither"):
        open_data("ecssd", tmp_path / "elsewhere")


@pytest.mark.parametrize("added", ["0000.jpg", "0005b.jpg", "0099.png"])
def test_an_added_image_without_a_mask_is_not_used_by_a_run(tmp_path, added):
    fill(tmp_path / "images", tmp_path / "masks", 10)
    before = open_data("ecssd", tmp_path, size=8, val_share=0.25)
    record = record_data("ecssd", before)
    picture(tmp_path / "images" / added, 200)
    now = open_data("ecssd", tmp_path, size=8, val_share=0.25, record=record)
    for old, new in ((before.train, now.train), (before.val, now.val), (before.test, now.test)):
        assert [old.item_name(i) for i in range(len(old))] == [new.item_name(i) for i in range(len(new))]
        assert torch.equal(old.batch([0, 1]).masks, new.batch([0, 1]).masks)
    assert any(f"1 item of {tmp_path} not used, added after training: images/{added}" in r for r in now.remarks)
    (tmp_path / "masks/0003.png").unlink()
    with pytest.raises(RegardError, match=r"0003\.(png|jpg)"):
        open_data("ecssd", tmp_path, size=8, val_share=0.25, record=record)


def test_pascal_s_thresholds_graded_masks_at_one_half_and_has_gaze(tmp_path):
    root = tmp_path / "datasets"
    for k in range(1, 11):
        picture(root / f"imgs/pascal/{k}.jpg", k)
        graded = np.zeros((24, 32))
        graded[:8], graded[8:16], graded[16:] = 127, 128, 255
        mask(root / f"masks/pascal/{k}.png", graded if k > 1 else graded.clip(max=100))
    path = root / "fixations/pascalFix.mat"
    path.parent.mkdir()
    with h5py.File(path, "w") as file:
        cells = np.empty((1, 10), dtype=h5py.ref_dtype)
        for k in range(10):
            # rows y, x, subject, counted from 1
            cells[0, k] = file.create_dataset(f"c{k}", data=np.array([[k + 1, 24], [1, 32], [1, 2]], float)).ref
        file.create_dataset("fixCell", data=cells)
    data = open_data("pascal_s", tmp_path, size=(12, 16))
    for i in range(2):
        batch = data.test.batch([i])
        assert not batch.masks[0, 0, :4].any()
        assert batch.masks[0, 0, 4:].all()
    # fixations in pixels of the images as they come out: halved
    assert torch.allclose(data.test.batch([0]).fixations[0], torch.tensor([[0.0, 4.0], [15.5, 11.5]]))
    table = data.gaze()
    assert table.images == ("0", "1")
    assert table.sizes.tolist() == [[12, 16]] * 2
    assert table.y[table.image == 1].tolist() == [4.5, 11.5]
    empty = [i for i in range(len(data.train)) if data.train.item_name(i).endswith("/1.jpg")]
    empty = data.train.batch(empty) if empty else data.val.batch([0])
    assert not empty.masks.any()  # at most 100 of 255, below one half; not scaled by the mask's own maximum
    assert open_data("pascal_s", tmp_path, size=8, gaze=False).gaze is None


def test_dut_omron_with_gaze_on_some_images(tmp_path):
    root = tmp_path / "DUT-OMRON"
    fill(root / "DUT-OMRON-image", root / "pixelwiseGT-new-PNG", 10, stem="im{:03d}")
    gaze_folder = root / "DUT-OMRON-eye-fixations/mat"
    gaze_folder.mkdir(parents=True)
    savemat(gaze_folder / "im010.mat", {"s": np.array([[32, 24, 0], [16, 12, 1], [31, 23, 2]], float)})
    data = open_data("dut_omron", tmp_path, size=(48, 32))
    fixations = data.test.batch([0, 1]).fixations
    assert fixations.shape == (2, 2, 2)
    assert fixations[0].isnan().all()
    assert fixations[1].tolist() == [[16, 24], [31, 46]]
    assert data.gaze().counts().tolist() == [0, 2]


def test_duts_official_split(tmp_path):
    for part, count, first in (("DUTS-TR", 10, 1), ("DUTS-TE", 4, 100)):
        fill(tmp_path / part / f"{part}-Image", tmp_path / part / f"{part}-Mask", count, first=first)
    data = open_data("duts", tmp_path, size=8, val_share=0.2)
    assert (len(data.train), len(data.val), len(data.test)) == (8, 2, 4)
    assert all("DUTS-TE" in data.test.item_name(i) for i in range(4))
    assert not any("DUTS-TE" in split.item_name(0) for split in (data.train, data.val))


def test_duts_refuses_an_image_in_both_parts(tmp_path):
    for part in ("DUTS-TR", "DUTS-TE"):
        fill(tmp_path / part / f"{part}-Image", tmp_path / part / f"{part}-Mask", 3)
    with pytest.raises(RegardError, match=r"0001.jpg lies in DUTS-TR and in DUTS-TE"):
        open_data("duts", tmp_path)


def test_hku_is_with_and_without_its_lists(tmp_path):
    root = tmp_path / "HKU-IS"
    fill(root / "imgs", root / "gt", 10, suffix="png")
    data = open_data("hku_is", tmp_path, size=8)
    assert (len(data.train), len(data.val), len(data.test)) == (7, 1, 2)
    lists = {"trainImgSet": range(5, 11), "valImgSet": (2, 4), "testImgSet": (1, 3)}
    for name, members in lists.items():
        cell = np.empty((len(members), 1), dtype=object)
        cell[:, 0] = [f"{k:04d}.png" for k in members]
        savemat(root / f"{name}.mat", {name: cell})
    official = open_data("hku_is", tmp_path, size=8)
    assert (len(official.train), len(official.val), len(official.test)) == (6, 2, 2)
    assert [official.test.item_name(i)[-8:] for i in range(2)] == ["0001.png", "0003.png"]
    cell[0, 0] = "9999.png"
    savemat(root / "testImgSet.mat", {"testImgSet": cell})
    with pytest.raises(RegardError, match=r"9999.png"):
        open_data("hku_is", tmp_path, size=8)


@pytest.mark.realdata
def test_ecssd_itself(real_data):
    """1,000 images; the mean of the training masks has the known score on the last 200."""
    data = open_data("ecssd", real_data, size=64)
    assert (len(data.train), len(data.val), len(data.test)) == (720, 80, 200)
    assert data.test.item_name(0).endswith("0801.jpg")
    masks = data.test.batch(range(200)).masks.float()
    train = torch.cat([s.batch(range(len(s))).masks.float() for s in (data.train, data.val)])
    prediction = train.mean(0, keepdim=True)
    assert (prediction - masks).abs().mean().item() == pytest.approx(0.265, abs=0.01)
