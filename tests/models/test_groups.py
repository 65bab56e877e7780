"""Parameter groups: everything once, each part at its rate, decay where it belongs."""

import pytest
import torch

from regard.models import AttentiveClassifier


def grouped(model: AttentiveClassifier, **options) -> dict[str, dict]:
    groups = model.parameter_groups(0.1, **options)
    flat = [id(p) for group in groups for p in group["params"]]
    assert sorted(flat) == sorted(id(p) for p in model.parameters())
    return {group["name"]: group for group in groups}


def test_rates_of_the_parts() -> None:
    model = AttentiveClassifier("compact", 3, anchors=4, latent=4, input_size=(16, 16))
    groups = grouped(model, backbone_lr=0.01, attention_lr=0.7, anchors_lr=0.5)
    assert {name: group["lr"] for name, group in groups.items()} == {
        "backbone": 0.01,
        "attention": 0.7,
        "anchors": 0.5,
        "prior": 1.0,
        "head": 0.1,
    }
    assert all(group["weight_decay"] == 0 for group in groups.values())


def test_a_rate_of_no_part_is_an_error() -> None:
    model = AttentiveClassifier("compact", 3, input_size=(16, 16))
    with pytest.raises(TypeError, match="no backbonelr; it takes backbone_lr"):
        model.parameter_groups(0.1, backbonelr=0.01)


def test_a_plain_classifiers_head_is_no_backbone() -> None:
    model = AttentiveClassifier("resnet18", 3, attention=None, input_size=(32, 32))
    groups = grouped(model, backbone_lr=0.0)
    assert {id(p) for p in groups["head"]["params"]} == {id(p) for p in model.trunk.fc.parameters()}


def test_no_decay_for_anchors_biases_norms_and_what_the_network_excepts() -> None:
    options = {"depth": 2, "embed_dim": 16, "num_heads": 2}
    model = AttentiveClassifier(
        "swin_tiny_patch4_window7_224", 3, at="layers.0", anchors=4, latent=4, prior="learned", input_size=(32, 32)
    )
    vit = AttentiveClassifier(
        "vit_tiny_patch16_224", 3, at="blocks.0", anchors=4, input_size=(32, 32), backbone_options=options
    )
    for classifier in (model, vit):
        names = {id(p): name for name, p in classifier.named_parameters()}
        groups = grouped(classifier, weight_decay=0.05).values()
        decayed = {names[id(p)] for g in groups if g["weight_decay"] for p in g["params"]}
        free = {names[id(p)] for g in groups if not g["weight_decay"] for p in g["params"]}
        assert all(classifier.get_parameter(name).ndim > 1 for name in decayed)
        assert not any(
            "position_bias" in n or "quantizer" in n or n.endswith(("pos_embed", "cls_token")) for n in decayed
        )
        assert any("quantizer" in name for name in free)
        assert any("attention.proposal" in name for name in decayed)


def test_any_optimizer_takes_them() -> None:
    model = AttentiveClassifier("compact", 3, input_size=(16, 16))
    for optimizer in (torch.optim.SGD, torch.optim.AdamW):
        assert optimizer(model.parameter_groups(0.1, weight_decay=1e-4)).param_groups[0]["name"] == "backbone"
