"""Layouts: detection and round trips."""

import pytest
import timm
import torch
from hypothesis import given
from hypothesis import strategies as st
from tests.backbones.toys import Chain, ChannelsLast, Half
from torch import nn

from regard.backbones import Layout, attach, attended, cut_of, record
from regard.types import RegardError


def layout(model: nn.Module, at: str, size: tuple[int, int], **options) -> tuple[Layout, int]:
    layer = attended(attach(model, at, Half, input_size=size, **options))[at]
    return layer.layout, layer.attention.channels


@pytest.mark.parametrize("size", [(8, 8), (8, 6), (4, 4), (4, 8)])
def test_channels_first_even_where_all_sides_are_equal(size: tuple[int, int]) -> None:
    assert layout(Chain(4), "second", size) == (Layout("NCHW"), 4)


@pytest.mark.parametrize("size", [(8, 8), (4, 8), (4, 4)])
def test_channels_last_even_where_all_sides_are_equal(size: tuple[int, int]) -> None:
    assert layout(ChannelsLast(4), "body", size) == (Layout("NHWC"), 4)


def test_channels_last_in_a_network_of_one_size() -> None:
    assert layout(ChannelsLast(4, fixed=(8, 8)), "body", (8, 8)) == (Layout("NHWC"), 4)
    assert layout(ChannelsLast(8, fixed=(8, 4)), "stem", (8, 4)) == (Layout("NCHW"), 8)


def test_an_ambiguous_layout_is_an_error() -> None:
    with pytest.raises(RegardError, match="give layout"):
        layout(ChannelsLast(4, fixed=(4, 4)), "body", (4, 4))
    assert layout(ChannelsLast(4, fixed=(4, 4)), "body", (4, 4), layout="NHWC") == (Layout("NHWC"), 4)


def test_an_explicit_layout_is_checked() -> None:
    with pytest.raises(RegardError, match="one of auto"):
        layout(Chain(), "second", (8, 8), layout="NWHC")
    with pytest.raises(RegardError, match="not tokens"):
        layout(Chain(), "second", (8, 8), layout="tokens")


def vit(**options) -> nn.Module:
    options = {"depth": 2, "embed_dim": 16, "num_heads": 2, "num_classes": 3, **options}
    return timm.create_model("vit_tiny_patch16_224", **options).eval()


@pytest.mark.parametrize(
    ("size", "options", "prefix"),
    [
        ((64, 64), {}, 1),
        ((32, 64), {}, 1),
        ((64, 64), {"reg_tokens": 4}, 5),
        ((64, 64), {"class_token": False, "global_pool": "avg"}, 0),
    ],
)
def test_tokens_of_a_vision_transformer(size: tuple[int, int], options: dict, prefix: int) -> None:
    vit_layout, channels = layout(vit(img_size=size, **options), "blocks.0", size)
    assert vit_layout == Layout("tokens", prefix=prefix, grid=(size[0] // 16, size[1] // 16))
    assert channels == 16


def test_patches_are_in_their_places() -> None:
    model = attach(vit(img_size=(32, 64)), "blocks.0", Half, input_size=(32, 64))
    outputs = {}
    model.blocks[0].module.register_forward_hook(lambda _m, _a, out: outputs.update(tokens=out))
    model.blocks[0].attention.register_forward_hook(lambda _m, args, _o: outputs.update(features=args[0]))
    with torch.no_grad():
        model(torch.rand(1, 3, 32, 64))
    for i, (y, x) in enumerate((y, x) for y in range(2) for x in range(4)):
        assert torch.equal(outputs["features"][0, :, y, x], outputs["tokens"][0, 1 + i])


def test_a_transformer_of_any_size_follows_the_image() -> None:
    model = attach(vit(dynamic_img_size=True), "blocks.0", Half, input_size=(64, 32)).eval()
    for size in ((64, 32), (32, 64), (48, 48)):
        with record(model) as recorder:
            model(torch.rand(1, 3, *size))
        assert recorder.outputs[0].map.shape[-2:] == (size[0] // 16, size[1] // 16)
    with pytest.raises(RegardError, match="record"):
        model(torch.rand(1, 3, 32, 64))


def test_another_number_of_tokens_is_an_error() -> None:
    with pytest.raises(RegardError, match="input_size"):
        Layout("tokens", prefix=1, grid=(2, 2)).features(torch.rand(1, 7, 3))


def test_tokens_of_an_unknown_network() -> None:
    class Tokens(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.embed = nn.Conv2d(3, 4, 4, 4)
            self.mix = nn.Linear(4, 4)

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            return self.mix(self.embed(x).flatten(2).transpose(1, 2)).mean(1)

    assert layout(Tokens(), "mix", (8, 16))[0].grid == (2, 4), "proven by changing two corners"
    model = Tokens()
    tokens = Layout("tokens", grid=(2, 4))
    assert layout(model, "mix", (8, 16), layout=tokens) == (tokens, 4)
    assert cut_of(model).is_cut


@given(st.sampled_from(["NCHW", "NHWC", "tokens"]), st.integers(0, 3), st.integers(1, 4), st.integers(1, 4))
def test_round_trip(kind: str, prefix: int, h: int, w: int) -> None:
    layout = Layout(kind, prefix=prefix if kind == "tokens" else 0, grid=(h, w))
    shape = {"NCHW": (2, 5, h, w), "NHWC": (2, h, w, 5), "tokens": (2, prefix + h * w, 5)}[kind]
    y = torch.randn(shape)
    features = layout.features(y)
    assert features.shape == (2, 5, h, w)
    assert torch.equal(layout.output(features, y), y)
    twice = layout.output(features.repeat(2, 1, 1, 1), y)
    assert torch.equal(twice, torch.cat([y, y]))
