"""Measures of cells: Grad-CAM maps for a network without attention, and a column for every measure."""

import pytest
import torch
from torch import Tensor

from regard.data import DataSplits
from regard.evaluation import MEASURES, EvaluationContext
from regard.evaluation.interventions import predict_with_maps
from regard.experiments.tables.columns import COLUMNS
from regard.explain import explain
from regard.metrics import consistency, high_pass, low_pass, map_information
from regard.models import AttentiveClassifier
from regard.types import NATS_PER_BIT, Map, RegardError

pytestmark = pytest.mark.usefixtures("own_cache")


def context_of(birds: DataSplits, attention: str | None, latent: int | None = None) -> EvaluationContext:
    torch.manual_seed(0)
    model = AttentiveClassifier(
        "compact",
        len(birds.classes),
        at=None if attention is None else "stage1",
        attention=attention,
        latent=latent,
        input_size=(48, 48),
    )
    return EvaluationContext(model.eval(), birds, seed=0, fallback="grad_cam")


def test_maps_of_a_network_without_attention_are_grad_cam(birds: DataSplits) -> None:
    plain = context_of(birds, None)
    index = torch.arange(3)
    images, classes = birds.test.batch(index).images, plain.observation.mean.argmax(1)[index]
    expected = explain(plain.model, images, "grad_cam", target=classes).values
    torch.testing.assert_close(plain.map.values[index], expected)
    torch.testing.assert_close(plain.observe_changed(images, classes)[1], expected)
    assert len(plain.map.values) == len(birds.test)
    own = context_of(birds, "noise")
    assert own.observation.map is not None
    assert own.map is own.observation.map


@pytest.mark.parametrize("attention", [None, "noise"])
def test_every_measure_gives_its_columns(birds: DataSplits, attention: str | None) -> None:
    context = context_of(birds, attention, latent=None if attention is None else 4)
    values, arrays = {}, {}
    for name, measure in MEASURES.items():
        if name not in ("unknown", "masks", "removal"):
            columns = measure(context)
            values |= columns.numbers
            arrays |= columns.with_references()
    assert not {"parameters"} & values.keys()
    assert all(len(array) == len(birds.test) for array in arrays.values()), "fewer images than a measure takes at most"
    of_map = {
        key: column for key, column in COLUMNS.items() if key.startswith(("auc", "energy", "area", "near", "gaze"))
    }
    unit = "relevance" if attention is None else "bits"
    others = tuple(other for other in ("bits", "gate", "relevance") if other != unit)
    for key, column in of_map.items():
        assert (column.stored_as in arrays) is not key.endswith(others), key
    if attention is not None:
        of_prediction = {
            key: column for key, column in COLUMNS.items() if key.startswith(("accuracy", "consistent", "deletion"))
        }
        assert {column.stored_as for column in of_prediction.values()} <= arrays.keys()
        assert arrays["accuracy_own_map"].equal(arrays["accuracy_mean"])
    assert arrays["consistent_spatial"].nan_to_num(0).ge(0).all()


@pytest.mark.filterwarnings("ignore::regard.explain.ZeroMapWarning")
@pytest.mark.parametrize("attention", [None, "noise"])
def test_interpretability_is_the_papers_score(birds: DataSplits, attention: str | None) -> None:
    context = context_of(birds, attention)
    images, classes = birds.test.batch(torch.arange(len(birds.test))).images, context.observation.mean.argmax(1)

    def maps(x: Tensor, c: Tensor) -> Map:
        return context.model.explain(x) if attention else explain(context.model, x, "grad_cam", target=c)

    changes = [low_pass(images, radius=4), high_pass(images, radius=4)]
    results = [consistency(context.model.predict, maps, images, changed, classes) for changed in changes]
    items = MEASURES["interpretability"](context).items
    for name, scores in {
        "consistent_frequency": [result.score(0.9) for result in results],
        "consistent_frequency_same": [result.score_where_same(0.9) for result in results],
    }.items():
        torch.testing.assert_close(items[name], torch.stack(scores).nanmean(0), equal_nan=True)


def test_map_information_is_of_the_map_distribution(birds: DataSplits) -> None:
    context = context_of(birds, "noise")
    images = birds.test.batch(torch.arange(len(birds.test))).images
    with torch.no_grad():
        (layer,) = context.model(images).attention
    assert layer.std is not None
    expected = map_information(layer.mean, layer.std) / NATS_PER_BIT
    torch.testing.assert_close(MEASURES["information"](context).items["map_bits"], expected, rtol=1e-3, atol=1e-3)
    assert "map_bits" not in MEASURES["information"](context_of(birds, "deterministic")).items


def test_an_intervention_changes_the_prediction_where_the_map_is_used(birds: DataSplits) -> None:
    context = context_of(birds, "noise")
    closed = [torch.zeros_like(context.observation.gates[0])]
    probabilities, _ = predict_with_maps(context.model, birds.test, closed, torch.arange(len(birds.test)))
    assert (probabilities - probabilities[:1]).abs().max() < 1e-6, "nothing passes a closed gate"
    some = torch.tensor([3, 1])
    own, _ = predict_with_maps(context.model, birds.test, [context.observation.gates[0][some]], some)
    torch.testing.assert_close(own, context.observation.mean[some])


def test_a_subset_of_images_is_evenly_spaced(birds: DataSplits) -> None:
    context = context_of(birds, None)
    assert context.subset(10**6).tolist() == list(range(len(birds.test)))
    assert context.subset(3).tolist() == [0, (len(birds.test) - 1) // 2, len(birds.test) - 1]


def test_unknown_images_must_be_named(birds: DataSplits) -> None:
    with pytest.raises(RegardError, match="needs another data set"):
        MEASURES["unknown"](context_of(birds, "noise", latent=4))
