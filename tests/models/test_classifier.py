"""The attentive classifier on small networks."""

import copy

import pytest
import torch
from tests.backbones.toys import Chain, Half
from tests.models.families import Family
from torch import nn

from regard.backbones import LITE0_NORMALIZE, LITE0_WEIGHTS, attended, create_backbone
from regard.models import AttentiveClassifier
from regard.types import NATS_PER_BIT, RegardError

SMALL = {"widths": (4, 6, 8, 8)}


def small(num_classes: int = 4, **arguments) -> AttentiveClassifier:
    torch.manual_seed(0)
    options = {"input_size": (16, 16), "backbone_options": SMALL, **arguments}
    return AttentiveClassifier("compact", num_classes, **options)


def images(count: int = 3) -> torch.Tensor:
    return torch.rand(count, 3, 16, 16, generator=torch.Generator().manual_seed(1))


def parameters(model: nn.Module) -> int:
    return sum(p.numel() for p in model.parameters())


@pytest.mark.parametrize(("classes", "size"), [(10, 20_040_789), (100, 20_063_919)])
def test_the_papers_vgg_has_its_size(classes: int, size: int) -> None:
    model = AttentiveClassifier(
        "vgg_cifar", classes, attention="aib", latent=256, decoder="mlp", kl="released", input_size=(32, 32)
    )
    assert parameters(model) == size
    assert model.at == ("stem",)
    assert model.cut.is_cut


@pytest.mark.slow
def test_the_papers_wrn_has_its_size() -> None:
    options = {"head": "wrn_branch"}
    model = AttentiveClassifier(
        "wrn28_10", 10, attention="aib", attention_options=options, latent=512, decoder="relu_linear", input_size=(8, 8)
    )
    assert parameters(model) == 65_004_500
    assert model.at == ("block2",)


def test_without_attention_and_latent_it_is_the_plain_network() -> None:
    model = small(attention=None).eval()
    plain = create_backbone("compact", 4, **SMALL).eval()
    plain.load_state_dict(model.trunk.state_dict())
    output = model(images(), samples=0)
    assert torch.equal(output.logits[0], plain(images()))
    assert output.attention == ()
    assert output.latent is None
    assert output.rate is None
    assert model(images(), samples=5).logits.shape == (1, 3, 4)
    with pytest.raises(RegardError, match="nothing is attended"):
        model.explain(images())


@pytest.mark.parametrize("latent", [None, 6])
@pytest.mark.parametrize("attention", ["noise", "aib", "mask", "deterministic", "uniform", None])
def test_samples(attention: str | None, latent: int | None) -> None:
    model = small(attention=attention, latent=latent)
    sampled = 4 if attention or latent else 1
    assert model(images(), samples=4).logits.shape == (sampled, 3, 4)
    model.eval()
    assert torch.equal(model(images()).logits, model(images(), samples=0).logits)
    assert torch.equal(model.predict(images()), model.predict(images()))
    random = attention in ("noise", "aib", "mask") or latent is not None
    one = model(images(), samples=1).logits
    assert torch.equal(one, model(images(), samples=1).logits) != random
    model.train()
    assert torch.equal(model(images()).logits, model(images()).logits) != random


def test_the_stem_runs_once_and_the_trunk_for_every_sample() -> None:
    model = small(latent=6)
    batch_sizes = {}
    for name in ("stage1", "stage3"):
        model.trunk.get_submodule(name).register_forward_hook(
            lambda _m, args, _o, name=name: batch_sizes.update({name: args[0].shape[0]})
        )
    model(images(), samples=5)
    assert batch_sizes == {"stage1": 3, "stage3": 15}


def test_predict_averages_probabilities_or_logits() -> None:
    for average in ("probabilities", "logits"):
        model = small(average=average).eval()
        torch.manual_seed(3)
        logits = model(images(), samples=4).logits
        torch.manual_seed(3)
        mean = logits.softmax(-1).mean(0) if average == "probabilities" else logits.mean(0).softmax(-1)
        assert torch.allclose(model.predict(images(), samples=4), mean, atol=1e-6)


