"""Requirements of every baseline on every backbone: shapes, samples, gradients, one graph, saving and reading."""

from pathlib import Path

import pytest
import torch
from tests.models.baselines.cases import CLASSES, COMPACT, PARAMS, Case
from tests.models.conftest import one_graph  # noqa: F401

from regard.models import BASELINE_NAMES, AttentiveClassifier
from regard.objectives import Weights, information_loss
from regard.types import RegardError


@pytest.fixture(scope="module", params=PARAMS)
def case(request: pytest.FixtureRequest) -> Case:
    return request.param


@pytest.fixture(scope="module")
def model(case: Case) -> AttentiveClassifier:
    return case.build()


def test_every_baseline_has_a_case() -> None:
    assert {param.values[0].baseline for param in PARAMS} == set(BASELINE_NAMES)


def test_shapes_and_maps(case: Case, model: AttentiveClassifier) -> None:
    model.eval()
    for samples in (0, 1, 2):
        S = max(samples, 1)
        with torch.no_grad():
            output = model(case.images(), samples=samples)
        assert output.logits.shape == (S, 3, CLASSES)
        assert len(output.attention) == len(model.at) == case.maps
        for layer in output.attention:
            assert layer.map.shape == layer.raw.shape == (S, 3, 1, *layer.mean.shape[-2:])
            assert layer.features.shape[0] == S * 3
            assert layer.mean.shape[-1] > 1
            if layer.unit == "gate":
                assert layer.map.min() >= 0
                assert layer.map.max() <= 1
    map = model.explain(case.images())
    assert map.unit == {"gap": "relevance", "vit_ib": "bits"}.get(case.baseline, "gate")
    assert torch.allclose(map.values, model.shown(model(case.images()).attention[-1]).values)
    assert map.values.std() > 0 or not map.values.any()  # a class activation map may speak against its class only


def test_samples_differ_where_something_is_random(case: Case, model: AttentiveClassifier) -> None:
    model.eval()
    with torch.no_grad():
        logits = model(case.images(), samples=2).logits
    assert torch.equal(logits[0], logits[1]) == (case.baseline != "vit_ib")
    with torch.no_grad():
        assert torch.equal(model(case.images()).logits, model(case.images(), samples=0).logits)


def test_a_given_map_decides_or_is_refused(case: Case, model: AttentiveClassifier) -> None:
    model.eval()
    map_override = torch.rand(3, 1, 8, 8, generator=torch.Generator().manual_seed(2))
    if case.baseline in ("gap", "vit_ib"):
        with pytest.raises(RegardError, match="cannot be overridden"):
            model(case.images(), map_override=map_override)
        return
    with torch.no_grad():
        first = model(case.images(), map_override=map_override)
        assert not torch.equal(first.logits, model(case.images(), map_override=map_override.flip(3)).logits)
        again = model(case.images(), map_override=[layer.map[0] for layer in first.attention])
        own = model(case.images())
        same = model(case.images(), map_override=[layer.map[0] for layer in own.attention])
    assert torch.allclose(first.logits, again.logits, atol=1e-5)
    assert torch.allclose(own.logits, same.logits, atol=1e-5)


def test_every_parameter_learns(case: Case, model: AttentiveClassifier) -> None:
    model.train().zero_grad()
    losses = information_loss(model(case.images()), torch.tensor([0, 1, 2]), Weights(map_beta=1e-3))
    assert (losses.auxiliary is None) == (case.baseline != "abn")
    losses.total.backward()
    idle = [name for name, p in model.named_parameters() if p.grad is None or not p.grad.isfinite().all()]
    assert not idle
    still = [name for name, p in model.named_parameters() if p.ndim > 1 and not p.grad.any()]
    assert not still
    grouped = [p for group in model.parameter_groups(0.1, weight_decay=0.1) for p in group["params"]]
    assert len(grouped) == len(list(model.parameters()))
    model.zero_grad()


def test_one_graph(case: Case, model: AttentiveClassifier, one_graph) -> None:  # noqa: F811
    model.eval()
    with torch.no_grad():
        eager, compiled = model(case.images()), one_graph(model, case.images())
    assert torch.allclose(compiled.logits, eager.logits, atol=1e-4)
    for compiled_output, eager_output in zip(compiled.attention, eager.attention, strict=True):
        assert torch.allclose(compiled_output.map, eager_output.map, atol=1e-4)
    for compiled_output, eager_output in zip(compiled.auxiliary, eager.auxiliary, strict=True):
        assert torch.allclose(compiled_output, eager_output, atol=1e-4)


def test_a_saved_model_predicts_the_same(case: Case, model: AttentiveClassifier, tmp_path: Path) -> None:
    model.eval().save_pretrained(tmp_path)
    loaded = AttentiveClassifier.from_pretrained(tmp_path)
    assert torch.equal(loaded.predict(case.images()), model.predict(case.images()))
    assert torch.equal(loaded.explain(case.images()).values, model.explain(case.images()).values)
    assert loaded.at == model.at


def test_an_unknown_option_lists_the_near_ones(case: Case) -> None:
    with pytest.raises(RegardError, match=f"attention='{case.baseline}' has no option kernl"):
        Case(case.baseline, case.backbone, case.at, {"kernl": 3}, case.backbone_options, case.side).build()


def test_no_anchors(case: Case) -> None:
    with pytest.raises(RegardError, match="no map to quantize"):
        case.build(anchors=4)


def test_an_unknown_mechanism_lists_baselines_too() -> None:
    with pytest.raises(RegardError, match="'ltpaa': no such mechanism; did you mean ltpa"):
        Case("ltpaa", "compact").build()


def test_layers_may_be_named_in_any_order() -> None:
    forwards, backwards = (
        Case("ltpa", "compact", at, {}, COMPACT).build() for at in (("stage2", "stage3"), ("stage3", "stage2"))
    )
    images = torch.rand(2, 3, 32, 32)
    assert torch.equal(forwards.predict(images), backwards.predict(images))
