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


def test_statistics_of_frozen_layers_do_not_change() -> None:
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


@pytest.mark.parametrize("samples", [0, 1, 3])
@pytest.mark.parametrize("attention", ["noise", "aib", None])
def test_outputs_from_the_stem_equal_those_from_the_images(attention: str | None, samples: int) -> None:
    torch.manual_seed(1)
    model = AttentiveClassifier("resnet18", 3, at="layer2", attention=attention, latent=4, input_size=(32, 32)).eval()
    model.freeze("layer2")
    images = torch.rand(2, 3, 32, 32)
    kept = model.stem(images)
    torch.manual_seed(2)
    whole = model(images, samples=samples)
    torch.manual_seed(2)
    rest = model(torch.empty(2, 3, 0, 0), samples=samples, stem=kept)
    assert torch.allclose(rest.logits, whole.logits, atol=1e-5)
    assert torch.allclose(rest.rate, whole.rate, rtol=1e-4)
    for a, b in zip(rest.attention, whole.attention, strict=True):
        assert torch.allclose(a.map, b.map, atol=1e-5)
        assert torch.allclose(a.features, b.features, atol=1e-4)


def test_samples_are_repeated_at_the_stem_where_something_goes_around_the_gate() -> None:
    model = AttentiveClassifier("deit_tiny_patch16_224", 3, at="blocks.2", attention="aib", input_size=(32, 32)).eval()
    assert not model.cut.is_cut
    model.freeze("blocks.1")
    images = torch.rand(2, 3, 32, 32)
    kept = model.stem(images)
    torch.manual_seed(2)
    whole = model(images, samples=3)
    torch.manual_seed(2)
    assert torch.allclose(model(images, samples=3, stem=kept).logits, whole.logits, atol=1e-5)


def test_without_a_frozen_layer_there_is_no_stem() -> None:
    model = AttentiveClassifier("compact", 3, at="stage1", input_size=(32, 32))
    with pytest.raises(RegardError, match="nothing is frozen"):
        model.stem(torch.rand(1, 3, 32, 32))


NETWORKS = {
    "compact": ("stage2", (16, 16), {}),
    "resnet10t": ("layer3", (32, 32), {}),
    "mobilenetv3_small_050": ("blocks.3", (32, 32), {"drop_rate": 0.5}),
    "vit_tiny_patch16_224": (
        "blocks.1",
        (32, 32),
        {"depth": 3, "embed_dim": 16, "num_heads": 2, "proj_drop_rate": 0.3},
    ),
}


@pytest.mark.parametrize("name", NETWORKS)
def test_all_leaves_the_network_bit_for_bit_and_learns_the_map(name: str) -> None:
    at, size, options = NETWORKS[name]
    torch.manual_seed(0)
    plain = AttentiveClassifier(name, 3, attention=None, input_size=size, backbone_options=options).eval()
    model = AttentiveClassifier(
        name, 3, at=at, attention="noise", statistics="shared", input_size=size, backbone_options=options
    )
    inside, images = f"trunk.{at}.", torch.rand(6, 3, *size)
    state = model.state_dict()
    network = {key: key.replace(f"{inside}module.", inside) for key in state if ".attention." not in key}
    model.load_state_dict({key: plain.state_dict()[source] for key, source in network.items()}, strict=False)
    model.freeze("all")
    model.train()
    before = {key: value.clone() for key, value in model.state_dict().items()}
    groups = model.parameter_groups(0.1)
    assert {group["name"] for group in groups} == {"attention"}
    optimizer = torch.optim.SGD(groups, lr=0.1)
    for _ in range(3):
        output = model(images)
        loss = torch.nn.functional.cross_entropy(output.logits[0], torch.arange(6) % 3)
        optimizer.zero_grad()
        (loss + 1e-3 * output.attention[0].price.mean()).backward()
        optimizer.step()
    moved = {key for key, value in model.state_dict().items() if not torch.equal(value, before[key])}
    assert moved
    assert all(".attention." in key for key in moved)
    assert any(key.endswith("logit.weight") for key in moved), "the map learned"
    open_map = torch.ones(1, 1, 1, 1)
    assert torch.equal(model.predict(images, samples=0, map_override=open_map), plain.predict(images))


def test_all_needs_attention_and_one_set_of_statistics() -> None:
    with pytest.raises(RegardError, match="nothing is attended"):
        AttentiveClassifier("compact", 3, attention=None, input_size=(16, 16)).freeze("all")
    with pytest.raises(RegardError, match="statistics='shared'"):
        AttentiveClassifier("compact", 3, attention="noise", input_size=(16, 16)).freeze("all")
    AttentiveClassifier("compact", 3, attention="mask", input_size=(16, 16)).freeze("all")


def test_all_resumes_from_the_first_attended_layer() -> None:
    model = AttentiveClassifier("compact", 3, at=["stage2", "stage1"], attention="mask", input_size=(16, 16)).eval()
    model.freeze("all")
    assert model.frozen_upto == "stage1"
    images = torch.rand(2, 3, 16, 16)
    resumed = model(images[:0], stem=model.stem(images)).logits
    torch.testing.assert_close(resumed, model(images).logits)
