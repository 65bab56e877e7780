"""Every family: shapes, gradients, identity at multiplier one, round trip, bf16, one graph."""

import copy
from pathlib import Path

import pytest
import torch
from tests.models.families import CLASSES, PARAMS, Family

from regard.attention import create_attention
from regard.backbones import attended, create_backbone, original_keys, record, take_head
from regard.models import AttentiveClassifier


@pytest.fixture(scope="module", params=PARAMS)
def family(request: pytest.FixtureRequest) -> Family:
    return request.param


@pytest.fixture(scope="module")
def classifier(family: Family) -> AttentiveClassifier:
    return family.build(attention="noise", latent=8)


def test_shapes_cut_and_map(family: Family, classifier: AttentiveClassifier) -> None:
    classifier.eval()
    output = classifier(family.images(), samples=3)
    assert output.logits.shape == (3, 2, CLASSES)
    (layer,) = output.attention
    assert layer.map.shape == layer.price.shape == (3, 2, 1, *layer.mean.shape[-2:])
    assert layer.mean.shape[-1] * family.size[0] == layer.mean.shape[-2] * family.size[1]
    assert output.rate.shape == (3, 2)
    assert classifier.cut.is_cut == family.cut == (not classifier.cut.bypasses)
    assert classifier.explain(family.images()).unit == ("bits" if family.cut else "gate")
    assert torch.allclose(classifier.predict(family.images()).sum(1), torch.ones(2))


def test_every_parameter_gets_a_gradient(family: Family, classifier: AttentiveClassifier) -> None:
    classifier.train().zero_grad()
    output = classifier(family.images())
    (output.logits.square().mean() + output.rate.mean() + 1e-6 * output.attention[0].price.sum()).backward()
    without = [n for n, p in classifier.named_parameters() if p.grad is None or not p.grad.isfinite().all()]
    assert not without
    attention_parameters = [p for layer in attended(classifier.trunk).values() for p in layer.attention.parameters()]
    assert all(p.grad.abs().sum() > 0 for p in [*attention_parameters, *classifier.bottleneck.parameters()])
    classifier.zero_grad()


@pytest.mark.parametrize("attention", ["noise", "aib", "mask"])
def test_multiplier_one_is_the_plain_network_bit_for_bit(
    family: Family, classifier: AttentiveClassifier, attention: str
) -> None:
    ((name, layer),) = attended(classifier.trunk).items()
    plain = create_backbone(family.backbone, CLASSES, img_size=family.size, **family.options).eval()
    take_head(plain)
    own, originals = classifier.trunk.state_dict(), original_keys(classifier.trunk)
    own = {key: value for key, value in own.items() if f"{name}.attention." not in key}
    sampled = {originals[key]: value for key, value in own.items() if ".mean_path_" not in key}
    mean = sampled | {originals[key]: value for key, value in own.items() if ".mean_path_" in key}
    own = layer.attention
    classifier.eval()
    try:
        layer.attention = create_attention(attention, own.gate.mean.shape[0]).eval()
        map_override = torch.full((1, 1, 1, 1), layer.attention.gate.unit_value)
        for samples, statistics in ((0, mean), (1, sampled)):
            plain.load_state_dict(statistics)
            with torch.no_grad(), record(classifier.trunk, samples=samples, map_override=map_override):
                assert torch.equal(classifier.trunk(family.images()), plain(family.images()))
    finally:
        layer.attention = own


def test_a_saved_classifier_predicts_the_same(family: Family, classifier: AttentiveClassifier, tmp_path: Path) -> None:
    classifier.save_pretrained(tmp_path)
    loaded = AttentiveClassifier.from_pretrained(tmp_path)
    (tmp_path / "model.safetensors").unlink()
    assert torch.equal(loaded.predict(family.images()), classifier.predict(family.images()))
    fresh = family.build(attention="noise", latent=8)
    fresh.load_state_dict(copy.deepcopy(classifier.state_dict()))
    assert torch.equal(fresh.predict(family.images()), classifier.predict(family.images()))


def test_bf16(family: Family, classifier: AttentiveClassifier) -> None:
    classifier.train()
    with torch.autocast("cpu", dtype=torch.bfloat16):
        output = classifier(family.images())
        loss = output.logits.float().square().mean() + output.rate.mean()
    loss.backward()
    assert output.attention[0].price.dtype == output.rate.dtype == torch.float32
    assert output.attention[0].features.dtype in (torch.bfloat16, torch.float32)
    assert all(p.grad is None or p.grad.isfinite().all() for p in classifier.parameters())
    classifier.zero_grad()


def test_one_graph(family: Family, classifier: AttentiveClassifier, one_graph) -> None:
    classifier.eval()
    with torch.no_grad():
        compiled = one_graph(classifier, family.images())
        eager = classifier(family.images())
    assert torch.allclose(compiled.logits, eager.logits, atol=1e-4)
    assert torch.allclose(compiled.attention[0].map, eager.attention[0].map, atol=1e-5)
