"""Networks as large as another, the last layer with positions, and the VGG16 without its classifier."""

from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file

from regard.backbones import create_backbone, head_name, last_layer, match_width, size_of, take_head
from regard.models import AttentiveClassifier
from regard.types import RegardError

SHAPE = (3, 32, 32)


@pytest.mark.parametrize(
    ("name", "options", "target"),
    [
        ("compact", {}, 1_000_000),
        ("compact", {"widths": [24, 24, 48, 96]}, 150_000),
        ("vgg_cifar", {}, 3_000_000),
        ("wrn10_2", {}, 700_000),
        ("wrn", {"depth": 16, "width": 1}, 900_000),
    ],
)
def test_the_nearest_width_is_found_reproducibly(name: str, options: dict, target: int) -> None:
    matched = match_width(name, options, 10, SHAPE, target=target, by="parameters")
    assert matched == match_width(name, options, 10, SHAPE, target=target, by="parameters")
    size = size_of(create_backbone(matched[0], 10, **matched[1]), "parameters", SHAPE)
    assert abs(size / target - 1) < 0.03
    assert {key: value for key, value in matched[1].items() if key not in ("width", "widths")} == (
        {"depth": options.get("depth", 10)} if "wrn" in name else {}
    )


def test_by_operations_it_is_another_width_where_cost_lies_elsewhere() -> None:
    own = create_backbone("compact", 10, widths=(24, 24, 48, 96))
    for by in ("parameters", "flops"):
        target = size_of(own, by, SHAPE)
        assert match_width("compact", {}, 10, SHAPE, target=target, by=by)[1]["widths"] == [24, 24, 48, 96]
        assert match_width("compact", {}, 10, SHAPE, target=4 * target, by=by)[1]["widths"][3] in range(185, 200)
    assert own.training


def test_a_width_need_not_be_whole() -> None:
    model = create_backbone("wrn", 10, depth=10, width=1.5)
    assert [model.block1[0].conv2.out_channels, model.block2[0].conv2.out_channels] == [24, 48]
    half = create_backbone("vgg_cifar", 10, width=0.5)
    assert half.stem[0].out_channels == 32
    assert half.head.in_features == 256


def test_a_network_without_a_free_width_gets_a_hidden_layer() -> None:
    attended = AttentiveClassifier("tf_efficientnet_lite0", 50, at=["blocks.4"], attention="aib", latent=64)
    target = size_of(attended, "parameters", SHAPE)
    name, options = match_width("tf_efficientnet_lite0", {}, 50, SHAPE, target=target, by="parameters")
    plain = create_backbone(name, 50, **options)
    assert name == "tf_efficientnet_lite0"
    assert abs(size_of(plain, "parameters", SHAPE) / target - 1) < 0.001  # one unit more is 1,331 of 3.5 million
    assert [type(part).__name__ for part in plain.classifier] == ["Linear", "ReLU", "Linear"]
    assert plain.classifier[0].out_features == options["hidden"] > 50
    assert head_name(plain) == "classifier"
    groups = AttentiveClassifier(plain, 50, at=[], attention=None).parameter_groups(0.1, backbone_lr=0.01)
    head = {id(p) for group in groups if group["name"] == "head" for p in group["params"]}
    assert head == {id(p) for p in plain.classifier.parameters()}
    assert take_head(plain) == 1280
    assert plain.eval()(torch.rand(1, *SHAPE)).shape == (1, 1280)


def test_what_cannot_be_matched_is_named() -> None:
    with pytest.raises(RegardError, match=r"'resnet18' of 10000000 parameters: the nearest width is \+11.8% away"):
        match_width("resnet18", {}, 10, SHAPE, target=10_000_000, by="parameters")
    plain = size_of(create_backbone("resnet18", 10), "parameters", SHAPE)
    with pytest.raises(RegardError, match="a hidden layer of 2 units before 10 classes"):
        match_width("resnet18", {}, 10, SHAPE, target=plain - 4_000, by="parameters")
    with pytest.raises(RegardError, match=r"the nearest width is \+?-?\d+.\d% away"):
        match_width("compact", {"widths": [1, 1, 1, 1]}, 10, SHAPE, target=400, by="parameters")


@pytest.mark.parametrize(
    ("name", "options", "last"),
    [
        ("compact", {}, "stage3"),
        ("vgg_cifar", {"width": 0.1}, "project"),
        ("wrn10_1", {}, "relu"),
        ("resnet18", {}, "layer4"),
        ("tf_efficientnet_lite0", {}, "bn2"),
    ],
)
def test_last_layer(name: str, options: dict, last: str) -> None:
    assert last_layer(create_backbone(name, 10, **options), (3, 64, 64)) == last


def test_a_network_without_positions_has_no_last_layer() -> None:
    with pytest.raises(RegardError, match="no layer of Sequential returns"):
        last_layer(torch.nn.Sequential(torch.nn.Flatten(), torch.nn.Linear(12, 2)), (3, 2, 2))


def test_vgg16_takes_the_convolutions_of_a_whole_vgg16(tmp_path: Path) -> None:
    model = create_backbone("vgg16_conv", 7)
    assert model.features(torch.rand(1, 3, 32, 32)).shape == (1, 512, 2, 2)
    whole = {key: value for key, value in model.state_dict().items() if key.startswith("features.")}
    whole = {key: torch.full_like(value, 0.25) for key, value in whole.items()} | {"classifier.0.bias": torch.zeros(3)}
    save_file(whole, tmp_path / "vgg16.safetensors")
    read = create_backbone("vgg16_conv", 7, pretrained=tmp_path / "vgg16.safetensors")
    assert all((value == 0.25).all() for key, value in read.state_dict().items() if key.startswith("features."))
    with pytest.raises(RegardError, match="no published weights"):
        create_backbone("compact", 7, pretrained=True)
