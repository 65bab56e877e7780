"""Backbones by name, and the options passed on to the libraries."""

import pytest
import timm
import torch
import torchvision

from regard.backbones import create_backbone
from regard.backbones.networks.cifar import Wrn
from regard.backbones.networks.compact import Compact
from regard.types import RegardError


def test_own_names_come_first_and_carry_their_size() -> None:
    assert isinstance(create_backbone("compact", 3), Compact)
    model = create_backbone("wrn10_2", 3)
    assert isinstance(model, Wrn)
    assert model.head.in_features == 128


def test_timm_comes_before_torchvision_without_a_prefix() -> None:
    assert isinstance(create_backbone("resnet18", 3), timm.models.ResNet)
    theirs = create_backbone("torchvision:resnet18", 3)
    assert isinstance(theirs, torchvision.models.ResNet)
    assert theirs.fc.out_features == 3
    assert isinstance(create_backbone("timm:resnet18", 3), timm.models.ResNet)


def test_torchvision_alone() -> None:
    assert isinstance(create_backbone("shufflenet_v2_x0_5", 3), torchvision.models.ShuffleNetV2)


@pytest.mark.parametrize(
    ("name", "near"),
    [("resnet81", "resnet18"), ("comapct", "compact"), ("torchvision:resnet81", "resnet18"), ("hub:x", "nearest")],
)
def test_an_unknown_name_lists_the_nearest(name: str, near: str) -> None:
    with pytest.raises(RegardError, match=near) as error:
        create_backbone(name, 3)
    assert name in str(error.value)


def test_a_timm_name_is_not_searched_in_torchvision() -> None:
    with pytest.raises(RegardError, match="no backbone 'torchvision:convnextv2_atto'"):
        create_backbone("torchvision:convnextv2_atto", 3)


def test_image_size_reaches_networks_that_are_built_for_one_and_no_others() -> None:
    vit = create_backbone("vit_tiny_patch16_224", 3, img_size=(32, 64), depth=1)
    assert vit.patch_embed.grid_size == (2, 4)
    assert create_backbone("resnet18", 3, img_size=(32, 64)).fc.out_features == 3


def test_torchvision_vit_is_square() -> None:
    with pytest.raises(RegardError, match="square"):
        create_backbone("vit_b_16", 3, img_size=(32, 64))


def test_channels() -> None:
    assert create_backbone("resnet18", 3, in_chans=1)(torch.rand(2, 1, 32, 32)).shape == (2, 3)
    with pytest.raises(RegardError, match="3 channels"):
        create_backbone("alexnet", 3, in_chans=1)


def test_an_unknown_option_is_an_error_of_ours() -> None:
    with pytest.raises(RegardError, match="widht"):
        create_backbone("compact", 3, widht=2)


def test_networks_with_auxiliary_classifiers_return_one_tensor() -> None:
    model = create_backbone("torchvision:googlenet", 3).train()
    assert model(torch.rand(2, 3, 64, 64)).shape == (2, 3)


def test_ours_have_no_published_weights() -> None:
    with pytest.raises(RegardError, match="no published weights"):
        create_backbone("compact", 3, pretrained=True)
