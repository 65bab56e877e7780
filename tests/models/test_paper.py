"""The paper's networks: sizes against formulas of their layers and against the released code's, and that they run."""

import contextlib
from itertools import pairwise
from pathlib import Path

import pytest
import torch

from regard.backbones import attended
from regard.models import PAPER, VARIANTS, AttentiveClassifier, paper_model
from regard.training.recipe_model import ModelRecipe
from regard.types import RegardError

CLASSES = {"vgg_cifar": 10, "wrn28_10": 10, "vgg16": 200, "wrn50_2": 200}
SIDE = {"vgg_cifar": 32, "wrn28_10": 32, "vgg16": 224, "wrn50_2": 224}
RELEASED = {
    ("vgg_cifar", "aib"): 20_040_789,
    ("wrn28_10", "plain"): 36_479_194,
    ("wrn28_10", "aib"): 65_004_500,
    ("vgg16", "aib"): 17_196_307,
    ("vgg16", "quantized"): 24_275_751,
}
"""As counted in the released code; there the anchors' prior does not exist."""


def conv(channels: int, width: int, kernel: int = 3, *, bias: bool = True) -> int:
    return kernel**2 * channels * width + bias * width


def linear(a: int, b: int) -> int:
    return a * b + b


def basic(channels: int, width: int, blocks: int) -> int:
    """Pre-activation basic blocks, the first of which widens."""
    rest = (blocks - 1) * (4 * width + 2 * conv(width, width, bias=False))
    first = 2 * channels + conv(channels, width, bias=False) + 2 * width + conv(width, width, bias=False)
    return first + conv(channels, width, 1, bias=False) + rest


def bottlenecks(channels: int, inner: int, width: int, blocks: int) -> int:
    """ResNet bottlenecks, the first of which widens."""

    def one(c: int) -> int:
        norms = 2 * (2 * inner + width)
        return (
            conv(c, inner, 1, bias=False) + conv(inner, inner, bias=False) + conv(inner, width, 1, bias=False) + norms
        )

    return one(channels) + conv(channels, width, 1, bias=False) + 2 * width + (blocks - 1) * one(width)


def body(network: str) -> tuple[int, int]:
    """Parameters before the classifier, and its width."""
    if network == "vgg_cifar":
        widths = [3, 64, 64, 128, 128, 256, 256, 256, *[512] * 8]
        return sum(conv(a, b) + 2 * b for a, b in pairwise(widths)) + conv(512, 512, 1), 512
    if network == "wrn28_10":
        return conv(3, 16, bias=False) + basic(16, 160, 4) + basic(160, 320, 4) + basic(320, 640, 4) + 2 * 640, 640
    if network == "vgg16":
        widths = [3, 64, 64, 128, 128, 256, 256, 256, *[512] * 6]
        return sum(conv(a, b) for a, b in pairwise(widths)), 512 * 9
    stem = conv(3, 64, 7, bias=False) + 2 * 64
    stages = ((64, 128, 256, 3), (256, 256, 512, 4), (512, 512, 1024, 6), (1024, 1024, 2048, 3))
    return stem + sum(bottlenecks(*stage) for stage in stages), 2048


def head(network: str, variant: str, n: int) -> int:
    """Parameters of the map's head."""
    if network == "vgg_cifar":
        return conv(256, 1)
    if network == "wrn28_10":
        return basic(320, 640, 4) + 2 * 640 + conv(640, n, 1, bias=False) + 2 * n + conv(n, 1, bias=False) + 2
    if network == "vgg16":
        return conv(512, 1) + (3 * conv(512, 512) if variant == "quantized" else 0)
    return bottlenecks(1024, 1024, 2048, 3) + conv(2048, 1)


def expected(network: str, variant: str) -> int:
    n, (size, width) = CLASSES[network], body(network)
    attention, latent, anchors = VARIANTS[variant]
    if latent:
        K = PAPER[network]["latent"]
        size += linear(width, 2 * K) + (linear(K, K) if PAPER[network]["decoder"] == "mlp" else 0) + linear(K, n)
    else:
        size += linear(width, n)
    if attention:
        size += head(network, variant, n) + (conv(1, 1) if attention == "aib" else 0)
    return size + (PAPER[network]["anchors"] if anchors else 0)


