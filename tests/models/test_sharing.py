"""Folders in Hugging Face format: writing, reading, and refused folders."""

import json
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file
from tests.backbones.toys import Chain, Half

from regard.backbones import create_backbone
from regard.models import AttentiveClassifier
from regard.types import RegardError


def small(**arguments) -> AttentiveClassifier:
    options = {"input_size": (16, 16), "backbone_options": {"widths": [4, 6, 8, 8]}, **arguments}
    return AttentiveClassifier("compact", 3, **options)


def test_a_folder_holds_configuration_and_tensors_only(tmp_path: Path) -> None:
    model = small(anchors=4, latent=4, normalize=((0.5,) * 3, (0.25,) * 3), multi_label=True)
    model.save_pretrained(tmp_path / "new" / "folder")
    assert {file.name for file in (tmp_path / "new" / "folder").iterdir()} == {"config.json", "model.safetensors"}
    config = json.loads((tmp_path / "new" / "folder" / "config.json").read_text())
    assert config["schema"] == 2
    assert config["arguments"]["at"] == ["stage1"]
    again = AttentiveClassifier.from_pretrained(tmp_path / "new" / "folder")
    assert not again.training
    images = torch.rand(2, 3, 16, 16)
    assert torch.equal(again.predict(images), model.predict(images))
    assert again.multi_label
    again.save_pretrained(tmp_path / "twice")
    assert json.loads((tmp_path / "twice" / "config.json").read_text()) == config
    state = load_file(tmp_path / "twice" / "model.safetensors")
    assert all(torch.equal(state[key], value) for key, value in model.state_dict().items())


def test_objects_that_no_name_rebuilds_cannot_be_saved(tmp_path: Path) -> None:
    model = AttentiveClassifier(Chain(), 3, at="second", input_size=(8, 8))
    with pytest.raises(RegardError, match=r"backbone is an object.*state_dict"):
        model.save_pretrained(tmp_path)
    with pytest.raises(RegardError, match="attention is an object"):
        small(attention=Half).save_pretrained(tmp_path)
    with pytest.raises(RegardError, match="plain data"):
        small(attention_options={"head": torch.nn.Conv2d(6, 1, 1)}).save_pretrained(tmp_path)
    assert not list(tmp_path.iterdir())


def test_foreign_folders_are_refused(tmp_path: Path) -> None:
    with pytest.raises(RegardError, match=r"no config\.json"):
        AttentiveClassifier.from_pretrained(tmp_path)
    small().save_pretrained(tmp_path)
    path = tmp_path / "config.json"
    config = json.loads(path.read_text())
    for text, words in [
        ("{", "is not JSON"),
        ("[]", "does not describe"),
        (json.dumps({**config, "schema": 99}), "schema 99"),
        (json.dumps({**config, "class": "Segmenter"}), "Segmenter"),
        (json.dumps({**config, "arguments": {**config["arguments"], "colour": 1}}), "colour"),
    ]:
        path.write_text(text)
        with pytest.raises(RegardError, match=words):
            AttentiveClassifier.from_pretrained(tmp_path)


def test_weights_of_another_architecture_are_named(tmp_path: Path) -> None:
    small(latent=4).save_pretrained(tmp_path)
    small(latent=8).save_pretrained(tmp_path / "other")
    (tmp_path / "model.safetensors").write_bytes((tmp_path / "other" / "model.safetensors").read_bytes())
    with pytest.raises(RegardError, match="of another size"):
        AttentiveClassifier.from_pretrained(tmp_path)


def test_an_architecture_checkpoint_of_a_plain_network_is_refused(tmp_path: Path) -> None:
    from safetensors.torch import save_file

    small().save_pretrained(tmp_path)
    save_file(create_backbone("wrn10_1", 3).state_dict(), tmp_path / "model.safetensors")
    with pytest.raises(RegardError, match="missing"):
        AttentiveClassifier.from_pretrained(tmp_path)


def test_no_such_folder_nor_hub() -> None:
    with pytest.raises(RegardError, match="neither a folder nor"):
        AttentiveClassifier.from_pretrained("./no/such/folder/here")


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        ({}, {"learned_std": True}),
        ({"initial": 0.6}, {"initial": 0.6, "learned_std": True}),
        ({"initial_std": 0.2}, {"initial_std": 0.2}),
        ({"initial_std": 0.2, "learned_std": False}, {"initial_std": 0.2, "learned_std": False}),
    ],
)
def test_a_model_of_version_0_1_is_read_as_it_was(options: dict, expected: dict, tmp_path: Path) -> None:
    """Its spread was learned, its normalisations had one set of statistics, and no map had a budget."""
    old = small(attention_options={"learned_std": True} | options, statistics="shared").eval()
    old.save_pretrained(tmp_path)
    config = json.loads((tmp_path / "config.json").read_text())
    arguments = {k: v for k, v in config["arguments"].items() if k not in ("statistics", "prediction")}
    arguments["attention_options"] = options or None
    (tmp_path / "config.json").write_text(json.dumps({**config, "schema": 1, "arguments": arguments}))
    loaded = AttentiveClassifier.from_pretrained(tmp_path)
    assert loaded.config["attention_options"] == expected
    assert loaded.config["statistics"] == "shared"
    assert loaded.state_dict().keys() == old.state_dict().keys()
    images = torch.rand(3, 3, *loaded.shape[1:])
    assert torch.equal(loaded.predict(images), old.predict(images))
