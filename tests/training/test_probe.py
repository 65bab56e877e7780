"""The linear probe: its classifier against another solver, as the start of a run, and which epoch a run keeps."""

import json
import math
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import save_file
from tests.training.test_defaults import photographs
from tests.training.tiny import tiny, weights

from regard.backbones import create_backbone
from regard.training import (
    Recipe,
    build_data,
    build_model,
    has_probe,
    linear_probe,
    load_probe,
    overfitted,
    plain_twin,
    train,
)
from regard.training.callbacks import first_candidate, monitored
from regard.training.probe import STRENGTHS, _features, _fit, start_at_probe
from regard.types import RegardError

FREE = {"budget_bits": None, "map_budget_bits": None, "warmup": 0.0}


@pytest.fixture(scope="module")
def recipe(tmp_path_factory: pytest.TempPathFactory) -> Recipe:
    """Photographs of three classes and a small network with weights from a file."""
    folder = tmp_path_factory.mktemp("probe")
    torch.manual_seed(3)
    save_file(create_backbone("compact", 10, widths=[4, 4, 8, 8]).state_dict(), folder / "weights.safetensors")
    data = {"name": "folder", "root": str(photographs(folder / "images")), "options": {"size": 16}, "workers": 0}
    model = {"pretrained": str(folder / "weights.safetensors"), "latent": None, "init": "probe", "norms": "frozen"}
    model |= {"attention_options": {"initial": 0.98}}
    return tiny("probed", data=data, model=model, objective=FREE, optim={"name": "adamw", "lr": 1e-3})


def by_gradient_descent(z: torch.Tensor, labels: torch.Tensor, n: int, strength: float) -> torch.Tensor:
    """Probabilities of the same objective, minimised by torch's L-BFGS in float64."""
    z = ((z - z.mean(0)) / z.std(0, correction=0)).double()
    weight = torch.zeros(n, z.shape[1], dtype=torch.float64, requires_grad=True)
    bias = torch.zeros(n, dtype=torch.float64, requires_grad=True)
    optimizer = torch.optim.LBFGS([weight, bias], max_iter=500, tolerance_grad=1e-9, line_search_fn="strong_wolfe")

    def closure() -> torch.Tensor:
        optimizer.zero_grad()
        loss = torch.nn.functional.cross_entropy(z @ weight.T + bias, labels) + strength / 2 * weight.square().sum()
        loss.backward()
        return loss

    optimizer.step(closure)
    return (z @ weight.T + bias).softmax(1).detach()


@pytest.mark.parametrize("n", [3, 5])
def test_the_classifier_minimises_the_stated_objective(n: int) -> None:
    draw = torch.Generator().manual_seed(n)
    z = torch.randn(60, 4, generator=draw) * torch.tensor([1.0, 5.0, 0.1, 2.0]) + 3
    labels = ((z[:, 0] - 3 + 0.5 * torch.randn(60, generator=draw)) * 2).round().long() % n
    weight, bias, chosen = _fit(z, labels, z, labels, n)
    assert chosen["strength"] in STRENGTHS
    found = (z @ weight.T + bias).softmax(1)
    torch.testing.assert_close(found.double(), by_gradient_descent(z, labels, n, chosen["strength"]), rtol=0, atol=2e-3)


def test_two_classes_and_one_without_training_images() -> None:
    z = torch.tensor([[-1.0], [-2.0], [1.0], [2.0]])
    weight, bias, chosen = _fit(z, torch.tensor([0, 0, 2, 2]), z, torch.tensor([0, 0, 2, 2]), 3)
    assert (z @ weight.T + bias).argmax(1).tolist() == [0, 0, 2, 2]
    assert chosen["val_accuracy"] == 1.0
    assert chosen["val_nll"] == pytest.approx(
        float(torch.nn.functional.cross_entropy(z @ weight.T + bias, torch.tensor([0, 0, 2, 2]))), rel=1e-5
    )


def test_the_strength_is_chosen_on_validation_images() -> None:
    draw = torch.Generator().manual_seed(0)
    z, labels = torch.randn(40, 30, generator=draw), torch.randint(3, (40,), generator=draw)
    nothing = torch.randint(3, (200,), generator=draw)
    strong = _fit(z, labels, torch.randn(200, 30, generator=draw), nothing, 3)[2]
    weak = _fit(z, labels, z, labels, 3)[2]
    assert (strong["strength"], weak["strength"]) == (max(STRENGTHS), min(STRENGTHS))


