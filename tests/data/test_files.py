import numpy as np
import pytest
import torch
from PIL import Image

from regard.data import FileSplit
from regard.data.files import cover, read_image, read_mask, to_bool, to_bytes
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


def test_images_and_masks_are_cropped_alike(split):
    batch = split.batch([2, 0])
    assert batch.images.shape == (2, 3, 10, 10)
    assert torch.equal(batch.images[:, :1] * 255 > 128.5, batch.masks)
    whole = np.asarray(Image.open(split.paths[2]))
    assert np.array_equal((batch.images[0] * 255).round().byte().permute(1, 2, 0).numpy(), whole[:, 2:12])
    assert batch.index.tolist() == [2, 0]
    assert split.item_name(3).endswith("3.png")


def test_load_gives_the_same_batches_in_memory(split):
    in_memory = split.load()
    for name in ("images", "labels", "masks"):
        assert torch.equal(getattr(in_memory.batch([0, 1, 2, 3]), name), getattr(split.batch([0, 1, 2, 3]), name))
    assert in_memory.item_name(1) == split.item_name(1)


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


GREY = (np.arange(48).reshape(6, 8) * 5).astype(np.uint8)


def test_grey_becomes_three_equal_channels(tmp_path):
    Image.fromarray(GREY).save(tmp_path / "a.png")
    assert np.array_equal(to_bytes(read_image(tmp_path / "a.png")).numpy(), np.stack([GREY] * 3))


def test_sixteen_bit_grey_is_scaled(tmp_path):
    deep = GREY.astype(np.uint16) * 257
    deep[0, 0] = 65535
    Image.fromarray(deep).save(tmp_path / "a.png")
    expected = GREY.copy()
    expected[0, 0] = 255
    assert np.array_equal(np.asarray(read_image(tmp_path / "a.png"))[..., 0], expected)


@pytest.mark.parametrize("mode", ["RGBA", "LA"])
def test_transparency_is_composited_on_white(tmp_path, mode):
    image = Image.new(mode, (2, 1), (0,) * (len(mode) - 1) + (255,))
    image.putpixel((1, 0), (0,) * (len(mode) - 1) + (0,))
    image.save(tmp_path / "a.png")
    assert np.asarray(read_image(tmp_path / "a.png")).tolist() == [[[0, 0, 0], [255, 255, 255]]]


def test_a_transparent_palette_is_composited_too(tmp_path):
    image = Image.new("P", (2, 1))
    image.putpalette([255, 0, 0, 0, 255, 0])
    image.putpixel((1, 0), 1)
    image.save(tmp_path / "a.png", transparency=1)
    assert np.asarray(read_image(tmp_path / "a.png")).tolist() == [[[255, 0, 0], [255, 255, 255]]]


def test_cmyk_is_converted(tmp_path):
    Image.new("CMYK", (8, 8), (0, 255, 255, 0)).save(tmp_path / "a.jpg", quality=100)
    red, green, blue = np.asarray(read_image(tmp_path / "a.jpg"))[4, 4]
    assert red > 245
    assert max(green, blue) < 10


def test_orientation_is_honoured(tmp_path):
    image = Image.new("RGB", (8, 4), "black")
    image.paste("white", (0, 0, 4, 4))
    exif = image.getexif()
    exif[0x0112] = 6  # turn by 90 degrees
    image.save(tmp_path / "a.jpg", exif=exif, quality=100)
    turned = np.asarray(read_image(tmp_path / "a.jpg"))
    assert turned.shape == (8, 4, 3)
    assert turned[1].mean() > 200
    assert turned[6].mean() < 50


def test_floats_have_no_fixed_range(tmp_path):
    Image.fromarray(GREY.astype(np.float32)).save(tmp_path / "a.tif")
    with pytest.raises(RegardError, match=r"a\.tif: pixel format 'F' \(1 channels\)"):
        read_image(tmp_path / "a.tif")


def test_an_odd_number_of_channels_is_named(tmp_path):
    import tifffile

    tifffile.imwrite(tmp_path / "a.tif", np.zeros((6, 8, 7), np.uint8), photometric="minisblack", planarconfig="contig")
    with pytest.raises(RegardError, match=r"a\.tif"):
        read_image(tmp_path / "a.tif")


