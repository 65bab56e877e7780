"""Global pooling: equal to a plain network with pooling, and the mean of its map is the logit."""

from pathlib import Path

import pytest
import torch
from tests.models.baselines.cases import CLASSES, COMPACT, WRN, Case

from regard.backbones import create_backbone
from regard.models import AttentiveClassifier
from regard.types import RegardError


@pytest.mark.parametrize(
    ("backbone", "options", "last"),
    [("compact", COMPACT, "stage3"), ("wrn", WRN, "relu"), ("resnet18", {}, "layer4"), ("vgg_cifar", {}, "project")],
)
def test_it_is_the_plain_network_where_that_pools(backbone: str, options: dict, last: str) -> None:
    case = Case("gap", backbone, (), {}, options, 64)
    model = case.build().eval()
    assert model.at == (last,)
    plain = create_backbone(backbone, CLASSES, **options).eval()
    assert sum(p.numel() for p in model.parameters()) == sum(p.numel() for p in plain.parameters())
    state = {key.replace(f"{last}.module.", f"{last}."): v for key, v in model.trunk.state_dict().items()}
    head = {"resnet18": "fc"}.get(backbone, "head")
    plain.load_state_dict(state | {f"{head}.{key}": v for key, v in model.readout.linear.state_dict().items()})
    with torch.no_grad():
        assert torch.allclose(model(case.images()).logits[0], plain(case.images()), atol=1e-5)


def test_the_map_averages_to_the_logit() -> None:
    case = Case("gap", "compact", (), {}, COMPACT)
    model = case.build().eval()
    output = model(case.images())
    (layer,) = output.attention
    W, b = model.readout.linear.weight, model.readout.linear.bias
    for i, predicted in enumerate(output.logits[0].argmax(1).tolist()):
        grid = sum(W[predicted, c] * layer.features[i, c] for c in range(10))
        assert torch.allclose(layer.raw[0, i, 0], grid, atol=1e-5)
        assert torch.allclose(layer.map[0, i, 0], grid.clamp(min=0), atol=1e-5)
        assert torch.allclose(grid.mean() + b[predicted], output.logits[0, i, predicted], atol=1e-5)


def test_layers_that_would_learn_nothing_are_named() -> None:
    with pytest.raises(RegardError, match=r"gap: \d+ parameters, stage2\.0\.0\.weight first"):
        Case("gap", "compact", ("stage1",), {}, COMPACT).build()
    with pytest.raises(RegardError, match="reads one"):
        Case("gap", "compact", ("stage2", "stage3"), {}, COMPACT).build()


def test_no_latent_goes_before_it() -> None:
    with pytest.raises(RegardError, match="latent=4: gap has its own classifier"):
        Case("gap", "compact", (), {}, COMPACT).build(latent=4)


@pytest.mark.parametrize(
    ("backbone", "options", "at", "left"),
    [
        ("compact", COMPACT, "stage2", ["stem", "stage1", "stage2"]),
        ("wrn", WRN, "block2", ["conv1", "block1", "block2"]),
        ("resnet18", {}, "layer3", ["conv1", "bn1", "layer1", "layer2", "layer3"]),
        ("vgg_cifar", {"width": 0.1}, "stage2.8", ["stem", "stage1", "stage2"]),
    ],
)
def test_later_layers_are_removed_with_shorten(
    backbone: str, options: dict, at: str, left: list[str], tmp_path: Path
) -> None:
    case = Case("gap", backbone, (at,), {"shorten": True}, options)
    model = case.build().eval()
    assert [name for name, child in model.trunk.named_children() if list(child.parameters())] == left
    assert model.explain(case.images()).values.shape[-1] > 1
    model.save_pretrained(tmp_path)
    assert torch.equal(
        AttentiveClassifier.from_pretrained(tmp_path).predict(case.images()), model.predict(case.images())
    )
