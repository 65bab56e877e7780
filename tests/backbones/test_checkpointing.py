"""Activation checkpointing: the same numbers bit for bit, and less that is kept."""

import copy
from typing import Any

import pytest
import timm
import torch
from torch import Tensor, nn

from regard.backbones import checkpoint_blocks, create_backbone
from regard.models import AttentiveClassifier

WIDTHS = {"widths": (4, 4, 8, 8)}
MODELS: dict[str, dict[str, Any]] = {
    "batch norm": {"backbone": "compact", "backbone_options": WIDTHS, "attention": None},
    "noise gate": {"backbone": "compact", "backbone_options": WIDTHS, "attention": "noise"},
    "latent": {"backbone": "compact", "backbone_options": WIDTHS, "attention": "noise", "latent": 4},
    "dropout": {
        "backbone": "resnet10t",
        "backbone_options": {"drop_path_rate": 0.5, "drop_rate": 0.5},
        "attention": None,
    },
    "behind a gate": {"backbone": "resnet10t", "attention": "noise", "at": "layer1"},
    "tokens": {
        "backbone": "compact_vit",
        "backbone_options": {"width": 16, "depth": 4, "heads": 2},
        "attention": "noise",
    },
    "left tokens": {
        "backbone": "compact_vit",
        "backbone_options": {"width": 16, "depth": 4, "heads": 2},
        "attention": "mask",
        "anchors": 3,
        "at": ("blocks.0", "blocks.2"),
        "exclude_tokens": True,
    },
    "stages": {"backbone": "convnext_atto", "attention": "noise", "at": "stages.1"},
}


def build(name: str) -> AttentiveClassifier:
    options = dict(MODELS[name])
    torch.manual_seed(0)
    return AttentiveClassifier(options.pop("backbone"), 3, input_size=(32, 32), **options)


def trained(model: nn.Module, samples: tuple[int, ...]) -> tuple[list[Tensor], list[Tensor], Tensor]:
    """Losses, then the state after some steps; and what the generator gives next."""
    model.train()
    torch.manual_seed(1)
    images = torch.rand(4, 3, 32, 32)
    labels = torch.tensor([0, 1, 2, 0])
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    losses = []
    for count in samples:
        output = model(images, samples=count)
        loss = nn.functional.cross_entropy(output.logits[0], labels)
        for layer in output.attention:
            loss = loss + 1e-3 * layer.map.square().sum()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        losses.append(loss.detach())
    return losses, [value.clone() for value in model.state_dict().values()], torch.rand(3)


@pytest.mark.parametrize("name", MODELS)
def test_training_is_the_same_bit_for_bit(name: str) -> None:
    plain, checkpointed = build(name), build(name)
    assert checkpoint_blocks(checkpointed)
    samples = (1, 0, 1)  # the mean path, too, whose normalisations have statistics of their own
    for one, other in zip(trained(plain, samples), trained(checkpointed, samples), strict=True):
        for a, b in zip(one, other, strict=True):
            torch.testing.assert_close(a, b, rtol=0, atol=0)


def kept(model: nn.Module, images: Tensor) -> int:
    """Bytes that a forward keeps for the backward pass, parameters apart."""
    own = {p.untyped_storage().data_ptr() for p in model.parameters()}
    found: dict[int, int] = {}

    def pack(tensor: Tensor) -> Tensor:
        storage = tensor.untyped_storage()
        if storage.data_ptr() not in own:
            found[storage.data_ptr()] = storage.nbytes()
        return tensor

    with torch.autograd.graph.saved_tensors_hooks(pack, lambda tensor: tensor):
        output = model(images)
    assert output.requires_grad
    return sum(found.values())


@pytest.mark.parametrize(
    ("name", "share"), [("vit_tiny_patch16_224", 0.35), ("tf_efficientnet_lite0", 0.35), ("resnet18", 0.6)]
)
def test_less_is_kept(name: str, share: float) -> None:  # half of a small ResNet's is before its first block
    model = timm.create_model(name, num_classes=3).train()
    images = torch.rand(2, 3, 224, 224)
    before = kept(model, images)
    checkpoint_blocks(model)
    # what hooks do not see: a checkpointed block keeps its arguments, an image's features between blocks
    assert kept(model, images) < share * before


def test_blocks_run_twice_in_training_and_once_otherwise() -> None:
    model = create_backbone("compact", 3, **WIDTHS)
    calls = []
    model.stage2[1].first.register_forward_hook(lambda *_: calls.append(1))
    checkpoint_blocks(model)
    model.train()(torch.rand(2, 3, 16, 16)).sum().backward()
    assert len(calls) == 2
    model.eval()(torch.rand(2, 3, 16, 16))
    with torch.no_grad():
        model.train()(torch.rand(2, 3, 16, 16))
    assert len(calls) == 4


def test_a_copy_runs_its_own_blocks() -> None:
    model = create_backbone("compact", 3, **WIDTHS)
    checkpoint_blocks(model)
    twin = copy.deepcopy(model).train()
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.fill_(float("nan"))
    assert twin(torch.rand(2, 3, 16, 16)).isfinite().all()


def test_state_and_names_are_unchanged() -> None:
    model = create_backbone("compact", 3, **WIDTHS)
    names, keys = [name for name, _ in model.named_modules()], list(model.state_dict())
    checkpoint_blocks(model)
    assert [name for name, _ in model.named_modules()] == names
    assert list(model.state_dict()) == keys


def test_blocks_with_attention_are_left_out() -> None:
    model = build("tokens")
    assert [name for name in checkpoint_blocks(model) if "blocks" in name] == [
        "trunk.blocks.0.module",
        "trunk.blocks.1",
        "trunk.blocks.2",
        "trunk.blocks.3",
    ]
    assert not any("attention" in name for name in checkpoint_blocks(build("noise gate")))


def test_a_graph_may_be_used_twice() -> None:
    model = create_backbone("compact", 3, **WIDTHS).train()
    checkpoint_blocks(model)
    loss = model(torch.rand(2, 3, 16, 16)).square().sum()
    loss.backward(retain_graph=True)
    first = [p.grad.clone() for p in model.parameters()]
    loss.backward()
    for parameter, once in zip(model.parameters(), first, strict=True):
        torch.testing.assert_close(parameter.grad, 2 * once)