def test_predict_and_explain_do_not_change_modes_and_gradients() -> None:
    model = small(latent=4)
    model.trunk.stage1.eval()
    assert not model.predict(images()).requires_grad
    model.explain(images())
    assert model.training
    assert not model.trunk.stage1.training
    with pytest.raises(RegardError):
        model.predict(torch.rand(1, 5, 16, 16))
    assert model.training


def test_explain_gives_bits_where_they_mean_something() -> None:
    model = small().eval()
    bits = model.explain(images())
    assert bits.unit == "bits"
    assert torch.allclose(bits.values, model(images()).attention[0].price[0] / NATS_PER_BIT)
    gate = small(attention="mask", anchors=4).explain(images())
    assert gate.unit == "gate"
    assert gate.values.min() >= 0
    assert gate.values.max() <= 1


def test_no_bits_where_something_goes_around() -> None:
    model = AttentiveClassifier(Chain(skip=True), 2, at="second", input_size=(8, 8))
    assert model.cut.bypasses == ("a path of the network itself goes around second",)
    assert model.explain(torch.rand(1, 3, 8, 8)).unit == "gate"


def test_given_maps_are_used() -> None:
    model = small().eval()
    map_override = torch.rand(3, 1, 8, 8)
    output = model(images(), map_override=map_override)
    assert torch.equal(output.attention[0].map[0], map_override)
    assert not torch.equal(output.logits, model(images(), map_override=map_override.flip(0)).logits)


def test_several_layers() -> None:
    model = small(at=["stage1", "stage2"], anchors=3, latent=4)
    output = model(images(), samples=2)
    assert [layer.map.shape for layer in output.attention] == [(2, 3, 1, 8, 8), (2, 3, 1, 4, 4)]
    assert [layer.code.shape for layer in output.attention] == [(3,), (3,)]
    assert model.explain(images(), layer=0).values.shape == (3, 1, 8, 8)


def test_multi_label() -> None:
    model = small(multi_label=True, latent=4)
    optimizer = torch.optim.Adam(model.parameters(), lr=0.01)
    targets = torch.tensor([[1.0, 1, 0, 0], [0, 1, 1, 0], [0, 0, 0, 0]])
    losses = []
    for _ in range(30):
        loss = nn.functional.binary_cross_entropy_with_logits(model(images()).logits.mean(0), targets)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    assert losses[-1] < 0.7 * losses[0]
    probabilities = model.predict(images())
    assert ((probabilities > 0) & (probabilities < 1)).all()
    assert not torch.allclose(probabilities.sum(1), torch.ones(3))


def test_a_custom_network_gets_a_classifier_for_its_classes() -> None:
    model = AttentiveClassifier(Chain(), 7, at="second", attention="aib", input_size=(8, 8))
    assert model(torch.rand(2, 3, 8, 8)).logits.shape == (1, 2, 7)
    latent = AttentiveClassifier(Chain(), 7, at="second", latent=3, input_size=(8, 8))
    assert latent(torch.rand(2, 3, 8, 8)).logits.shape == (1, 2, 7)
    with pytest.raises(RegardError, match="linear classifier"):
        AttentiveClassifier(nn.Sequential(nn.Conv2d(3, 4, 3), nn.Flatten()), 7, at="0")


def test_a_custom_attention() -> None:
    model = AttentiveClassifier("compact", 3, attention=Half, input_size=(16, 16), backbone_options=SMALL).eval()
    assert (model(images()).attention[0].map == 0.5).all()
    with pytest.raises(RegardError, match="do not reach"):
        AttentiveClassifier("compact", 3, attention=Half, anchors=4, input_size=(16, 16))


def test_normalisation_is_that_of_the_pretrained_weights_or_the_given_one() -> None:
    assert small().config["normalize"] is None
    model = small(normalize=((0.5, 0.4, 0.3), (0.2, 0.2, 0.1))).eval()
    plain = small().eval()
    plain.load_state_dict(model.state_dict())
    scaled = (images() - torch.tensor([0.5, 0.4, 0.3])[:, None, None]) / torch.tensor([0.2, 0.2, 0.1])[:, None, None]
    assert torch.allclose(model(images()).logits, plain(scaled).logits, atol=1e-5)
    lite = AttentiveClassifier(
        "tf_efficientnet_lite0", 5, pretrained=LITE0_WEIGHTS, attention=None, input_size=(32, 32)
    )
    assert lite.config["normalize"] == LITE0_NORMALIZE
    with pytest.raises(RegardError, match="normalize"):
        small(normalize=((0.5,), (0.0,)))


