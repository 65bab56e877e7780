"""One pass over a split, against the same numbers computed by hand; batch sizes, and frozen layers that run once."""

import math

import pytest
import torch
from tests.training.tiny import tiny

from regard.data import TensorSplit
from regard.evaluation import observe
from regard.evaluation.interventions import predict_with_maps
from regard.evaluation.observe import LARGEST_BATCH, max_batch_size
from regard.evaluation.transfer import of_network
from regard.metrics import nll
from regard.models import AttentiveClassifier
from regard.training import TASKS, build_data, seed_everything
from regard.types import NATS_PER_BIT


def split(count: int = 7, classes: int = 4) -> TensorSplit:
    draw = torch.Generator().manual_seed(3)
    images = torch.randint(0, 256, (count, 3, 16, 16), generator=draw, dtype=torch.uint8)
    return TensorSplit("test", tuple("abcd"[:classes]), images, torch.arange(count) % classes)


def model(**options) -> AttentiveClassifier:
    torch.manual_seed(0)
    arguments = {"input_size": (16, 16), "backbone_options": {"widths": (4, 4, 8, 8)}, **options}
    return AttentiveClassifier("compact", 4, **arguments)


def test_latent_and_gate_bits_of_one_sample() -> None:
    network, items = model(latent=5), split()
    observation = observe(network, items, seed=9)
    network.eval()
    seed_everything(9, 0)
    with torch.no_grad():
        one = network(items.batch(range(7)).images, samples=1)
    latent = one.latent
    kl = (0.5 * (latent.mean**2 + latent.std**2 - 1) - latent.std.log()).sum(1) / math.log(2)
    torch.testing.assert_close(observation.rates["latent_bits"], kl, rtol=1e-4, atol=1e-4)
    price = one.attention[0].price[0].sum((1, 2, 3)) / NATS_PER_BIT
    torch.testing.assert_close(observation.rates["gate_bits"], price)
    torch.testing.assert_close(observation.one, one.logits[0].softmax(-1))
    assert set(observation.rates) == {"latent_bits", "gate_bits"}


def test_code_bits_and_use_of_anchors() -> None:
    network, items = model(attention="mask", anchors=3), split()
    observation = observe(network, items, seed=9)
    network.eval()
    seed_everything(9, 0)
    with torch.no_grad():
        out = network(items.batch(range(7)).images, samples=1).attention[0]
    bits = [-sum(float(out.log_prior[k]) for k in image.flatten()) / math.log(2) for image in out.index[0]]
    torch.testing.assert_close(observation.rates["code_bits"], torch.tensor(bits), rtol=1e-4, atol=1e-4)
    assert set(observation.rates) == {"code_bits"}
    assert observation.anchor_counts.tolist() == [int((out.index == k).sum()) for k in range(3)]
    assert torch.equal(observation.anchors, out.anchors)


def test_observations_repeat_and_the_mean_is_without_noise() -> None:
    network, items = model(latent=5), split()
    network.train()
    first = observe(network, items, seed=1)
    torch.rand(5)
    second = observe(network, items, seed=1)
    other = observe(network, items, seed=2)
    assert network.training
    for name in ("mean", "one"):
        assert torch.equal(getattr(first, name), getattr(second, name))
        assert torch.equal(getattr(first, name), getattr(other, name)) == (name == "mean")
    assert torch.equal(first.averaged[4], second.averaged[4])
    assert not torch.equal(first.averaged[4], other.averaged[4])
    assert torch.equal(first.mean, network.predict(items.batch(range(7)).images))
    assert first.map.unit == "bits"
    assert torch.equal(first.map.values, network.explain(items.batch(range(7)).images).values)
    assert torch.equal(first.gates[0], network.eval()(items.batch(range(7)).images).attention[0].map[0])


def test_predictions_over_more_samples_begin_with_those_over_fewer() -> None:
    network, items = model(latent=5), split()
    observation = observe(network, items, seed=1, samples=(2, 5))
    assert set(observation.averaged) == {2, 5}
    seed_everything(1, 0)
    with torch.no_grad():
        network.eval()(items.batch(range(7)).images, samples=1)
        logits = network(items.batch(range(7)).images, samples=5).logits
    for samples, probabilities in observation.averaged.items():
        torch.testing.assert_close(probabilities, logits[:samples].softmax(-1).mean(0))
    assert observe(network, items, seed=1, samples=()).averaged == {}


def test_the_stem_runs_once_for_all_samples() -> None:
    network, items = model(latent=5), split()
    ran: list[int] = []
    hook = network.trunk.stem.register_forward_hook(lambda _m, args, _out: ran.append(len(args[0])))
    observe(network, items, seed=1, samples=(1, 4, 12))
    hook.remove()
    assert ran == [7, 7, 7]  # the mean, one sample, all twelve


