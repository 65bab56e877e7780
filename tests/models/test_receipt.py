"""A receipt holds what was bought, is about as long as stated, and gives the prediction without the image."""

import math
import zlib
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from tests.models.test_glance import SIZE, build, pixels

from regard.cli import main
from regard.models import AttentiveClassifier, Receipt, check_receipt, make_receipt, read_receipt, write_receipt
from regard.types import RegardError

pytest.importorskip("constriction")
VIEWS = ["patches", "crop", "masked", "patches, three looks"]


@pytest.mark.parametrize("name", VIEWS)
def test_the_prediction_is_made_again_from_the_file_alone(name: str, tmp_path: Path) -> None:
    model = build(name)
    for seed in range(20):
        image = torch.rand(1, 3, *SIZE, generator=torch.Generator().manual_seed(seed)).mul(255).round() / 255
        receipt = make_receipt(model, image)
        read = read_receipt(write_receipt(receipt, tmp_path / "one.receipt"), model)
        assert torch.equal(read.bought, receipt.bought)
        assert torch.equal(read.pixels, receipt.pixels)
        map_ = model.explain(image).values
        kept = torch.where(pixels(map_), (image * 255).round(), torch.zeros_like(image)).byte()
        assert torch.equal(read.image(), kept)
        prediction, probability, same = check_receipt(model, read)
        assert same
        expected = model.predict(image)[0]
        assert prediction == int(expected.argmax())
        assert probability == pytest.approx(float(expected.max()), abs=1e-5)


@pytest.mark.parametrize(("name", "choices"), [("patches", math.comb(48, 12)), ("crop", 4 * 5)])
def test_its_length_is_what_is_stated_and_a_head(name: str, choices: int) -> None:
    model = build(name)
    receipt = make_receipt(model, torch.rand(1, 3, *SIZE))
    stated = math.log2(choices) + 8 * 12 * 3 * 8 * 8
    assert receipt.stated_bits == pytest.approx(stated, abs=1e-3)
    assert stated < 8 * len(receipt.to_bytes()) < 1.1 * stated


@pytest.mark.parametrize("name", VIEWS)
@pytest.mark.parametrize("kind", ["first", "last", "spread"])
def test_every_choice_is_coded(name: str, kind: str) -> None:
    model = build(name)
    receipt = make_receipt(model, torch.rand(1, 3, *SIZE))
    bought = torch.zeros(6, 8, dtype=torch.bool)
    if name == "crop":
        top, left = {"first": (0, 0), "last": (3, 4), "spread": (1, 2)}[kind]
        bought[top : top + 3, left : left + 4] = True
    else:
        places = {"first": range(12), "last": range(36, 48), "spread": range(2, 48, 4)}[kind]
        bought.view(-1)[list(places)] = True
    content = replace(receipt, bought=bought).to_bytes()
    assert torch.equal(Receipt.from_bytes(content, model).bought, bought)


def test_a_forged_prediction_is_noticed() -> None:
    model = build("patches")
    receipt = make_receipt(model, torch.rand(1, 3, *SIZE))
    other = (receipt.prediction + 1) % 5
    assert not check_receipt(model, replace(receipt, prediction=other))[2]
    assert not check_receipt(model, replace(receipt, probability=receipt.probability - 0.01))[2]
    assert check_receipt(model, replace(receipt, pixels=255 - receipt.pixels))[:2] != (
        receipt.prediction,
        receipt.probability,
    )


def with_checksum(body: bytes) -> bytes:
    return body + zlib.crc32(body).to_bytes(4, "little")


def test_what_is_no_receipt_of_the_model_is_refused(tmp_path: Path) -> None:
    model = build("patches")
    content = make_receipt(model, torch.rand(1, 3, *SIZE)).to_bytes()
    for wrong, message in (
        (b"", "x: no receipt"),
        (b"PNG" + content[3:], "x: no receipt"),
        (content[:-1], "x: the receipt is damaged"),
        (content[:200] + bytes([content[200] ^ 1]) + content[201:], "x: the receipt is damaged"),
        (with_checksum(content[:-100]), "x: the receipt's sizes do not fit"),
    ):
        with pytest.raises(RegardError, match=message):
            Receipt.from_bytes(wrong, model, "x")
    with torch.no_grad():
        model.trunk.network.head.bias[0] += 1e-3  # type: ignore[union-attr,index,operator]
    with pytest.raises(RegardError, match="of another model"):
        Receipt.from_bytes(content, model, "x")
    with pytest.raises(RegardError, match="computes every pixel"):
        make_receipt(AttentiveClassifier("compact", 3, input_size=(16, 16)), torch.rand(1, 3, 16, 16))  # type: ignore[arg-type]
    with pytest.raises(RegardError, match="2 images; a receipt is of one"):
        make_receipt(model, torch.rand(2, 3, *SIZE))
    with pytest.raises(RegardError, match="is missing"):
        read_receipt(tmp_path / "absent", model)


def test_by_command(tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    build("crop", classes=["ant", "bee", "cat", "dog", "elk"]).save_pretrained("model")
    Image.fromarray(np.random.default_rng(0).integers(0, 256, (*SIZE, 3), dtype=np.uint8)).save("one.png")
    assert main(["receipt", "one.png", "--run", "model"]) == 0
    line = capsys.readouterr().out
    assert line.startswith("one.receipt: ")
    assert "from 12 of 48 patches; " in line
    Path("one.png").unlink()
    assert main(["receipt", "--check", "one.receipt", "--run", "model"]) == 0
    checked = capsys.readouterr().out
    assert checked.endswith(", as it says\n")
    assert checked.split(",")[0] in line  # file, class and probability
    content = bytearray(Path("one.receipt").read_bytes())
    content[5 + 16 + 14 : 5 + 16 + 18] = bytes([(content[5 + 16 + 14] + 1) % 5, 0, 0, 0])  # another class
    Path("forged").write_bytes(with_checksum(bytes(content[:-4])))
    assert main(["receipt", "--check", "forged", "--run", "model"]) == 1
    assert "but it says" in capsys.readouterr().out
    for wrong in (["one.receipt", "--check", "forged"], [], ["--check", "forged", "--out", "x"]):
        assert main(["receipt", *wrong, "--run", "model"]) == 2
    assert main(["receipt", "--check", "forged", "--run", "absent"]) == 2
