"""CBAM against its formula; its map; its size."""

import torch
import torch.nn.functional as F
from tests.models.baselines.cases import CLASSES, Case

from regard.backbones import create_backbone
from regard.models.baselines.cbam import Cbam


def test_value_is_the_papers_and_timms() -> None:
    torch.manual_seed(0)
    attention, f = Cbam(32, reduction=4).train(), torch.randn(3, 32, 9, 7)
    attention(f)
    attention.eval()
    channel, spatial = attention.cbam.channel, attention.cbam.spatial
    first, second = channel.fc1.weight[:, :, 0, 0], channel.fc2.weight[:, :, 0, 0]
    with torch.no_grad():
        pooled = [f.mean((2, 3)), f.flatten(2).max(2).values]
        gate = torch.sigmoid(sum((p @ first.T).clamp(min=0) @ second.T for p in pooled))
        y = f * gate[:, :, None, None]
        both = torch.stack([y.mean(1), y.max(1).values], 1)
        bn = spatial.conv.bn
        scores = F.conv2d(both, spatial.conv.conv.weight, padding=3) - bn.running_mean
        map = torch.sigmoid(scores / (bn.running_var + bn.eps).sqrt() * bn.weight + bn.bias)
        output = attention(f)
        assert torch.allclose(output.map[0], map, atol=1e-6)
        assert torch.allclose(output.features, y * map, atol=1e-6)
        assert torch.allclose(output.features, attention.cbam(f), atol=1e-6)


def test_a_closed_position_is_excluded() -> None:
    attention, f = Cbam(8).eval(), torch.randn(1, 8, 4, 4)
    map_override = torch.ones(1, 1, 4, 4)
    map_override[..., 1, 2] = 0
    assert not attention(f, map_override=map_override).features[..., 1, 2].any()


def test_size() -> None:
    for backbone, at, channels, side in (("compact", "stage1", 24, 32), ("resnet18", "layer3", 256, 64)):
        hidden = max(1, round(channels / 16)) if channels == 24 else channels // 16
        extra = 2 * channels * hidden + 2 * 49 + 2
        plain = sum(p.numel() for p in create_backbone(backbone, CLASSES).parameters())
        model = Case("cbam", backbone, (at,), {}, {}, side).build()
        assert sum(p.numel() for p in model.parameters()) == plain + extra
