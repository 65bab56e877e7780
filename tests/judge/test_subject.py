"""Models opened by the name that a user gives."""

from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file

from regard.backbones import LITE0_WEIGHTS, create_backbone
from regard.judge.subject import open_subject
from regard.models import AttentiveClassifier
from regard.types import RegardError


def test_a_saved_classifier(tmp_path: Path) -> None:
    torch.manual_seed(0)
    model = AttentiveClassifier("compact", 4, input_size=(16, 16)).eval()
    model.save_pretrained(tmp_path / "mine")
    subject = open_subject(tmp_path / "mine")
    images = torch.rand(2, 3, 16, 16)
    assert torch.equal(subject.model.predict(images), model.predict(images))
    assert subject.classes == ("0", "1", "2", "3")
    assert subject.size == (16, 16)
    assert subject.target("3") == 3
    with pytest.raises(RegardError, match="has its own"):
        open_subject(tmp_path / "mine", weights="pretrained")


def test_packaged_weights_need_no_download() -> None:
    subject = open_subject("tf_efficientnet_lite0")
    assert subject.model.config["normalize"][0][0] == pytest.approx(127 / 255)
    assert subject.target("tabby, tabby cat") == 281
    assert subject.target("tabby cat") == 281
    for name in ("crane", "wagon"):
        with pytest.raises(RegardError, match=f"'{name}' names classes [0-9]+ and [0-9]+; give the number"):
            subject.target(name)
    assert subject.classes[0] == "tench, Tinca tinca"
    assert not subject.model.at
    named = AttentiveClassifier("tf_efficientnet_lite0", 1000, attention=None, pretrained=LITE0_WEIGHTS)
    images = torch.rand(1, 3, 64, 64)
    torch.testing.assert_close(subject.model.predict(images), named.predict(images))


def test_a_weights_file_gives_the_number_of_classes(tmp_path: Path) -> None:
    torch.manual_seed(0)
    network = create_backbone("resnet10t", 7)
    file = tmp_path / "seven.safetensors"
    save_file(network.state_dict(), file)
    subject = open_subject("resnet10t", weights=str(file))
    assert subject.classes == tuple("0123456")
    assert torch.equal(subject.model.trunk.fc.weight, network.fc.weight)
    save_file({"a": torch.zeros(1)}, file)
    with pytest.raises(RegardError, match=r"has no classifier fc\.weight"):
        open_subject("resnet10t", weights=str(file))


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("resnet10t", "resnet10t without weights is untrained, so its maps mean nothing; give --weights FILE"),
        ("resnet10x", "model 'resnet10x': no such folder, and no backbone 'resnet10x'; nearest: .*resnet10t"),
    ],
)
def test_ambiguous_names_are_errors(name: str, message: str) -> None:
    with pytest.raises(RegardError, match=message):
        open_subject(name)


def test_an_empty_folder_is_no_model(tmp_path: Path) -> None:
    with pytest.raises(RegardError, match="not a run folder"):
        open_subject(tmp_path)