def test_an_open_gate_starts_at_the_probe(recipe: Recipe) -> None:
    data = build_data(recipe)
    probe, record = linear_probe(recipe, data)
    model = build_model(recipe, data)
    start_at_probe(model, probe)
    images = data.val.batch(range(len(data.val))).images
    full = torch.ones(1, *model.eval()(images).attention[0].map.shape[-2:])
    expected = probe.predict(images)
    torch.testing.assert_close(model.predict(images, map_override=full), expected, rtol=0, atol=1e-5)
    hits = (expected.argmax(1) == data.val.labels).float().mean()
    assert float(hits) == pytest.approx(record["val_accuracy"])
    z, _ = _features(probe, probe.trunk.get_submodule("head"), data.val)
    assert z.shape == (len(data.val), 8)


def test_a_run_and_its_twin_start_from_the_same_probe(recipe: Recipe, tmp_path: Path) -> None:
    still = replace(recipe, optim=replace(recipe.optim, lr=1e-12, weight_decay=0.0))
    folder = train(still, tmp_path / "run", quiet=True)
    train(plain_twin(still), folder / "twin", quiet=True)
    assert not (folder / "twin" / "probe").exists(), "the twin takes that of the run"
    probe, data = load_probe(folder, still, build_data(still)), build_data(still)
    for own in (weights(folder), weights(folder / "twin")):
        torch.testing.assert_close(own["trunk.head.weight"], probe.trunk.head.weight.detach(), rtol=0, atol=1e-6)
    assert json.loads((folder / "probe" / "probe.json").read_text()).keys() == {"strength", "val_nll", "val_accuracy"}
    assert has_probe(still, data)
    assert not has_probe(replace(still, model=replace(still.model, pretrained=False, init=None)), data)


def test_frozen_norms_keep_their_statistics_and_learn_the_rest(recipe: Recipe, tmp_path: Path) -> None:
    data = build_data(recipe)
    before = {name: x.clone() for name, x in build_model(recipe, data).state_dict().items()}
    after = weights(train(recipe, tmp_path / "run", quiet=True))
    statistics = [name for name in before if name.endswith("running_var") and ".attention." not in name]
    assert statistics
    assert all(torch.equal(before[name], after[name]) for name in statistics)
    changed = [name for name in before if name.endswith("weight") and not torch.equal(before[name], after[name])]
    assert any(".attention." not in name for name in changed)
    free = replace(recipe, model=replace(recipe.model, norms="batch"))
    moved = weights(train(free, tmp_path / "free", quiet=True))
    assert not any(torch.equal(before[name], moved[name]) for name in statistics)


@pytest.mark.parametrize("keep", ["best", "last"])
def test_the_epoch_that_is_kept(recipe: Recipe, tmp_path: Path, keep: str) -> None:
    wild = replace(recipe, optim=replace(recipe.optim, name="sgd", lr=0.3, schedule="constant", clip=1.0))
    wild = replace(wild, train=replace(wild.train, epochs=3, monitor="nll", keep=keep))
    folder = train(wild, tmp_path / "run", quiet=True)
    lines = [json.loads(line) for line in (folder / "metrics.jsonl").read_text().splitlines()]
    scores = [line["val/nll"] for line in lines]
    wanted = min(range(3), key=scores.__getitem__) if keep == "best" else 2
    name = "best.ckpt" if keep == "best" else "last.ckpt"
    state = torch.load(folder / "checkpoints" / name, weights_only=True)
    assert state["epoch"] == wanted
    assert torch.equal(state["state_dict"]["model.trunk.head.weight"], weights(folder)["trunk.head.weight"])