def test_channels_of_images_are_checked() -> None:
    grey = small(input_size=(1, 16, 16))
    assert grey(torch.rand(2, 1, 16, 16)).logits.shape == (1, 2, 4)
    with pytest.raises(RegardError, match=r"\(B,1,H,W\) was expected"):
        grey(images())
    with pytest.raises(RegardError, match="num_classes=0"):
        small(0)
    with pytest.raises(RegardError, match="input_size"):
        small(input_size=(16,))


def test_an_unknown_layer_lists_the_nearest() -> None:
    with pytest.raises(RegardError, match="nearest: stage2"):
        small(at="stgae2")


def test_an_unknown_map_head_lists_the_nearest() -> None:
    with pytest.raises(RegardError, match="nearest: wrn_branch"):
        small(attention_options={"head": "wrn_brunch"})


def test_default_layers() -> None:
    assert small().at == ("stage1",)
    family = Family("vit_tiny_patch16_224", "", options={"depth": 6})
    assert family.build(at=None, attention="aib").at == ("blocks.4",)
    assert Family("mobilenetv3_small_050", "").build(at=None, attention="aib").at == ("blocks.3",)
    assert Family("torchvision:resnet18", "").build(at=None, attention="aib").at == ("layer3",)
    assert AttentiveClassifier(Chain(), 2, input_size=(8, 8)).at == ("third",)


def test_copies_and_states() -> None:
    model = small(anchors=4, latent=4).eval()
    twin = copy.deepcopy(model)
    assert torch.equal(twin.predict(images()), model.predict(images()))
    other = small(anchors=4, latent=4)
    assert not other.load_state_dict(model.state_dict()).missing_keys


def test_a_plain_training_loop_lowers_the_loss() -> None:
    from regard.objectives import Weights, information_loss

    model = small(anchors=4, latent=8)
    labels = torch.arange(12) % 4
    inputs = torch.rand(12, 3, 16, 16) * 0.2 + torch.eye(4)[labels][:, :3, None, None] * 0.6
    optimizer = torch.optim.Adam(model.parameter_groups(0.01, weight_decay=1e-4))
    before = {name: p.detach().clone() for name, p in model.named_parameters()}
    losses = []
    for _ in range(40):
        losses.append(information_loss(model(inputs), labels, Weights(beta=1e-3, map_beta=1e-5)).task)
        total = information_loss(model(inputs), labels, Weights(beta=1e-3, map_beta=1e-5)).total
        optimizer.zero_grad()
        total.backward()
        optimizer.step()
    assert losses[-1] < 0.5 * losses[0]
    assert all(not torch.equal(p, before[name]) for name, p in model.named_parameters())


def test_one_graph_forwards_and_backwards(one_graph) -> None:
    model = small(anchors=4, latent=4)
    output = one_graph(model, images())
    output.logits.sum().backward()
    assert all(p.grad is not None for name, p in model.named_parameters() if "prior_logits" not in name)


@pytest.mark.slow
def test_inductor(one_graph) -> None:
    model = AttentiveClassifier(Chain(), 2, at="second", input_size=(8, 8)).eval()
    inputs = torch.rand(2, 3, 8, 8)
    with torch.no_grad():
        compiled = one_graph(model, inputs, backend="inductor").logits
        assert torch.allclose(compiled, model(inputs).logits, atol=1e-5)


@pytest.mark.parametrize(("kl", "learns"), [("exact", True), ("released", False)])
def test_anchors_of_the_released_code_learn_from_the_codebook_loss_alone(kl: str, learns: bool) -> None:
    model = small(attention="aib", anchors=3, latent=4, kl=kl).train()
    model(images()).logits.square().sum().backward()
    (layer,) = attended(model.trunk).values()
    assert (layer.attention.quantizer.raw.grad is not None) is learns
