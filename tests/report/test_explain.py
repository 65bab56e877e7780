"""Explaining one's own images: what is written, and that a bad image stops nothing."""

import json
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from tests.training.tiny import tiny

from regard.report.explain import explain_images
from regard.training import load_run, plain_twin, train
from regard.types import RegardError


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return train(tiny(), tmp_path_factory.mktemp("runs") / "tiny", quiet=True)


def picture(path: Path, size: tuple[int, int] = (40, 30), seed: int = 0) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    noise = np.random.default_rng(seed).integers(0, 255, (size[1], size[0], 3), dtype=np.uint8)
    Image.fromarray(noise).save(path)
    return path


def test_a_sheet_an_array_and_json_an_image(folder: Path, tmp_path: Path) -> None:
    images = [picture(tmp_path / "a.png"), picture(tmp_path / "b.jpg", (16, 50), seed=1)]
    assert explain_images(folder, images, tmp_path / "out") == []
    _, model, data = load_run(folder)
    said = json.loads((tmp_path / "out" / "explained.json").read_text())
    assert [item["image"] for item in said] == [str(path) for path in images]
    for item in said:
        with Image.open(tmp_path / "out" / item["picture"]) as sheet:
            assert sheet.width > sheet.height
        with np.load(tmp_path / "out" / item["array"]) as arrays:
            assert arrays["map"].shape == (8, 8)
            assert arrays["image"].shape == (16, 16, 3)
            assert item["sum"] == pytest.approx(float(arrays["map"].sum()), rel=1e-5)
            shown = (arrays["image"] * 255 if arrays["image"].dtype.kind == "f" else arrays["image"]).astype(np.uint8)
        image = torch.from_numpy(shown).permute(2, 0, 1)[None].float() / 255
        probabilities = model.predict(image)[0]
        assert item["prediction"] == data.classes[int(probabilities.argmax())]
        assert item["probabilities"][item["prediction"]] == pytest.approx(float(probabilities.max()), abs=1e-4)
        assert item["unit"] == "bits"
        assert len(item["probabilities"]) == 5


def test_bad_images_are_named_and_the_others_go_on(folder: Path, tmp_path: Path) -> None:
    good = picture(tmp_path / "good.png")
    cut = tmp_path / "cut.png"
    cut.write_bytes(good.read_bytes()[:300])
    (tmp_path / "words.jpg").write_text("no image")
    problems = explain_images(
        folder, [cut, good, tmp_path / "absent.png", tmp_path / "words.jpg"], tmp_path / "deep" / "out"
    )
    assert len(problems) == 3
    for name, problem in zip(("cut.png", "absent.png", "words.jpg"), problems, strict=True):
        assert name in problem
    said = json.loads((tmp_path / "deep" / "out" / "explained.json").read_text())
    assert [Path(item["image"]).name for item in said] == ["good.png"]


def test_two_images_of_one_name_do_not_meet(folder: Path, tmp_path: Path) -> None:
    images = [picture(tmp_path / "x" / "same.png"), picture(tmp_path / "y" / "same.png", seed=4)]
    explain_images(folder, images, tmp_path / "out")
    said = json.loads((tmp_path / "out" / "explained.json").read_text())
    assert len({item["picture"] for item in said}) == 2
    assert len(list((tmp_path / "out").glob("*.png"))) == 2


def test_a_run_without_attention_has_no_map_to_show(tmp_path: Path) -> None:
    plain = train(plain_twin(tiny()), tmp_path / "plain", quiet=True)
    with pytest.raises(RegardError, match="no attention"):
        explain_images(plain, [picture(tmp_path / "a.png")], tmp_path / "out")
    assert not (tmp_path / "out").exists()
