"""The cut test: bypasses of a gate are found and named."""

import copy

import pytest
import timm
import torch
from tests.backbones.toys import Chain, Half
from torch import nn

from regard.backbones import Cut, attach, create_backbone, cut_of


def cut_at(model: nn.Module, at: str | list[str], size: tuple[int, int] = (32, 32)) -> Cut:
    return cut_of(attach(model, at, Half, input_size=size))


@pytest.mark.parametrize("at", ["first", "second", "third", ["first", "third"]])
def test_a_chain_is_cut_anywhere(at: str | list[str]) -> None:
    assert cut_at(Chain(), at) == Cut(is_cut=True)


def test_a_skip_of_the_network_itself() -> None:
    cut = cut_at(Chain(skip=True), "second")
    assert cut == Cut(is_cut=False, bypasses=("a path of the network itself goes around second",))


def test_a_skip_is_named_by_the_innermost_module_around_it() -> None:
    cut = cut_at(timm.create_model("resnet18"), "layer3.0.conv1")
    assert cut.bypasses == ("a path inside layer3.0 goes around layer3.0.conv1",)


def test_a_branch_that_is_zero_at_the_start_is_a_bypass_still() -> None:
    model = timm.create_model("resnet18", zero_init_last=True)
    assert (model.layer3[0].bn2.weight == 0).all()
    cut = cut_at(model, "layer3.0.downsample")
    assert cut.bypasses == ("a path inside layer3.0 goes around layer3.0.downsample",)


def test_several_layers_are_tested_together() -> None:
    assert cut_at(timm.create_model("resnet18"), ["layer2.0.conv1", "layer3"]).is_cut
    cut = cut_at(timm.create_model("resnet18"), ["layer2.0.conv1", "layer3.1.conv2"])
    assert cut.bypasses == (
        "a path inside layer2.0 goes around layer2.0.conv1",
        "a path inside layer3.1 goes around layer3.1.conv2",
    )


def test_closing_both_paths_is_a_cut() -> None:
    class Two(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.left, self.right = nn.Conv2d(3, 4, 3), nn.Conv2d(3, 4, 3)

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            return (self.left(x) + self.right(x)).mean((2, 3))

    assert cut_at(Two(), ["left", "right"]).is_cut
    assert not cut_at(Two(), ["left"]).is_cut


def vit(**options) -> nn.Module:
    return timm.create_model("vit_tiny_patch16_224", depth=3, embed_dim=16, num_heads=2, img_size=(32, 32), **options)


def test_tokens_that_pass_unattended_are_named() -> None:
    assert cut_at(vit(), "blocks.1").bypasses == ("the class token passes blocks.1 unattended",)
    registers = cut_at(vit(reg_tokens=4), "blocks.1")
    assert registers.bypasses == ("5 prefix tokens (class token, registers) pass blocks.1 unattended",)


def test_a_transformer_is_cut_before_its_tokens_mix_or_after() -> None:
    assert cut_at(vit(), "patch_embed").is_cut
    assert cut_at(vit(global_pool="avg"), "blocks.2").is_cut
    assert cut_at(vit(class_token=False, global_pool="avg"), "blocks.1").is_cut


def test_a_skip_inside_a_transformers_block() -> None:
    cut = cut_at(vit(), "blocks.1.attn")
    assert cut.bypasses == (
        "the class token passes blocks.1.attn unattended",
        "a path inside blocks.1 goes around blocks.1.attn",
    )


def test_a_layer_outside_the_path_to_the_output() -> None:
    class Aside(Chain):
        def forward(self, images: torch.Tensor) -> torch.Tensor:
            self.third(self.first(images))
            return self.fc(self.second(self.first(images) * 1).mean((2, 3)))

    model = Aside()
    assert not cut_at(model, "third", (8, 8)).is_cut


def test_nothing_attached_is_no_cut() -> None:
    assert not cut_of(Chain()).is_cut


def test_the_cut_test_does_not_change_the_network() -> None:
    model = timm.create_model("resnet18", zero_init_last=True).train()
    model.bn1.eval()
    before = copy.deepcopy(model.state_dict())
    torch.manual_seed(0)
    expected = torch.rand(1)
    torch.manual_seed(0)
    attach(model, "layer3", Half, input_size=(32, 32))
    assert torch.equal(torch.rand(1), expected)
    assert model.training
    assert not model.bn1.training
    after = model.state_dict()
    assert all(torch.equal(v, after[k.replace("layer3.", "layer3.module.", 1)]) for k, v in before.items())
    assert not any(module._forward_hooks for module in model.modules())


@pytest.mark.parametrize("name", ["compact", "vgg_cifar", "wrn10_1"])
def test_own_networks_are_cut_at_their_default_layer(name: str) -> None:
    model = create_backbone(name, 3)
    assert cut_at(model, model.attend_at).is_cut
