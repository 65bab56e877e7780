"""Freezing, by the order in which layers run."""

import pytest
import torch

from regard.models import AttentiveClassifier
from regard.types import RegardError


def learning(model: AttentiveClassifier) -> set[str]:
    return {name.removeprefix("trunk.") for name, p in model.named_parameters() if p.requires_grad}


def test_everything_before_and_with_the_layer_but_not_its_attention() -> None:
    model = AttentiveClassifier("resnet18", 3, at="layer2", input_size=(32, 32))
    model.freeze("layer2")
    parts = {name.split(".")[0] for name in learning(model)}
    assert parts == {"layer2", "layer3", "layer4", "fc"}
    assert {name.split(".")[1] for name in learning(model) if name.startswith("layer2")} == {"attention"}


def test_inside_an_attended_layer_by_its_first_name() -> None:
    model = AttentiveClassifier("resnet18", 3, at="layer2", input_size=(32, 32))
    model.freeze("layer2.0")
    assert {name.split(".")[2] for name in learning(model) if name.startswith("layer2.module")} == {"1"}


def test_statistics_of_frozen_layers_stand_still() -> None:
    model = AttentiveClassifier("compact", 3, at="stage2", input_size=(16, 16))
    model.freeze("stage2")
    model.train()
    before = {name: b.clone() for name, b in model.trunk.named_buffers()}
    model(torch.rand(4, 3, 16, 16))
    moved = {name for name, b in model.trunk.named_buffers() if not torch.equal(b, before[name])}
    assert moved
    assert all(name.startswith(("stage3", "stage2.attention")) for name in moved)
    assert {name.split(".")[0] for name in moved} == {"stage2", "stage3"}


def test_tokens_and_positions_are_frozen_with_the_first_blocks() -> None:
    options = {"depth": 3, "embed_dim": 16, "num_heads": 2}
    model = AttentiveClassifier("vit_tiny_patch16_224", 3, at="blocks.1", input_size=(32, 32), backbone_options=options)
    model.freeze("blocks.1")
    parts = {".".join(name.split(".")[:2]) for name in learning(model)}
    assert parts == {"blocks.1", "blocks.2", "norm.weight", "norm.bias", "head.weight", "head.bias"}


def test_frozen_parameters_are_in_no_group() -> None:
    model = AttentiveClassifier("compact", 3, input_size=(16, 16))
    model.freeze("stage3")
    assert {group["name"] for group in model.parameter_groups(0.1)} == {"attention", "head"}


def test_an_unknown_layer_lists_the_nearest() -> None:
    model = AttentiveClassifier("compact", 3, input_size=(16, 16))
    with pytest.raises(RegardError, match="nearest: stage3"):
        model.freeze("stage9")
