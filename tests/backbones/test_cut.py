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


class Silent(Chain):
    """A chain with a path around ``second`` that is silent for most images."""

    def __init__(self, path) -> None:
        super().__init__()
        self.path = path

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        x = self.first(images).relu()
        return self.fc(self.third((self.second(x) + self.path(images)).relu()).mean((2, 3)))


@pytest.mark.parametrize(
    "path",
    [
        lambda x: (0.2 - x.std()).relu(),  # silent for uniform noise
        lambda x: (x.mean() - 50).relu(),  # silent for all images in [0,1]
        lambda x: x.mean((1, 2, 3), keepdim=True).clamp(100, 200) - 100,
        lambda x: nn.functional.hardtanh(x.amax((1, 2, 3), keepdim=True) + 60, -1, 1) - 1,
        lambda x: 0 * x[:, :1],  # nothing passes, but nothing says so either
        lambda x: x[:, :1].round() * 1e-12,
        lambda x: (0.2 - x.detach().std()).relu(),  # no gradient
        lambda x: (x.std() < 0.1).float(),  # no gradient
        lambda x: x.detach()[:, :1],
    ],
)
def test_a_path_that_is_silent_for_most_images_is_a_bypass(path) -> None:
    cut = cut_at(Silent(path), "second")
    assert cut == Cut(is_cut=False, bypasses=("a path of the network itself goes around second",))


@pytest.mark.parametrize(
    "constant",
    [
        lambda x: x.new_ones(1),
        lambda x: torch.zeros_like(x)[:, :1],
        lambda x: x.shape[-1] / 100,
    ],
)
def test_what_does_not_depend_on_the_images_content_is_no_bypass(constant) -> None:
    assert cut_at(Silent(constant), "second").is_cut


def test_a_silent_path_is_named_by_the_innermost_module_around_it() -> None:
    class Block(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.conv = nn.Conv2d(3, 4, 3, padding=1)

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            return self.conv(x) + (x.mean() - 50).relu_()

    class Outer(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.block, self.fc = Block(), nn.Linear(4, 2)

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            return self.fc(self.block(x).relu_().mean((2, 3)))

    assert cut_at(Outer(), "block.conv").bypasses == ("a path inside block goes around block.conv",)
    assert cut_at(Outer(), "block").is_cut


def test_a_silent_path_of_a_compiled_or_frozen_network_is_found() -> None:
    for model in (Silent(lambda x: (x.mean() - 50).relu()), Chain()):
        frozen = copy.deepcopy(model).requires_grad_(False)
        assert cut_at(frozen, "second").is_cut is not isinstance(model, Silent)
        model.compile(backend="eager")
        assert cut_at(model, "second").is_cut is not isinstance(model, Silent)


def test_a_class_token_beside_a_silent_path_is_not_blamed_for_it() -> None:
    class Beside(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.vit = vit(global_pool="avg")

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            return self.vit(x) + (x.mean() - 50).relu()

    assert cut_at(vit(global_pool="avg"), "blocks.2").is_cut
    network = Beside()
    network.patch_embed, network.num_prefix_tokens = network.vit.patch_embed, 1
    assert cut_at(network, "vit.blocks.2").bypasses == ("a path of the network itself goes around vit.blocks.2",)
