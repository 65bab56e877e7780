"""Layers by default of networks that nobody listed: the last on which the prediction depends, in its own layout."""

import pytest
import timm
import torch
from torch import nn

from regard.backbones import last_layer, middle_layer
from regard.explain import explain
from regard.types import RegardError


class Reused(nn.Module):
    """One ReLU after each of two convolutions."""

    def __init__(self) -> None:
        super().__init__()
        self.c1, self.c2, self.relu, self.fc = nn.Conv2d(3, 8, 3), nn.Conv2d(8, 8, 3), nn.ReLU(), nn.Linear(8, 5)

    def forward(self, x):
        return self.fc(self.relu(self.c2(self.relu(self.c1(x)))).mean((2, 3)))


class Aside(Reused):
    """A last layer that the prediction does not use."""

    def __init__(self) -> None:
        super().__init__()
        self.unused = nn.Conv2d(8, 2, 1)

    def forward(self, x):
        h = self.c2(self.c1(x))
        self.unused(h.detach())
        return self.fc(h.mean((2, 3)))


@pytest.mark.parametrize("network", [Reused, Aside])
def test_the_last_layer_is_one_that_runs_once_and_is_used(network):
    assert last_layer(network().eval(), (3, 32, 32)) == "c2"


@pytest.mark.parametrize("method", ["grad_cam", "layer_cam", "hires_cam"])
def test_a_reused_activation_is_no_hindrance(method):
    torch.manual_seed(0)
    net = Reused().eval()
    maps = [explain(net, torch.rand(2, 3, 32, 32), method, layer=layer).values for layer in (None, "c2")]
    assert maps[0].shape == (2, 1, 28, 28)
    torch.manual_seed(1)
    x = torch.rand(1, 3, 32, 32)
    assert torch.equal(explain(net, x, method).values, explain(net, x, method, layer="c2").values)


def test_a_swin_is_read_at_its_last_stage():
    net = timm.create_model(
        "swin_tiny_patch4_window7_224", num_classes=5, embed_dim=24, depths=(1, 1, 1, 1), num_heads=(1, 2, 4, 8)
    ).eval()
    x = torch.rand(1, 3, 224, 224)
    values = explain(net, x, "grad_cam").values
    assert values.shape == (1, 1, 7, 7)
    assert torch.equal(values, explain(net, x, "grad_cam", layer="norm", layout="NHWC").values)
    with pytest.raises(RegardError, match="layout='banana'"):
        explain(net, x, "grad_cam", layer="norm", layout="banana")


def test_rollout_refuses_tokens_on_a_grid():
    net = timm.models.volo.VOLO(
        [1, 1, 1, 1],
        num_classes=5,
        embed_dims=[48, 96, 96, 96],
        num_heads=[3, 6, 6, 6],
        downsamples=(True, False, False, False),
        outlook_attention=(True, False, False, False),
    ).eval()
    for method in ("rollout", "gradient_rollout"):
        with pytest.raises(RegardError, match=rf"{method}: VOLO .*take another method"):
            explain(net, torch.rand(1, 3, 224, 224), method)


@pytest.mark.parametrize("choose", [last_layer, middle_layer])
def test_a_deep_transformer_does_not_run_once_a_block_to_choose_a_layer(choose) -> None:
    options = {"img_size": 32, "patch_size": 8, "embed_dim": 16, "num_heads": 2, "num_classes": 2, "depth": 12}
    network, runs = timm.create_model("vit_tiny_patch16_224", **options), []
    network.patch_embed.register_forward_hook(lambda *_: runs.append(1))
    assert choose(network, (3, 32, 32)).startswith("blocks.")
    assert len(runs) <= 2  # once more for the convolution of the patches


def test_a_classifier_of_zeros_says_nothing_about_its_layers() -> None:
    network = timm.create_model("mixer_s32_224", img_size=64, num_classes=2)  # whose head starts at zero
    assert not network.head.weight.any()
    assert last_layer(network, (3, 64, 64)) == "blocks.7"
    torch.nn.init.normal_(network.head.weight)
    assert last_layer(network, (3, 64, 64)) == "blocks.7"
