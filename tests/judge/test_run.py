"""`regard.judge` as a function: any model, any images, files only where a folder is given."""

import json
import sys

import numpy as np
import pytest
import torch
from PIL import Image
from tests.training.tiny import tiny
from timm.data.transforms_factory import create_transform

from regard.backbones import create_backbone
from regard.cli import main
from regard.evaluation import open_sample
from regard.judge import judge, read_judge_results
from regard.models import AttentiveClassifier
from regard.training import train
from regard.types import RegardError

QUICK = {"methods": "grad_cam,uniform", "metrics": ["drop"], "again": 2, "steps": 2}


@pytest.fixture(scope="module")
def images():
    return torch.rand(3, 3, 16, 16, generator=torch.Generator().manual_seed(0))


def test_a_classifier_and_tensors_write_no_file(images, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    torch.manual_seed(0)
    results = judge(AttentiveClassifier("compact", 3, input_size=(16, 16)), images, **QUICK)
    assert [m.name for m in results.methods] == ["grad_cam", "uniform"]
    assert results.data.images == 3
    assert "3 images of 'images': 2 methods" in repr(results)
    frame = results.to_frame()
    assert len(frame) == len(results.rows)
    assert set(frame["measure"]) == {m.key for m in results.measures}
    assert list(tmp_path.iterdir()) == []


def test_another_network_is_wrapped_and_not_changed(images, tmp_path):
    torch.manual_seed(0)
    network = create_backbone("resnet10t", 4).train()
    before = {name: value.clone() for name, value in network.state_dict().items()}
    results = judge(network, images, layer="layer2", out=tmp_path / "judged", **QUICK)
    assert network.training
    assert all(torch.equal(value, before[name]) for name, value in network.state_dict().items())
    assert results.model.parameters == sum(p.numel() for p in network.parameters())
    assert repr(read_judge_results(tmp_path / "judged")) == repr(results)
    assert (tmp_path / "judged" / "report.html").is_file()


def test_a_run_has_its_own_images_and_a_folder_gives_others(tmp_path):
    run = train(tiny(), tmp_path / "run", quiet=True)
    assert judge(run, count=2, **QUICK).data.name.endswith(f"split of {run}")
    (tmp_path / "images").mkdir()
    for k in range(2):
        pixels = np.random.default_rng(k).integers(0, 256, (20, 24, 3), dtype=np.uint8)
        Image.fromarray(pixels).save(tmp_path / "images" / f"{k}.png")
    assert judge(str(run), tmp_path / "images", **QUICK).data.names == ("0.png", "1.png")


@pytest.mark.parametrize(
    "preparation",
    [
        {"crop_pct": 0.875, "interpolation": "bicubic", "crop_mode": "center"},
        {"crop_pct": 1.0, "interpolation": "bilinear", "crop_mode": "squash"},
        {"crop_pct": 0.5, "interpolation": "bicubic"},
    ],
)
def test_pictures_of_a_folder_are_prepared_as_the_weights_want(preparation, tmp_path, monkeypatch):
    """As timm's own evaluation transform has them, which is what `explain` and `predict` show."""
    for k, size in enumerate([(40, 30), (24, 60), (33, 33)]):
        pixels = np.random.default_rng(k).integers(0, 256, (*size, 3), dtype=np.uint8)
        Image.fromarray(pixels).save(tmp_path / f"{k}.png")
    model = AttentiveClassifier("compact", 3, input_size=(16, 16), preparation=preparation)
    seen = []
    monkeypatch.setattr(
        sys.modules["regard.judge.run"], "judge_methods", lambda _, sample, *__, **___: seen.append(sample)
    )
    judge(model, tmp_path, **QUICK)
    (sample,) = seen
    own = create_transform((3, 16, 16), **preparation, mean=(0,) * 3, std=(1,) * 3)
    for image, name in zip(sample.images, sample.names, strict=True):
        assert torch.equal(image, own(Image.open(tmp_path / name)))
        assert torch.equal(image, model.prepare(tmp_path / name)[0])


def test_without_published_weights_pictures_are_just_covered(tmp_path):
    pixels = np.random.default_rng(0).integers(0, 256, (32, 48, 3), dtype=np.uint8)
    for k in range(2):
        Image.fromarray(pixels).save(tmp_path / f"{k}.png")
    by_hand = np.array(Image.fromarray(pixels).resize((24, 16), Image.Resampling.BILINEAR).crop((4, 0, 20, 16)))
    for prepare in (None, AttentiveClassifier("compact", 3, input_size=(16, 16)).prepare):
        sample = open_sample(str(tmp_path), 2, (16, 16), prepare=prepare)
        assert torch.equal(sample.images[0], torch.from_numpy(by_hand).permute(2, 0, 1) / 255)


def test_a_damaged_image_is_named_and_the_others_are_judged(tmp_path, capsys):
    folder = tmp_path / "images"
    folder.mkdir()
    for k in range(4):
        pixels = np.random.default_rng(k).integers(0, 256, (20, 24, 3), dtype=np.uint8)
        Image.fromarray(pixels).save(folder / f"{k}.png")
    (folder / "._0.png").write_bytes(b"Mac")
    (folder / "1.png").write_bytes((folder / "1.png").read_bytes()[:200])
    (folder / "9.jpg").write_bytes(b"")
    AttentiveClassifier("compact", 3, input_size=(16, 16)).save_pretrained(tmp_path / "model")
    options = [f"--{name}={','.join(v) if isinstance(v, list) else v}" for name, v in QUICK.items()]
    where = ["--model", str(tmp_path / "model"), "--data", str(folder), "--out", str(tmp_path / "out")]
    assert main(["judge", *where, *options, "--json"]) == 1
    out, err = capsys.readouterr()
    assert json.loads(out)["data"]["names"] == ["0.png", "2.png", "3.png"]
    assert sorted(line.partition(": ")[2].partition(": ")[0] for line in err.splitlines()) == [
        str(folder / "1.png"),
        str(folder / "9.jpg"),
    ]
    assert "2 images that cannot be read" in (tmp_path / "out" / "report.html").read_text()


def test_unsupported_input_is_an_error(images):
    with pytest.raises(RegardError, match="untrained"):
        judge("resnet10t", images, **QUICK)
    network = AttentiveClassifier("compact", 3, input_size=(16, 16))
    with pytest.raises(RegardError, match="not a run"):
        judge(network, **QUICK)
    with pytest.raises(RegardError, match="at least 2 images"):
        judge(network, images[:1], **QUICK)
    with pytest.raises(RegardError, match=r"expected logits \(B,n\)"):
        judge(torch.nn.Conv2d(3, 4, 3), images, **QUICK)
    with pytest.raises(RegardError, match="nearest: grad_cam"):
        judge(network, images, methods="gradcam", metrics="drop")
