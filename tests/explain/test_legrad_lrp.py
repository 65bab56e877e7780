"""LeGrad and AttnLRP: closed forms on a block that is linear, the formulas by hand, and conservation."""

import pytest
import torch
from tests.explain.test_rollout import GRID, SIZE, vit
from torch import Tensor, nn

from regard.backbones import create_backbone
from regard.explain import explain
from regard.types import RegardError

READS = [{}, {"class_token": False, "global_pool": "avg"}, {"reg_tokens": 2}]


def small(**options: object) -> nn.Module:
    """A transformer of two blocks with weights that are far from zero."""
    return vit(depth=2, embed_dim=24, num_heads=3, **options)


def one_block(heads: int = 2) -> nn.Module:
    """One block without normalisation and MLP: the class token adds sum over heads and tokens of A P v."""
    model = vit(depth=1, embed_dim=8, num_heads=heads)
    block = model.blocks[0]
    block.norm1, block.norm2, model.norm, block.mlp = nn.Identity(), nn.Identity(), nn.Identity(), Zero()
    return model


class Zero(nn.Module):
    def forward(self, x: Tensor) -> Tensor:
        return 0 * x


def entered(model: nn.Module, images: Tensor) -> Tensor:
    """Tokens of the first block."""
    return model.norm_pre(model._pos_embed(model.patch_embed(images)))


def values_of(model: nn.Module, x: Tensor) -> tuple[Tensor, Tensor]:
    """Matrix (B,h,N,N) and each head's values after the projection (B,h,N,D), of the first block."""
    attn = model.blocks[0].attn
    q, k, v = attn.qkv(model.blocks[0].norm1(x)).unflatten(2, (3, attn.num_heads, -1)).permute(2, 0, 3, 1, 4)
    A = (q @ k.transpose(2, 3) * attn.head_dim**-0.5).softmax(-1)
    out = attn.proj.weight.unflatten(1, (attn.num_heads, -1))  # (D,h,d)
    return A, torch.einsum("bhnd,ehd->bhne", v, out)


@pytest.mark.parametrize("heads", [1, 2, 4])
def test_legrad_of_one_linear_block_in_closed_form(heads: int) -> None:
    """d s / d A[h,0,j] is the class's weight times what the head's value of token j adds; other rows are not read."""
    model, images = one_block(heads), torch.rand(2, 3, *SIZE)
    target = torch.tensor([1, 4])
    _, values = values_of(model, entered(model, images))
    gradient = torch.einsum("bhne,be->bhn", values, model.head.weight[target]).relu()
    N = gradient.shape[2]
    expected = gradient.mean(1)[:, 1:].view(2, 1, *GRID) / N
    map = explain(model, images, "legrad", target=target)
    torch.testing.assert_close(map.values, expected.detach(), rtol=1e-4, atol=1e-6)
    assert float(map.values.max()) > 0


@pytest.mark.parametrize("fused", [True, False])
@pytest.mark.parametrize("options", READS)
@pytest.mark.parametrize("blocks", [None, 1, 2])
def test_legrad_is_its_formula(fused: bool, options: dict[str, object], blocks: int | None) -> None:
    model = small(fused=fused, **options)
    images, target = torch.rand(2, 3, *SIZE), torch.tensor([3, 0])
    x, found = entered(model, images), []
    for block in model.blocks:
        attn = block.attn
        q, k, v = attn.qkv(block.norm1(x)).unflatten(2, (3, attn.num_heads, -1)).permute(2, 0, 3, 1, 4)
        A = (q @ k.transpose(2, 3) * attn.head_dim**-0.5).softmax(-1)
        x = x + attn.proj((A @ v).transpose(1, 2).flatten(2))
        x = x + block.mlp(block.norm2(x))
        score = model.forward_head(model.norm(x))[[0, 1], target].sum()
        found.append(torch.autograd.grad(score, A, retain_graph=True)[0].relu().mean((1, 2)))
    merged = torch.stack(found[-(blocks or 2) :]).mean(0)[:, model.num_prefix_tokens :]
    map = explain(model, images, "legrad", target=target, blocks=blocks)
    torch.testing.assert_close(map.values[:, 0], merged.view(2, *GRID), rtol=1e-3, atol=1e-7)
    assert {m.fused_attn for m in model.modules() if hasattr(m, "fused_attn")} == {fused}


@pytest.mark.parametrize("method", ["legrad", "attn_lrp"])
def test_torchvisions_transformer_too(method: str) -> None:
    model = vit("torchvision:vit_b_16", size=(32, 32))
    images, forward = torch.rand(1, 3, 32, 32), [vars(m).get("forward") for m in model.modules()]
    plain = model(images)
    assert explain(model, images, method).values.shape == (1, 1, 2, 2)
    assert [vars(m).get("forward") for m in model.modules()] == forward
    assert torch.equal(model(images), plain)


