"""Learn to Pay Attention against its formula, position by position, and its size."""

import math

import pytest
import torch
from tests.models.baselines.cases import CLASSES, COMPACT, WRN, Case

from regard.backbones import create_backbone
from regard.types import RegardError

WIDTH = 10


@torch.no_grad()
@pytest.mark.parametrize("compatibility", ["softmax", "sigmoid"])
@pytest.mark.parametrize("at", [("stage2", "stage3"), ("stage1", "stage2", "stage3")])
def test_value(compatibility: str, at: tuple[str, ...]) -> None:
    case = Case("ltpa", "compact", at, {"compatibility": compatibility}, COMPACT, 16)
    model = case.build().eval()
    features = {}
    for name in at:
        model.trunk.get_submodule(name).register_forward_hook(
            lambda _m, _a, out, name=name: features.update({name: out})
        )
    output, g = model(case.images(2)), model.trunk(case.images(2))
    for i in range(2):
        joined = []
        for s, name in enumerate(at):
            local = features[name][i].flatten(1).T.double()  # positions, channels
            if local.shape[1] != WIDTH:
                local = local @ model.readout.project[s].weight[:, :, 0, 0].T.double()
            u = model.readout.compare[s].weight[0, :, 0, 0].double()
            scores = [float((u * (row + g[i])).sum()) for row in local]
            if compatibility == "softmax":
                total = sum(math.exp(c) for c in scores)
                weights = [math.exp(c) / total for c in scores]
                joined.append(sum(a * row for a, row in zip(weights, local, strict=True)))
                expected = [a / max(weights) for a in weights]
            else:
                expected = weights = [1 / (1 + math.exp(-c)) for c in scores]
                joined.append(sum(a * row for a, row in zip(weights, local, strict=True)) / len(weights))
            assert torch.allclose(
                output.attention[s].map[0, i].flatten().double(), torch.tensor(expected).double(), atol=1e-5
            )
        logits = model.readout.linear.weight.double() @ torch.cat(joined) + model.readout.linear.bias
        assert torch.allclose(output.logits[0, i].double(), logits, atol=1e-5)


@pytest.mark.parametrize(
    ("backbone", "options", "at", "width", "projected"),
    [
        ("compact", COMPACT, ("stage2", "stage3"), 10, 8),
        ("compact", COMPACT, ("stage1", "stage2", "stage3"), 10, 6 + 8),
        ("wrn", WRN, ("block2", "block3"), 64, 32),
        ("vgg_cifar", {}, ("stem.20", "stage1.8", "stage2.8"), 512, 256),
    ],
)
def test_size(backbone: str, options: dict, at: tuple[str, ...], width: int, projected: int) -> None:
    model = Case("ltpa", backbone, at, {}, options).build()
    plain = create_backbone(backbone, CLASSES, **options)
    maps = len(at)
    extra = projected * width + maps * width + (maps - 1) * width * CLASSES
    assert sum(p.numel() for p in model.parameters()) == sum(p.numel() for p in plain.parameters()) + extra


def test_a_given_map_of_any_size_is_a_distribution() -> None:
    case = Case("ltpa", "compact", ("stage3",), {}, COMPACT)
    model = case.build().eval()
    map_override = torch.rand(3, 1, 4, 4)
    with torch.no_grad():
        assert torch.allclose(
            model(case.images(), map_override=map_override).logits,
            model(case.images(), map_override=map_override / 7).logits,
            atol=1e-5,
        )
        nothing = model(case.images(), map_override=torch.zeros(1, 1, 4, 4)).logits
    assert torch.allclose(nothing[0], model.readout.linear.bias.expand(3, -1), atol=1e-6)


def test_compatibility_is_checked() -> None:
    with pytest.raises(RegardError, match="softmax or sigmoid"):
        Case("ltpa", "compact", ("stage3",), {"compatibility": "tanh"}, COMPACT).build()


def test_by_default_it_reads_the_attended_and_the_last_layer() -> None:
    assert Case("ltpa", "compact", (), {}, COMPACT).build().at == ("stage1", "stage3")
