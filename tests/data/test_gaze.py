"""A user's own images, in a folder or a table, with a CSV of fixations that follow the crop."""

from pathlib import Path
from typing import Any

import pytest
import torch
from PIL import Image

from regard.data import DataSplits, csv_table, image_folder
from regard.types import RegardError

HEADER = "image,subject,x,y\n"


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """Twelve images of 40x30 pixels a class with a white pixel block where both observers look."""
    rows = [HEADER]
    for label, name in enumerate(("sky", "grass")):
        (tmp_path / "images" / name).mkdir(parents=True)
        for k in range(12):
            image = Image.new("RGB", (40, 30))
            x, y = 2 + 3 * k, 4 + 3 * label
            image.paste((255, 255, 255), (x - 1, y - 1, x + 2, y + 2))
            image.save(tmp_path / "images" / name / f"{k:02d}.png")
            rows += [f"{name}/{k:02d}.png,{who},{x + 0.5},{y + 0.5}\n" for who in "ab"]
    (tmp_path / "gaze.csv").write_text("".join(rows))
    return tmp_path


def fixated_brightness(data: DataSplits) -> list[float]:
    """Brightness of every fixated pixel."""
    brightness = []
    for split in (data.train, data.val, data.test):
        batch = split.batch(range(len(split)))
        for image, points in zip(batch.images, batch.fixations, strict=True):
            for x, y in points[points.isfinite().all(1)].tolist():
                brightness.append(float(image[:, int(y), int(x)].mean()))
    return brightness


@pytest.mark.parametrize("size", [30, 15, (30, 40)])
def test_fixations_follow_the_crop(root: Path, size: Any) -> None:
    data = image_folder(root / "images", size=size, fixations=root / "gaze.csv")
    brightness = fixated_brightness(data)
    assert min(brightness) > 0.5, "people look at the white block, wherever it came to lie"
    whole = size == (30, 40)
    assert (len(brightness) == 48) == whole, "5 pixels on either side are cut off a square"
    gaze = data.gaze()
    assert len(gaze.images) == len(data.test)
    test = data.test.batch(range(len(data.test))).fixations
    assert torch.allclose(test.double(), gaze.points(), atol=1e-3, equal_nan=True)


def test_a_table_names_images_by_path_or_by_file_name(root: Path) -> None:
    lines = ["path,label,split"]
    for name in ("sky", "grass"):
        for k in range(12):
            (root / "images" / name / f"{k:02d}.png").rename(root / "images" / name / f"{name}{k:02d}.png")
            lines.append(f"images/{name}/{name}{k:02d}.png,{name},{'train' if k < 6 else 'val' if k < 9 else 'test'}")
    (root / "table.csv").write_text("\n".join(lines))
    text = (root / "gaze.csv").read_text()
    for form in ("{0}", "images/{0}/{0}"):
        table = text
        for name in ("sky", "grass"):
            table = table.replace(f"{name}/", form.format(name))
        (root / "own.csv").write_text(table)
        data = csv_table(root / "table.csv", size=(30, 40), fixations=root / "own.csv")
        brightness = fixated_brightness(data)
        assert len(brightness) == 48
        assert min(brightness) > 0.9
        assert data.gaze().subjects == ("a", "b")


def test_mismatches_are_named(root: Path) -> None:
    (root / "odd.csv").write_text(HEADER + "sky/99.png,a,1,1\n")
    with pytest.raises(RegardError, match=r"sky/99\.png"):
        image_folder(root / "images", fixations=root / "odd.csv")
    (root / "odd.csv").write_text(HEADER + "00.png,a,1,1\n")
    with pytest.raises(RegardError, match=r"00\.png"):  # both classes have one
        image_folder(root / "images", fixations=root / "odd.csv")
    (root / "odd.csv").write_text(HEADER + "sky/00.png,a,41,1\n")
    with pytest.raises(RegardError, match="41"):
        image_folder(root / "images", fixations=root / "odd.csv")


def test_fixations_of_a_rotated_photograph_are_in_displayed_pixels(root: Path) -> None:
    path = root / "images" / "sky" / "00.png"
    turned = Image.new("RGB", (30, 40))
    turned.paste((255, 255, 255), (4, 8, 7, 11))  # x 4 to 6, y 8 to 10 before it is turned
    exif = turned.getexif()
    exif[0x0112] = 6  # to be turned by 90 degrees clockwise: shown as 40x30
    turned.save(path, exif=exif)
    (root / "gaze.csv").write_text(HEADER + "sky/00.png,a,30.5,5.5\n")
    data = image_folder(root / "images", size=(30, 40), fixations=root / "gaze.csv")
    assert fixated_brightness(data) == [1.0]