def test_the_kept_share_is_that_of_the_mean_map() -> None:
    network, items = model(attention="mask", anchors=3, attention_options={"initial": 0.2}), split()
    observation = observe(network, items, seed=1)
    expected = (observation.gates[0] > 0).float().flatten(1).mean(1)
    torch.testing.assert_close(observation.kept, expected)
    assert observe(model(attention="aib", anchors=3), items, seed=1).kept is None


def test_batches_join_in_order(monkeypatch: pytest.MonkeyPatch) -> None:
    import sys

    network, items = model(attention="deterministic"), split()
    whole = observe(network, items, seed=1)
    monkeypatch.setattr(sys.modules["regard.evaluation.observe"], "max_batch_size", lambda *_: 3)
    parts = observe(network, items, seed=1)
    torch.testing.assert_close(parts.mean, whole.mean)
    torch.testing.assert_close(parts.map.values, whole.map.values)
    assert parts.map.unit == "gate"


def test_a_plain_network_has_neither_map_nor_samples() -> None:
    observation = observe(model(attention=None), split(), seed=1)
    assert observation.one is None
    assert observation.map is None
    assert observation.gates == ()
    assert observation.rates == {}


def sized_split(height: int, width: int) -> TensorSplit:
    return TensorSplit(
        "test",
        images=torch.zeros(2, 3, height, width, dtype=torch.uint8),
        labels=torch.tensor([0, 1]),
        classes=("a", "b"),
    )


@pytest.mark.parametrize(
    ("size", "expected"),
    [
        ((32, 32), LARGEST_BATCH),
        ((48, 48), LARGEST_BATCH),
        ((48, 96), LARGEST_BATCH // 2),
        ((192, 192), 16),
        ((900, 900), 1),
    ],
)
def test_batches_of_large_images_are_small(size: tuple[int, int], expected: int) -> None:
    assert max_batch_size(sized_split(*size)) == expected


def test_other_devices_use_the_whole_batch() -> None:
    assert max_batch_size(sized_split(192, 192), "cuda") == LARGEST_BATCH


def test_a_frozen_stem_runs_once_per_image_with_the_same_result() -> None:
    torch.manual_seed(0)
    data = build_data(tiny("data"))
    images = data.test.batch([0]).images
    model = AttentiveClassifier("compact", 10, at="stage2", latent=4, input_size=tuple(images.shape[-2:])).eval()
    before = observe(model, data.test, seed=0)
    calls = []
    first = next(module for module in model.trunk.modules() if isinstance(module, torch.nn.Conv2d))
    first.register_forward_hook(lambda *_: calls.append(1))
    observe(model, data.test, seed=0)
    calls_before = len(calls)
    model.freeze("stage1")
    model.stem(images)  # the first time it looks for what is the stem
    calls.clear()
    after = observe(model, data.test, seed=0)
    assert 1 == len(calls) < calls_before
    torch.testing.assert_close(after.mean, before.mean)
    assert before.one is not None
    assert after.one is not None
    torch.testing.assert_close(after.one, before.one)
    torch.testing.assert_close(after.averaged[12], before.averaged[12])


def test_scores_maps_interventions_and_attacks_take_the_declared_prediction() -> None:
    network, items = model(latent=5, prediction="seeded"), split()
    network.train()(items.batch(range(7)).images)
    network.eval()
    images, labels = items.batch(range(7)).images, items.labels
    with torch.no_grad():
        declared, mean = network(images), network(images, samples=0)
    observation = observe(network, items, seed=9)
    assert observation.path == "seeded"
    torch.testing.assert_close(observation.mean, declared.logits[0].softmax(-1))
    torch.testing.assert_close(observation.map.values, network.shown(declared.attention[0]).values)
    torch.testing.assert_close(network.eval().explain(images).values, observation.map.values)
    gates = [torch.full((7, 1, *declared.attention[0].map.shape[-2:]), 0.3)]
    with torch.no_grad():
        given = network(images, map_override=gates).probabilities()
    torch.testing.assert_close(predict_with_maps(network, items, gates, torch.arange(7))[0], given)
    validated = TASKS["classification"].validate(network, items.batch(range(7)))
    torch.testing.assert_close(validated["nll"], nll(declared.probabilities(), labels))
    assert not torch.allclose(declared.probabilities(), mean.probabilities(), atol=1e-4)
    represented = of_network(network)(images)
    torch.testing.assert_close(represented, declared.latent.mean)