def test_which_score_compares_epochs_and_from_when() -> None:
    assert monitored(tiny()) == ("accuracy", "max")
    assert monitored(tiny(train={"monitor": "nll"})) == ("nll", "min")
    assert (
        monitored(Recipe(task="segmentation", model=tiny(model={"latent": None}).model, objective=tiny().objective))[0]
        == "s"
    )
    for epochs, warmup, first in ((10, 0.3, 3), (1, 0.3, 0), (5, 0.5, 3)):
        objective = {"warmup": warmup, "budget_bits": 6.0}
        assert first_candidate(tiny(objective=objective, train={"epochs": epochs})) == first
    assert first_candidate(tiny(objective={"warmup": 0.5}, train={"epochs": 10})) == 0, "nothing is paid for"
    for epochs, closed_from, first in ((10, 0.7, 6), (5, 0.7, 3), (1, 0.7, 0), (10, 0.2, 1), (4, 1.0, 3)):
        objective = {"map_budget_bits": 50.0, "closed_from": closed_from, "open_until": 0.1, "warmup": 0.9 * 0.99}
        assert first_candidate(tiny(objective=objective, train={"epochs": epochs})) == first, "closed when it ends"


def lines(*pairs: tuple[float, float]) -> list[dict[str, Any]]:
    return [{"epoch": k, "val/accuracy": val, "train/accuracy": own} for k, (val, own) in enumerate(pairs)]


@pytest.mark.parametrize(
    ("journal", "images", "warns"),
    [
        (lines((0.8, 0.5), (0.5, 0.9)), 200, True),
        (lines((0.8, 0.5), (0.5, 0.9)), 10, False),  # two standard errors are .40
        (lines((0.61, 0.4), (0.33, 0.99)), 60, True),
        (lines((0.8, 0.5), (0.79, 0.9)), 10**6, False),  # too little to matter
        (lines((0.8, 0.9), (0.5, 0.6)), 200, False),  # training falls, too
        (lines((0.5, 0.5), (0.8, 0.9)), 200, False),
        (lines((0.8, 0.5)), 200, False),
        ([{"epoch": 0, "val/s": 0.4}, {"epoch": 1, "val/s": 0.2}], 200, False),
        ([{"epoch": 0, "val/accuracy": None, "train/accuracy": 0.1}], 200, False),
    ],
)
def test_validation_falls_while_training_rises(journal: list[dict[str, Any]], images: int, warns: bool) -> None:
    text = overfitted(journal, images)
    assert (text is not None) == warns
    if text is not None:
        first, last = journal[0], journal[-1]
        assert f"{first['val/accuracy']:.3f} (epoch 1) to {last['val/accuracy']:.3f} (epoch 2)" in text


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"model": {"init": "probe", "pretrained": False, "latent": None}}, "needs model.pretrained"),
        ({"model": {"init": "probe", "pretrained": True, "latent": 4}}, "model.latent"),
        ({"optim": {"layer_decay": 0.0}}, "layer_decay is 0"),
        ({"optim": {"layer_decay": 1.5}}, "layer_decay is 1.5"),
        ({"task": "action", "model": {"norms": "frozen"}}, "two networks"),
        ({"task": "segmentation", "model": {"latent": None}, "train": {"monitor": "nll"}}, "monitor"),
    ],
)
def test_what_does_not_go_together(options: dict[str, Any], message: str) -> None:
    with pytest.raises(RegardError, match=message):
        tiny(objective=FREE, **options)


def test_a_rate_a_block(recipe: Recipe) -> None:
    from regard.training.optim import build_optimizer

    data = build_data(recipe)
    model = build_model(recipe, data)
    optim = replace(recipe.optim, backbone_lr=0.1, attention_lr=0.3, layer_decay=0.5)
    optimizer = build_optimizer(optim, model)
    rate = {p: group["lr"] for group in optimizer.param_groups for p in group["params"]}
    named = {name.replace(".module.", "."): rate[p] for name, p in model.named_parameters()}
    assert sum(len(group["params"]) for group in optimizer.param_groups) == len(named)
    assert {v for name, v in named.items() if ".attention." in name} == {0.3}
    assert {v for name, v in named.items() if name.startswith("trunk.head")} == {recipe.optim.lr}
    blocks = dict.fromkeys(".".join(name.split(".")[:3]) for name in named if ".attention." not in name)
    order = [block for block in blocks if not block.startswith("trunk.head")]
    for depth, block in enumerate(reversed(order)):
        own = {v for name, v in named.items() if name.startswith(f"{block}.") and ".attention." not in name}
        assert len(own) == 1
        assert own.pop() == pytest.approx(0.1 * 0.5**depth)
    assert math.isclose(max(v for name, v in named.items() if "head" not in name and ".attention." not in name), 0.1)
