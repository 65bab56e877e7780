"""A first convolution for other channels: pretrained filters repeated, new ones initialized again."""

import copy

import pytest
import torch
from torch import nn

from regard.backbones import create_backbone, inflate
from regard.types import RegardError


@pytest.mark.parametrize("name", ["compact", "resnet18", "torchvision:alexnet", "tf_efficientnet_lite0", "compact_vit"])
def test_any_network_takes_flow(name):
    model = inflate(create_backbone(name, 5, img_size=(64, 64)), 6, pretrained=False).eval()
    assert model(torch.rand(2, 6, 64, 64)).shape == (2, 5)


def test_pretrained_filters_keep_their_response_to_an_edge():
    torch.manual_seed(0)
    model = create_backbone("resnet18", 5).eval()
    before = copy.deepcopy(model)
    inflate(model, 10, pretrained=True)
    edge = torch.rand(2, 1, 64, 64)  # the same in all channels
    assert torch.allclose(model(edge.expand(-1, 10, -1, -1)), before(edge.expand(-1, 3, -1, -1)), atol=1e-5)
    assert model.conv1.weight[:, 0].equal(model.conv1.weight[:, 9])


def test_new_filters_are_initialized_independently_at_their_own_scale():
    torch.manual_seed(0)
    model = inflate(create_backbone("compact", 5), 10, pretrained=False)
    weight = model.stem[0].weight
    assert not weight[:, 0].equal(weight[:, 1])
    assert weight.abs().max() <= 1 / (10 * 25) ** 0.5 + 1e-6  # uniform, by the number of inputs


def test_a_network_without_such_a_layer_is_refused():
    with pytest.raises(RegardError, match="does not begin with a convolution of three channels"):
        inflate(nn.Sequential(nn.Flatten(), nn.Linear(4, 2)), 6, pretrained=False)
