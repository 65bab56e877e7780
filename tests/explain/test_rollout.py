"""Rollout against its formula on attention computed by hand, fused and not, with and without a class token."""

import pytest
import torch
from torch import Tensor, nn

from regard.backbones import create_backbone
from regard.explain import explain
from regard.explain.transformer import attention_matrices
from regard.types import RegardError

SIZE, GRID = (64, 48), (4, 3)


def vit(
    name: str = "vit_tiny_patch16_224", fused: bool = True, size: tuple[int, int] = SIZE, **options: object
) -> nn.Module:
    torch.manual_seed(0)
    model = create_backbone(name, 5, img_size=size, **options).eval()
    for module in model.modules():
        if isinstance(module, nn.Linear):
            nn.init.normal_(module.weight, std=0.15)  # attention far from uniform
        if hasattr(module, "fused_attn"):
            module.fused_attn = fused
    return model


def by_hand(model: nn.Module, images: Tensor) -> tuple[list[Tensor], Tensor]:
    """Matrices of a timm vision transformer and its logits, block by block from its weights."""
    x = model._pos_embed(model.patch_embed(images))
    x = model.norm_pre(x)
    matrices = []
    for block in model.blocks:
        attn, y = block.attn, block.norm1(x)
        q, k, v = attn.qkv(y).reshape(*y.shape[:2], 3, attn.num_heads, -1).permute(2, 0, 3, 1, 4)
        A = (q @ k.transpose(2, 3) * attn.head_dim**-0.5).softmax(-1)
        matrices.append(A)
        x = x + attn.proj((A @ v).transpose(1, 2).flatten(2))
        x = x + block.mlp(block.norm2(x))
    return matrices, model.forward_head(model.norm(x))


@pytest.mark.parametrize("fused", [True, False])
@pytest.mark.parametrize("options", [{}, {"class_token": False, "global_pool": "avg"}, {"reg_tokens": 2}])
def test_the_formulas_on_matrices_computed_by_hand(fused: bool, options: dict[str, object]) -> None:
    model = vit(fused=fused, **options)
    images, target = torch.rand(2, 3, *SIZE), torch.tensor([3, 0])
    matrices, logits = by_hand(model, images)
    torch.testing.assert_close(logits, model(images), rtol=1e-4, atol=1e-5)
    gradients = torch.autograd.grad(logits[[0, 1], target].sum(), matrices)
    N, prefix = matrices[0].shape[-1], model.num_prefix_tokens
    eye = torch.eye(N)
    for b in range(2):
        R, G = eye, eye
        for A, dA in zip(matrices, gradients, strict=True):
            mixed = 0.5 * A[b].mean(0).detach() + 0.5 * eye
            R = mixed @ R
            G = G + (A[b].detach() * dA[b]).clamp_min(0).mean(0) @ G
        for method, expected in (("rollout", R), ("gradient_rollout", G)):
            row = expected[0] if model.has_class_token else expected[prefix:].mean(0)
            map = explain(model, images, method, target=target)
            assert map.values.shape == (2, 1, *GRID)
            torch.testing.assert_close(map.values[b, 0], row[prefix:].view(GRID), rtol=1e-4, atol=1e-7)
    assert {m.fused_attn for m in model.modules() if hasattr(m, "fused_attn")} == {fused}


def test_recording_matrices_keeps_the_outputs_of_a_fused_network() -> None:
    for model in (vit(), vit("torchvision:vit_b_16", size=(32, 32))):
        size = (32, 32) if hasattr(model, "class_token") else SIZE
        images = torch.rand(1, 3, *size)
        plain = model(images)
        with attention_matrices(model) as matrices:
            torch.testing.assert_close(model(images), plain, rtol=1e-4, atol=1e-5)
        assert len(matrices) == 12
        for _, A in matrices:
            torch.testing.assert_close(A.sum(-1), torch.ones_like(A.sum(-1)))
        assert torch.equal(model(images), plain)


def test_torchvisions_matrices_are_torchs_own_weights() -> None:
    model = vit("torchvision:vit_b_16", size=(32, 32))
    images, theirs = torch.rand(1, 3, 32, 32), []

    def ask(module: nn.Module, args: tuple[Tensor, ...], out: tuple[Tensor, None]) -> None:
        theirs.append(nn.MultiheadAttention.forward(module, *args, need_weights=True, average_attn_weights=False)[1])

    handles = [block.self_attention.register_forward_hook(ask) for block in model.encoder.layers]
    model(images)
    for handle in handles:
        handle.remove()
    with attention_matrices(model) as matrices:
        model(images)
    for (_, ours), their in zip(matrices, theirs, strict=True):
        torch.testing.assert_close(ours, their, rtol=1e-4, atol=1e-6)
    assert explain(model, images, "gradient_rollout").values.shape == (1, 1, 2, 2)


def test_after_an_exception_attention_is_fused_as_before() -> None:
    model = vit()
    with pytest.raises(AssertionError), attention_matrices(model):
        model(torch.rand(1, 3, 30, 30).double())
    assert all(block.attn.fused_attn for block in model.blocks)
    assert not any(block.attn.attn_drop._forward_pre_hooks for block in model.blocks)


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("resnet18", "ResNet has no attention between tokens"),
        ("swin_tiny_patch4_window7_224", "attends within windows or changes its tokens"),
    ],
)
def test_networks_without_constant_tokens_are_named(name: str, message: str) -> None:
    model = create_backbone(name, 3, img_size=(64, 64), **({"window_size": 2} if "swin" in name else {}))
    with pytest.raises(RegardError, match=f"rollout: .*{message}"):
        explain(model, torch.rand(1, 3, 64, 64), "rollout")