@pytest.mark.parametrize("suffix", ["jpg", "png"])
def test_a_truncated_image_is_named(tmp_path, suffix):
    path = tmp_path / f"a.{suffix}"
    Image.fromarray(np.random.default_rng(0).integers(0, 255, (64, 64, 3), np.uint8)).save(path)
    path.write_bytes(path.read_bytes()[:-3000])
    with pytest.raises(RegardError, match=rf"a\.{suffix}: damaged image .*[Tt]runcated"):
        read_image(path)


def test_missing_and_foreign_files_are_named(tmp_path):
    with pytest.raises(RegardError, match=r"a\.png: no such image"):
        read_image(tmp_path / "a.png")
    (tmp_path / "b.png").write_text("hello")
    with pytest.raises(RegardError, match=r"b\.png: not an image"):
        read_image(tmp_path / "b.png")
    (tmp_path / "c.png").mkdir()
    with pytest.raises(RegardError, match=r"c\.png: a folder, where an image is meant"):
        read_image(tmp_path / "c.png")


def test_an_oversized_image_is_named(tmp_path, monkeypatch):
    Image.new("L", (64, 64)).save(tmp_path / "a.png")
    monkeypatch.setenv("REGARD_MAX_PIXELS", "4095")
    with pytest.raises(RegardError, match=r"a\.png: 64x64 .*4,095; shrink the image.*REGARD_MAX_PIXELS to 4096"):
        read_image(tmp_path / "a.png")
    monkeypatch.setenv("REGARD_MAX_PIXELS", "4096")
    assert read_image(tmp_path / "a.png").size == (64, 64)


@pytest.mark.parametrize("high", [1, 255, 200])
def test_masks_are_read_with_any_maximum(tmp_path, high):
    expected = GREY > 100
    Image.fromarray(expected.astype(np.uint8) * high).save(tmp_path / "m.png")
    mask = read_mask(tmp_path / "m.png", (8, 6), of=tmp_path / "a.png")
    assert np.array_equal(to_bool(mask)[0].numpy(), expected)


def test_masks_of_other_image_modes(tmp_path):
    expected = GREY > 100
    Image.fromarray(expected).save(tmp_path / "bit.png")
    Image.fromarray(expected.astype(np.uint16) * 65535).save(tmp_path / "deep.png")
    palette = Image.frombytes("P", (8, 6), (expected * 3).astype(np.uint8).tobytes())
    palette.putpalette([0] * 30)  # colours say nothing, indices do
    palette.save(tmp_path / "palette.png")
    for name in ("bit", "deep", "palette"):
        mask = read_mask(tmp_path / f"{name}.png", (8, 6), of=tmp_path / "a.png")
        assert np.array_equal(to_bool(mask)[0].numpy(), expected), name
    Image.new("L", (8, 6)).save(tmp_path / "empty.png")
    assert not to_bool(read_mask(tmp_path / "empty.png", (8, 6), of=tmp_path / "a.png")).any()


def test_a_mask_of_another_size_is_named(tmp_path):
    Image.new("L", (8, 7)).save(tmp_path / "m.png")
    with pytest.raises(RegardError, match=r"m\.png: mask of 8x7 pixels for .*a\.png of 8x6"):
        read_mask(tmp_path / "m.png", (8, 6), of=tmp_path / "a.png")


@pytest.mark.parametrize(("width", "height"), [(8, 8), (16, 8), (8, 16), (100, 33), (5, 3), (1, 1), (1, 50)])
def test_cover_gives_the_size_and_keeps_the_centre(width, height):
    image = Image.new("RGB", (width, height), "black")
    image.putpixel((width // 2, height // 2), (255, 255, 255))
    out = cover(image, (7, 9), Image.Resampling.NEAREST)
    assert out.size == (9, 7)
    if min(width, height) > 4:
        lit = to_bytes(out)[0].nonzero().float() + 0.5
        assert lit.numel() == 0 or (lit.mean(0) - torch.tensor([3.5, 4.5])).abs().max() < 2
    same = Image.new("RGB", (9, 7))
    assert cover(same, (7, 9), Image.Resampling.NEAREST) is same
