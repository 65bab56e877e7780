"""The bottleneck on attention writes against torch's own Gaussians, head by head; its size; what it costs."""

import pytest
import torch
from tests.models.baselines.cases import CLASSES, VIT, Case
from torch.distributions import Normal, kl_divergence

from regard.backbones import create_backbone
from regard.models.baselines.vit_ib import MessageBottleneck
from regard.objectives import Weights, information_loss
from regard.types import NATS_PER_BIT, RegardError

HEADS, LATENT, HIDDEN, D = 3, 4, 8, 64
SMALL = {"latent": LATENT, "hidden": HIDDEN}


def test_value_head_by_head() -> None:
    torch.manual_seed(0)
    bottleneck = MessageBottleneck(HEADS * 5, heads=HEADS, latent=LATENT, hidden=HIDDEN).eval()
    y = torch.randn(2, HEADS * 5, 3, 4)
    with torch.no_grad():
        output = bottleneck(y)
        price, messages = torch.zeros(2, 3, 4), []

        def linear(conv: torch.nn.Conv2d, head: int, x: torch.Tensor) -> torch.Tensor:
            rows = conv.out_channels // HEADS
            own = slice(head * rows, (head + 1) * rows)
            return x @ conv.weight[own, :, 0, 0].T + conv.bias[own]

        for head in range(HEADS):
            x = y[:, head * 5 : (head + 1) * 5].permute(0, 2, 3, 1)
            hidden = torch.nn.functional.gelu(linear(bottleneck.encode[0], head, x))
            mean, log_variance = linear(bottleneck.encode[2], head, hidden).chunk(2, -1)
            assert (log_variance < -5).all()  # where the author's code starts
            own = Normal(mean, (0.5 * log_variance).exp())
            price += kl_divergence(own, Normal(0.0, 1.0)).sum(-1)
            back = torch.nn.functional.gelu(linear(bottleneck.decode[0], head, mean))
            messages.append(linear(bottleneck.decode[2], head, back))
    assert torch.allclose(output.price[0, :, 0], price, rtol=1e-5)
    assert torch.allclose(output.map * NATS_PER_BIT, output.price)
    assert torch.allclose(output.features, torch.cat(messages, -1).permute(0, 3, 1, 2), atol=1e-5)


def test_size() -> None:
    model = Case("vit_ib", "vit_tiny_patch16_224", (), SMALL, VIT, 64).build()
    plain = create_backbone("vit_tiny_patch16_224", CLASSES, img_size=(64, 64), **VIT)
    mlps = (D + 1) * HIDDEN + (HIDDEN + 1) * 2 * LATENT + (LATENT + 1) * HIDDEN + (HIDDEN + 1) * D
    extra = VIT["depth"] * HEADS * mlps
    assert sum(p.numel() for p in model.parameters()) == sum(p.numel() for p in plain.parameters()) + extra


def test_the_price_is_the_sum_over_layers() -> None:
    case = Case("vit_ib", "vit_tiny_patch16_224", (), SMALL, VIT, 64)
    output = case.build()(case.images())
    losses = information_loss(output, torch.tensor([0, 1, 2]), Weights(map_beta=0.5))
    total = sum(layer.price.sum() for layer in output.attention) / 3
    assert len(output.attention) == 2
    assert torch.allclose(losses.total, losses.task + 0.5 * total)


def test_attention_without_output_does_not_change_patches() -> None:
    case = Case("vit_ib", "vit_tiny_patch16_224", (), SMALL, VIT, 64)
    model = case.build().eval()
    for block in model.trunk.blocks:
        last = block.attn.norm.attention.encode[2]
        torch.nn.init.zeros_(last.weight)
        torch.nn.init.zeros_(last.bias)
    images = case.images(1)
    changed = images.clone()
    changed[:, :, :16, :16] = 0
    outputs = []
    model.trunk.blocks[-1].register_forward_hook(lambda _m, _a, out: outputs.append(out))
    with torch.no_grad():
        assert not model(images).attention[0].price.any()
        model(changed)
    assert torch.equal(outputs[0][:, 1:], outputs[1][:, 1:])
    assert not torch.equal(outputs[0][:, 0], outputs[1][:, 0])


def test_paths_without_a_price_are_named() -> None:
    with_token = Case("vit_ib", "vit_tiny_patch16_224", (), SMALL, {"depth": 2}, 64).build()
    assert not with_token.cut.is_cut
    assert any("class token passes blocks.0.attn.norm unattended" in words for words in with_token.cut.bypasses)


def test_the_layer_is_checked() -> None:
    with pytest.raises(RegardError, match="take a vision transformer"):
        Case("vit_ib", "resnet18", (), SMALL, {}, 64).build()
    with pytest.raises(RegardError, match="is not inside an attention"):
        Case("vit_ib", "vit_tiny_patch16_224", ("blocks.0",), SMALL, VIT, 64).build()
    with pytest.raises(RegardError, match="not 3 heads of one width"):
        MessageBottleneck(10, heads=3)
