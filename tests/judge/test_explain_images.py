"""Explaining a user's own images: the files, and that a bad image does not stop the others."""

import json
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from tests.training.tiny import tiny

from regard.explain import METHODS, explain
from regard.judge.explain_images import explain_images, parse_options
from regard.judge.subject import Subject, open_subject
from regard.training import load_run, plain_twin, train
from regard.types import RegardError


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return train(tiny(), tmp_path_factory.mktemp("runs") / "tiny", quiet=True)


@pytest.fixture(scope="module")
def subject(folder: Path) -> Subject:
    return open_subject(folder)


def picture(path: Path, size: tuple[int, int] = (40, 30), seed: int = 0) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    noise = np.random.default_rng(seed).integers(0, 255, (size[1], size[0], 3), dtype=np.uint8)
    Image.fromarray(noise).save(path)
    return path


def test_every_image_has_a_sheet_an_array_and_a_json_entry(folder: Path, subject: Subject, tmp_path: Path) -> None:
    images = [picture(tmp_path / "a.png"), picture(tmp_path / "b.jpg", (16, 50), seed=1)]
    result = explain_images(subject, images, tmp_path / "out")
    assert result.problems == result.notes == []
    _, model, data = load_run(folder)
    entries = json.loads((tmp_path / "out" / "explained.json").read_text())
    assert [item["image"] for item in entries] == [str(path) for path in images]
    for item in entries:
        with Image.open(tmp_path / "out" / item["picture"]) as sheet:
            assert sheet.width > sheet.height
        with np.load(tmp_path / "out" / item["arrays"]) as arrays:
            assert arrays["attention"].shape == (8, 8)
            assert arrays["image"].shape == (16, 16, 3)
            assert item["maps"]["attention"]["sum"] == pytest.approx(float(arrays["attention"].sum()), rel=1e-5)
            pixels = (arrays["image"] * 255 if arrays["image"].dtype.kind == "f" else arrays["image"]).astype(np.uint8)
        image = torch.from_numpy(pixels).permute(2, 0, 1)[None].float() / 255
        probabilities = model.predict(image)[0]
        assert item["prediction"] == data.classes[int(probabilities.argmax())]
        assert item["probabilities"][item["prediction"]] == pytest.approx(float(probabilities.max()), abs=1e-4)
        assert item["maps"]["attention"]["unit"] == "bits"
        assert len(item["probabilities"]) == 5


def test_bad_images_are_named_and_the_others_are_explained(subject: Subject, tmp_path: Path) -> None:
    good = picture(tmp_path / "good.png")
    cut = tmp_path / "cut.png"
    cut.write_bytes(good.read_bytes()[:300])
    (tmp_path / "words.jpg").write_text("no image")
    result = explain_images(
        subject, [cut, good, tmp_path / "absent.png", tmp_path / "words.jpg"], tmp_path / "deep" / "out"
    )
    problems = result.problems
    assert len(problems) == 3
    for name, problem in zip(("cut.png", "absent.png", "words.jpg"), problems, strict=True):
        assert name in problem
    entries = json.loads((tmp_path / "deep" / "out" / "explained.json").read_text())
    assert [Path(item["image"]).name for item in entries] == ["good.png"]


def test_two_images_of_one_name_get_different_files(subject: Subject, tmp_path: Path) -> None:
    images = [picture(tmp_path / "x" / "same.png"), picture(tmp_path / "y" / "same.png", seed=4)]
    explain_images(subject, images, tmp_path / "out")
    entries = json.loads((tmp_path / "out" / "explained.json").read_text())
    assert len({item["picture"] for item in entries}) == 2
    assert len(list((tmp_path / "out").glob("*.png"))) == 2


def test_a_run_without_attention_has_no_map_to_show(tmp_path: Path) -> None:
    plain = train(plain_twin(tiny()), tmp_path / "plain", quiet=True)
    with pytest.raises(RegardError, match="no attention"):
        explain_images(open_subject(plain), [picture(tmp_path / "a.png")], tmp_path / "out")
    assert not (tmp_path / "out").exists()


QUICK = parse_options(
    ["rise.samples=8", "iba.steps=2", "iba.samples=1", "smooth_grad.samples=2", "integrated_gradients.steps=2"]
)


def test_all_methods_side_by_side(subject: Subject, tmp_path: Path) -> None:
    images = [picture(tmp_path / "a.png"), picture(tmp_path / "b.png", seed=1)]
    learning = {"amortized_iba": {"learn_from": torch.rand(12, 3, 16, 16), "steps": 2, "bits": 60.0}}
    result = explain_images(subject, images, tmp_path / "out", methods=["all"], target="3", options=QUICK | learning)
    of_transformers = ("rollout", "gradient_rollout", "legrad", "attn_lrp")
    suited = [name for name in METHODS if name not in of_transformers]
    left_out = [note.split(":")[1].strip() for note in result.notes if note.startswith("left out")]
    assert left_out == [*of_transformers]
    entries = json.loads((tmp_path / "out" / "explained.json").read_text())
    for item in entries:
        assert list(item["maps"]) == suited
        assert item["target"] == subject.classes[3]
        with (
            np.load(tmp_path / "out" / item["arrays"]) as arrays,
            Image.open(tmp_path / "out" / item["picture"]) as drawn,
        ):
            assert set(arrays) == {*suited, "image"}
            assert drawn.width > 1500
            image = torch.from_numpy(arrays["image"]).permute(2, 0, 1)[None].float() / 255
            expected = explain(subject.model, image, "occlusion", target=torch.tensor([3]))
            np.testing.assert_allclose(arrays["occlusion"], expected.values[0, 0], atol=1e-4)
        for name, map in item["maps"].items():
            assert map["low"] <= map["high"], name
            assert map["seconds"] > 0
            assert map["unit"] == ("bits" if name in ("attention", "iba", "amortized_iba") else "relevance")


def test_unsuited_methods_and_targets_are_errors(subject: Subject, tmp_path: Path) -> None:
    image, out = [picture(tmp_path / "a.png")], tmp_path / "out"
    for methods, target, message in (
        (["rollout"], None, "rollout: Compact has no attention between tokens"),
        (["grad_cam", "riise"], None, "no method 'riise'; nearest: rise"),
        (["attention"], "dog", "class 'dog': .* has classes 0 to 9"),
        (["attention"], "10", "class '10'"),
    ):
        with pytest.raises(RegardError, match=message):
            explain_images(subject, image, out, methods=methods, target=target)
    assert not out.exists()


def test_a_map_of_zeros_has_a_note(subject: Subject, tmp_path: Path) -> None:
    grey = tmp_path / "grey.png"
    Image.new("RGB", (20, 20), "grey").save(grey)
    result = explain_images(subject, [grey], tmp_path / "out", methods=["occlusion", "uniform"])
    assert len(result.notes) == 1, "covering grey by its mean colour changes nothing"
    assert "grey.png: occlusion: 1 of 1 maps are zero everywhere" in result.notes[0]


def test_options_of_methods_are_read_as_yaml() -> None:
    assert parse_options(["rise.samples=200", "rise.score=logit"]) == {"rise": {"samples": 200, "score": "logit"}}
    for wrong in ("rise.samples", "samples=3", "rise.=3", "ries.samples=3"):
        with pytest.raises(RegardError, match=r"METHOD\.NAME=VALUE"):
            parse_options([wrong])