def without_biases(model: nn.Module, *, tokens: bool) -> nn.Module:
    for name, parameter in model.named_parameters():
        if name.endswith("bias") or (tokens and name in ("pos_embed", "cls_token", "reg_token")):
            nn.init.zeros_(parameter)
    return model


@pytest.mark.parametrize("options", READS)
def test_lrp_with_constant_attention_conserves_the_logit(options: dict[str, object]) -> None:
    """Without biases, and with class token and positions zero, all relevance is the patches'."""
    model = without_biases(small(**options), tokens=True)
    images, target = torch.rand(3, 3, *SIZE), torch.tensor([0, 2, 4])
    map = explain(model, images, "attn_lrp", target=target, attention="constant")
    assert map.values.shape == (3, 1, *GRID)
    logits = model(images)[torch.arange(3), target]
    torch.testing.assert_close(map.values.sum((1, 2, 3)), logits.detach(), rtol=1e-3, atol=1e-4)
    assert bool((map.values < 0).any()), "it has a sign"


def test_what_a_token_of_its_own_contributes_is_not_the_patches() -> None:
    """The class token's own share is missing from the map, and nothing else."""
    model = one_block()
    without_biases(model, tokens=False)
    images, target = torch.rand(2, 3, *SIZE), torch.tensor([1, 2])
    x = entered(model, images)
    A, values = values_of(model, x)
    weight = model.head.weight[target]
    share = torch.einsum("bhn,bhne,be->bn", A[:, :, 0], values, weight)  # of each token, through attention
    map = explain(model, images, "attn_lrp", target=target, attention="constant").values
    torch.testing.assert_close(map.flatten(1), share[:, 1:].detach(), rtol=1e-4, atol=1e-6)
    whole = share.sum(1) + (x[:, 0] * weight).sum(1)
    torch.testing.assert_close(whole, model(images)[torch.arange(2), target], rtol=1e-4, atol=1e-5)


def test_shared_attention_gives_each_factor_half() -> None:
    """On the linear block: half of what constant attention gives, and half of gradient times input of the matrix."""
    model = without_biases(one_block(), tokens=False)
    images, target = torch.rand(2, 3, *SIZE), torch.tensor([1, 2])
    x = entered(model, images).detach().requires_grad_()
    attn = model.blocks[0].attn
    q, k, v = attn.qkv(x).unflatten(2, (3, attn.num_heads, -1)).permute(2, 0, 3, 1, 4)
    A = (q @ k.transpose(2, 3) * attn.head_dim**-0.5).softmax(-1)
    logits = model.head((x + attn.proj((A @ v.detach()).transpose(1, 2).flatten(2)))[:, 0])
    # x enters A by queries and keys, each of which gets half of A's half; the class token's path is the skip's
    (through,) = torch.autograd.grad(logits[[0, 1], target].sum(), x)
    through = (x * through).sum(2)[:, 1:]
    constant = explain(model, images, "attn_lrp", target=target, attention="constant").values.flatten(1)
    shared = explain(model, images, "attn_lrp", target=target).values.flatten(1)
    torch.testing.assert_close(shared, (0.5 * constant + 0.25 * through).detach(), rtol=1e-3, atol=1e-6)


def test_the_rules_leave_the_networks_values() -> None:
    from regard.explain.lrp import _rules

    for model in (small(), small(qk_norm=True), vit("torchvision:vit_b_16", size=(32, 32))):
        images = torch.rand(2, 3, *(SIZE if hasattr(model, "blocks") else (32, 32)))
        names = [
            n for n, m in model.named_modules() if hasattr(m, "fused_attn") or isinstance(m, nn.MultiheadAttention)
        ]
        plain = model(images)
        for rule in ("shared", "constant"):
            with _rules(model, names, rule):
                torch.testing.assert_close(model(images), plain, rtol=1e-3, atol=1e-4)
        assert torch.equal(model(images), plain)


@pytest.mark.parametrize(
    ("method", "options", "message"),
    [("legrad", {"blocks": 0}, "blocks=0"), ("attn_lrp", {"attention": "half"}, "attention is 'half'")],
)
def test_impossible_options(method: str, options: dict[str, object], message: str) -> None:
    with pytest.raises(RegardError, match=message):
        explain(small(), torch.rand(1, 3, *SIZE), method, **options)


@pytest.mark.parametrize("method", ["legrad", "attn_lrp"])
@pytest.mark.parametrize("name", ["resnet18", "swin_tiny_patch4_window7_224"])
def test_other_networks_are_refused(method: str, name: str) -> None:
    model = create_backbone(name, 3, img_size=(64, 64), **({"window_size": 2} if "swin" in name else {}))
    with pytest.raises(RegardError, match=r"take .*another method"):
        explain(model, torch.rand(1, 3, 64, 64), method)
