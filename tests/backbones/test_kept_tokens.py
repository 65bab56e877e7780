"""Exclusion in vision transformers: excluded patches have no effect, and dropping them changes no output."""

import copy
from functools import lru_cache
from typing import Any

import pytest
import timm
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor, nn

from regard.attention import create_attention
from regard.backbones import attach, cut_of, exclude_tokens, record
from regard.backbones.kept_tokens import KeptTokens, kept_patches
from regard.models import AttentiveClassifier
from regard.types import RegardError

SIZE = (32, 32)
SMALL = {"patch_size": 8, "depth": 4, "embed_dim": 16, "num_heads": 2}
KINDS = {
    "class token": {},
    "class token, averaged": {"global_pool": "avg"},
    "registers": {"reg_tokens": 3},
    "no class token": {"class_token": False, "global_pool": "avg"},
}


def network(at: str | list[str], name: str = "vit_tiny_patch16_224", **options: Any) -> nn.Module:
    torch.manual_seed(0)
    model = timm.create_model(name, img_size=SIZE, num_classes=5, **SMALL | options).eval()
    for parameter in model.parameters():  # far from the small start, so that what passes is seen
        nn.init.normal_(parameter, std=0.3)
    attach(model, at, lambda channels: create_attention("mask", channels, anchors=3), input_size=SIZE)
    return exclude_tokens(model, input_size=SIZE)


def images(count: int, seed: int = 1) -> Tensor:
    return torch.rand(count, 3, *SIZE, generator=torch.Generator().manual_seed(seed))


@torch.no_grad()
def ask(model: nn.Module, x: Tensor, maps: Any, *, drop: bool, samples: int = 0) -> Tensor:
    with record(model, map_override=maps, drop=drop, samples=samples):
        return model(x)


@lru_cache
def ready(kind: str, at: str) -> nn.Module:
    """One network per kind and layer; tests that change it make a copy."""
    if kind == "deit":
        return network(at, "deit_tiny_distilled_patch16_224")
    return network(at, **KINDS[kind])


MODELS = [(kind, at) for kind in KINDS for at in ("patch_embed", "blocks.1", "blocks.3")] + [("deit", "blocks.1")]
each_model = pytest.mark.parametrize("which", MODELS, ids=str)


@each_model
@settings(max_examples=15, deadline=None)
@given(data=st.data())
def test_dropping_equals_masking(which: tuple[str, str], data: st.DataObject) -> None:
    """Any masks, none and all kept included, with another number of kept patches in every image of a batch."""
    model = ready(*which)
    kept = data.draw(st.lists(st.lists(st.booleans(), min_size=16, max_size=16), min_size=1, max_size=4))
    maps = torch.tensor(kept).float().view(-1, 1, 4, 4)
    x = images(len(kept))
    masked, dropped = ask(model, x, maps, drop=False), ask(model, x, maps, drop=True)
    torch.testing.assert_close(dropped, masked, rtol=0, atol=1e-5)
    one_by_one = torch.cat([ask(model, x[i : i + 1], maps[i : i + 1], drop=True) for i in range(len(x))])
    torch.testing.assert_close(one_by_one, masked, rtol=0, atol=1e-5)


@each_model
@pytest.mark.parametrize("drop", [False, True])
def test_excluded_features_cannot_change_the_output(which: tuple[str, str], drop: bool) -> None:
    """The attended module's output is overwritten where the map is zero, prefix tokens that have mixed included."""
    model = copy.deepcopy(ready(*which))
    layer = model.get_submodule(which[1])
    maps = (torch.rand(3, 1, 4, 4, generator=torch.Generator().manual_seed(2)) > 0.6).float()
    open_ = torch.cat([torch.zeros(3, layer.layout.prefix), maps.flatten(1)], 1)[..., None]

    def answer(noise: float, where: Tensor) -> Tensor:
        hook = layer.module.register_forward_hook(lambda *a: a[2] + noise * where * torch.randn_like(a[2]))
        try:
            return ask(model, images(3), maps, drop=drop)
        finally:
            hook.remove()

    before = answer(0.0, open_)
    assert torch.equal(answer(5.0, 1 - open_), before)
    assert (answer(5.0, open_) - before).abs().max() > 1e-2


@each_model
def test_with_no_patch_kept_the_output_does_not_depend_on_the_image(which: tuple[str, str]) -> None:
    model = ready(*which)
    answers = ask(model, images(4), torch.zeros(1, 1, 4, 4), drop=True)
    torch.testing.assert_close(answers, answers[:1].expand(4, -1), rtol=0, atol=1e-5)
    assert torch.isfinite(answers).all()


@each_model
def test_excluding_layers_are_a_cut(which: tuple[str, str]) -> None:
    assert cut_of(ready(*which)).is_cut


def test_an_open_map_without_a_class_token_is_the_plain_network() -> None:
    plain = timm.create_model("vit_tiny_patch16_224", img_size=SIZE, class_token=False, global_pool="avg", **SMALL)
    plain.eval()
    model = attach(copy.deepcopy(plain), "blocks.1", lambda c: create_attention("mask", c), input_size=SIZE)
    exclude_tokens(model, input_size=SIZE)
    with torch.no_grad():
        expected = plain(images(2))
    torch.testing.assert_close(ask(model, images(2), torch.ones(1, 1, 4, 4), drop=True), expected, rtol=0, atol=1e-6)