@pytest.mark.parametrize("variant", VARIANTS)
@pytest.mark.parametrize("network", PAPER)
def test_size(network: str, variant: str, shapes_only: None) -> None:
    side = SIDE[network]
    model = AttentiveClassifier(num_classes=CLASSES[network], input_size=(side, side), **paper_model(network, variant))
    sizes = {name: p.numel() for name, p in model.named_parameters()}
    priors = sum(count for name, count in sizes.items() if name.endswith("prior_logits"))
    assert sum(sizes.values()) - priors == expected(network, variant)
    assert priors == (PAPER[network]["anchors"] if variant == "quantized" else 0)
    if (network, variant) in RELEASED:
        assert expected(network, variant) == RELEASED[network, variant]
    shapes: list[torch.Size] = []
    for layer in attended(model.trunk).values():
        layer.module.register_forward_hook(lambda _m, _a, out: shapes.append(out.shape[-2:]))
    with contextlib.suppress(RuntimeError):  # no autocast where there are no numbers
        model(torch.rand(2, 3, side, side), samples=1)
    assert shapes == ([(16, 16) if side == 32 else (14, 14)] if VARIANTS[variant][0] else [])


def test_vgg_cifar_at_100_classes(shapes_only: None) -> None:
    model = AttentiveClassifier(num_classes=100, input_size=(32, 32), **paper_model("vgg_cifar", "aib"))
    assert sum(p.numel() for p in model.parameters()) == 20_063_919


@pytest.mark.parametrize("variant", VARIANTS)
@pytest.mark.parametrize("network", PAPER)
def test_its_fields_are_a_recipes(network: str, variant: str) -> None:
    recipe = ModelRecipe(**paper_model(network, variant))
    assert (recipe.attention, recipe.latent is not None) == VARIANTS[variant][:2]


def test_an_unknown_name_lists_the_near_ones() -> None:
    with pytest.raises(RegardError, match=r"no network 'vgg_cfar'; nearest: vgg_cifar"):
        paper_model("vgg_cfar", "aib")
    with pytest.raises(RegardError, match=r"no variant 'quantised'; nearest: quantized"):
        paper_model("vgg16", "quantised")


@pytest.mark.slow
def test_the_224_networks_learn_in_all_their_parameters() -> None:
    torch.manual_seed(0)
    for network in ("vgg16", "wrn50_2"):
        model = AttentiveClassifier(num_classes=4, input_size=(64, 64), **paper_model(network, "quantized"))
        assert model.cut.is_cut
        output = model(torch.rand(2, 3, 64, 64))
        (output.logits.square().mean() + output.rate.mean()).backward()
        idle = [name for name, p in model.named_parameters() if p.grad is None and "quantizer" not in name]
        assert not idle


ROW = {"vgg_cifar": "`vgg_cifar`, 10 classes", "wrn28_10": "`wrn28_10`, 10 classes"}
ROW |= {"vgg16": "`vgg16`, 200 classes", "wrn50_2": "`wrn50_2`, 200 classes"}


@pytest.mark.parametrize("network", PAPER)
def test_the_docs_say_these_sizes(network: str) -> None:
    page = (Path(__file__).parents[2] / "docs" / "networks.md").read_text(encoding="utf-8")
    (row,) = [line for line in page.splitlines() if line.startswith(f"| {ROW[network]} |")]
    assert row.endswith("| " + " | ".join(f"{expected(network, variant):,}" for variant in VARIANTS) + " |")


def test_the_docs_say_that_unused_parameters_of_the_released_code_are_absent() -> None:
    page = (Path(__file__).parents[2] / "docs" / "paper.md").read_text(encoding="utf-8")
    (row,) = [line for line in page.splitlines() if line.startswith("| parameters of WRN-50-2 |")]
    assert "20.7 million more, which no prediction and no loss uses" in row
    assert f"[{expected('wrn50_2', 'quantized'):,}]" in row
