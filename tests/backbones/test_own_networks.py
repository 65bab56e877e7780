"""Sizes as in the papers, and that every own network trains at each supported image size."""

import pytest
import torch

from regard.backbones import BACKBONES, create_backbone, wrn_branch
from regard.types import RegardError


def size(model: torch.nn.Module) -> int:
    return sum(p.numel() for p in model.parameters())


def test_wrn_28_10_has_its_published_size() -> None:
    assert size(create_backbone("wrn28_10", 10)) == 36_479_194


def test_wrn_branch_doubles_the_channels_and_gives_one_map() -> None:
    branch = wrn_branch(8, 5).eval()
    assert branch(torch.randn(2, 8, 6, 4)).shape == (2, 1, 6, 4)
    assert [block.conv1.stride for block in branch[:4]] == [(1, 1)] * 4


def test_compact_is_small_with_a_grid_of_a_half() -> None:
    model = create_backbone("compact", 10)
    assert size(model) == 268_114
    assert model.stage1(model.stem(torch.rand(1, 3, 48, 48))).shape == (1, 24, 24, 24)
    assert model.attend_at == "stage1"


def test_vgg_cifar_attends_256_channels_on_16_by_16() -> None:
    assert create_backbone("vgg_cifar", 10).stem(torch.rand(1, 3, 32, 32)).shape == (1, 256, 16, 16)


@pytest.mark.parametrize("name", BACKBONES)
def test_every_own_network_trains_all_its_parameters(name: str) -> None:
    options = {"wrn": {"depth": 10, "width": 1}, "compact_vit": {"img_size": (32, 40)}}.get(name, {})
    model = create_backbone(name, 4, in_chans=1, **options)
    model(torch.rand(3, 1, 32, 40)).square().sum().backward()
    assert all(p.grad is not None and p.grad.abs().sum() > 0 for p in model.parameters() if p.ndim > 1)
    assert isinstance(model.get_submodule(model.attend_at), torch.nn.Module)


def test_compact_vit_has_a_token_a_patch_and_is_cut_behind_a_block() -> None:
    torch.manual_seed(0)
    model = create_backbone("compact_vit", 10, img_size=(32, 48), patch_size=8)
    assert model.patch_embed(torch.rand(2, 3, 32, 48)).shape == (2, 4 * 6, 128)
    assert model.num_prefix_tokens == 0
    marked = torch.zeros(1, 3, 32, 48)
    marked[..., :8, 40:48] = 5  # the patch in row 0, column 5
    changed = (model.eval().patch_embed(marked) - model.patch_embed(torch.zeros_like(marked))).abs().sum(2)
    row, column = divmod(int(changed.argmax()), 6)
    assert row <= 1
    assert column >= 4
    with pytest.raises(RegardError, match=r"patch_size=6 must be a power of two that divides the sides \(32, 48\)"):
        create_backbone("compact_vit", 10, img_size=(32, 48), patch_size=6)
    with pytest.raises(RegardError, match="patch_size=16"):
        create_backbone("compact_vit", 10, img_size=(32, 40), patch_size=16)


def test_wrn_depth_is_checked() -> None:
    with pytest.raises(RegardError, match="depth=27"):
        create_backbone("wrn27_2", 10)