@pytest.mark.parametrize("drop", [False, True])
def test_two_layers_exclude_what_either_closes(drop: bool) -> None:
    model = network(["blocks.0", "blocks.2"])
    one, two = torch.ones(1, 1, 4, 4), torch.ones(1, 1, 4, 4)
    one[..., 0, :], two[..., 0] = 0, 0
    both = ask(model, images(2), [one, one * two], drop=drop)
    torch.testing.assert_close(ask(model, images(2), [one, two], drop=drop), both, rtol=0, atol=1e-5)
    assert (ask(model, images(2), [one, one], drop=drop) - both).abs().max() > 1e-3


def test_samples_are_dropped_apart() -> None:
    model = ready("class token", "blocks.1")
    maps = (torch.rand(3, 2, 1, 4, 4, generator=torch.Generator().manual_seed(0)) > 0.5).float()
    samples = ask(model, images(2), maps, drop=True, samples=3)
    apart = torch.cat([ask(model, images(2), m, drop=False) for m in maps])
    torch.testing.assert_close(samples, apart, rtol=0, atol=1e-5)


def test_the_gradient_is_the_same_and_reaches_the_map() -> None:
    model = AttentiveClassifier(
        "vit_tiny_patch16_224",
        5,
        at="blocks.1",
        attention="mask",
        anchors=3,
        attention_options={"initial": 0.3, "initial_std": 0.3},
        exclude_tokens=True,
        input_size=SIZE,
        backbone_options=SMALL,
    )
    gradients = []
    for drop in (False, True):
        torch.manual_seed(3)
        model.zero_grad()
        output = model.train()(images(6), samples=1, drop=drop)
        assert 0 < (output.attention[0].map == 0).sum() < output.attention[0].map.numel()
        output.logits.square().sum().backward()
        gradients.append({name: p.grad for name, p in model.named_parameters() if p.grad is not None})
    assert gradients[0].keys() == gradients[1].keys()
    for name, gradient in gradients[0].items():
        torch.testing.assert_close(gradients[1][name], gradient, rtol=1e-3, atol=1e-5)
    assert gradients[0]["trunk.blocks.1.attention.proposal.head.logit.weight"].abs().max() > 1e-6


def test_weights_of_kept_patches_carry_the_maps_gradient_and_no_other() -> None:
    map_ = torch.tensor([[0.0, 0.4, 1.0], [0.0, 0.0, 0.0]], requires_grad=True)
    raw = torch.tensor([[0.1, 0.4, 1.0], [0.1, 0.3, 0.2]])
    weights = kept_patches(map_, raw)
    assert weights.tolist() == [[0, 1, 1], [0, 1, 0]]
    weights.sum().backward()
    assert map_.grad is not None
    assert map_.grad.tolist() == [[0, 1, 1], [0, 1, 0]]


def test_a_sequence_without_dropped_tokens_is_shorter() -> None:
    x = torch.arange(12.0).view(2, 6, 1)
    kept = KeptTokens(torch.tensor([[1.0, 0, 0, 1, 0], [0, 0, 1, 1, 1]]), clean=True)
    short, rest = kept.drop(x)
    assert short[..., 0].tolist() == [[0, 1, 4, 2], [6, 9, 10, 11]]
    assert rest.weights.tolist() == [[1, 1, 1, 0], [1, 1, 1, 1]]
    assert rest.key_mask(4).tolist() == [[[[True, True, True, False]]], [[[True] * 4]]]
    assert rest.pool(short, 2)[:, :, 0].tolist() == [[2.5, 2.5], [10, 10]]
    assert KeptTokens(torch.ones(2, 5), clean=True).drop(x)[1].key_mask(6) is None


def test_outside_of_a_recorder_is_an_error() -> None:
    with pytest.raises(RegardError, match=r"blocks\.1 excludes tokens.*record\(model\)"):
        ready("class token", "blocks.1")(images(1))


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"backbone": "resnet18", "at": "layer3"}, "not a plain vision transformer"),
        ({"attention": "noise"}, 'take attention="mask"'),
        ({"attention": None}, "nothing is attended"),
        ({"at": "blocks.1.attn"}, "attended at blocks.1.attn"),
        ({"backbone_options": SMALL | {"global_pool": "max"}}, "global_pool='max'"),
        ({"backbone_options": SMALL | {"patch_drop_rate": 0.5}}, "patch_drop_rate"),
    ],
)
def test_unsuited_networks_are_named(options: dict, message: str) -> None:
    given_ = {"backbone": "vit_tiny_patch16_224", "at": "blocks.1", "attention": "mask", "backbone_options": SMALL}
    given_ |= options
    if given_["backbone"] == "resnet18":
        given_["backbone_options"] = {}
    with pytest.raises(RegardError, match=message):
        AttentiveClassifier(given_.pop("backbone"), 5, exclude_tokens=True, input_size=SIZE, **given_)
