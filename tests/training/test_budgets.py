"""Budgets in training: the latent's multiplier moves the right way, rests at the end, and says what is out of reach; a
map pays its budget by construction; and the map's own bits, whose price shortens the code at little cost in accuracy.
"""

import math
from pathlib import Path

import pytest
import torch
from tests.training.tiny import metrics, tiny, weights
from torch import nn

from regard.attention import AnchorQuantizer
from regard.data import DataSplits
from regard.models import AttentiveClassifier
from regard.objectives import Budget, Weights, information_loss
from regard.training import build_data, build_model, load_run, train
from regard.training.budgets import BudgetSearch
from regard.training.forward import sampled_rates
from regard.training.recipe import Recipe
from regard.training.task import Task
from regard.types import NATS_PER_BIT, RegardError


def replace_measure(monkeypatch: pytest.MonkeyPatch, rates: dict[str, float]) -> list[tuple[int, float]]:
    """Replaces the measurement; returns the step and the latent's weight at each, before the update."""
    measurements: list[tuple[int, float]] = []

    def measure(self: BudgetSearch, task: Task, images: int | None = None) -> dict[str, float]:
        measurements.append((task.global_step, task.weights.beta))
        return rates

    monkeypatch.setattr(BudgetSearch, "measure", measure)
    return measurements


def test_updates_begin_after_the_warm_up_and_stop_in_the_last_tenth(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    recipe = tiny(
        train={"epochs": 10},
        objective={"budget_bits": 10.0, "map_budget_bits": 100.0, "warmup": 0.4, "beta": 1e-3},
    )
    nats = {"latent_bits": 10.5 * NATS_PER_BIT, "gate_bits": 95.0 * NATS_PER_BIT}
    measurements = replace_measure(monkeypatch, nats)
    train(recipe, tmp_path / "run", quiet=True)
    steps = [step for step, _ in measurements]
    assert steps == [*range(35, 73, 5), 80]
    multiplier = Budget("objective.budget_bits", 10.0 * NATS_PER_BIT, 1e-3)
    for _, beta in measurements[:-1]:
        assert beta == pytest.approx(multiplier.beta)
        multiplier = multiplier.update(nats["latent_bits"])
    assert measurements[-1][1] == pytest.approx(multiplier.beta)
    last = metrics(tmp_path / "run")[-1]
    assert last["beta"] == pytest.approx(measurements[-1][1])
    assert last["beta"] > 1e-3
    assert last["map_beta"] == 0.0, "nothing is searched for a map"


def test_a_budget_limits_the_share_of_random_maps(tmp_path: Path) -> None:
    recipe = tiny(
        model={"attention": "mask", "anchors": 2, "attention_options": {"initial": 0.45, "initial_std": 0.3}},
        objective={"kept_budget": 0.5},
    )
    task, data = task_of(recipe)
    share = BudgetSearch(data.val).measure(task)["expected_share"]
    with torch.no_grad():
        mean = task.model.eval()(data.val.batch(range(len(data.val))).images)
        many = task.model(data.val.batch(range(4)).images.repeat(25, 1, 1, 1), samples=20)
    assert (mean.attention[0].map > 0).float().mean() < 0.1, "means just below the boundary look closed"
    assert share == pytest.approx((many.attention[0].map > 0).float().mean().item(), abs=0.05)
    assert 0.3 < share < 0.6


def task_of(recipe: Recipe) -> tuple[Task, DataSplits]:
    data = build_data(recipe)
    torch.manual_seed(0)
    return Task(recipe, build_model(recipe, data), steps_per_epoch=8), data


def test_a_measurement_uses_one_sample_and_keeps_state(monkeypatch: pytest.MonkeyPatch) -> None:
    task, data = task_of(tiny(objective={"budget_bits": 9.0}))
    monkeypatch.setattr(Task, "global_step", property(lambda _: 0))
    task.model.train()
    state, buffers = torch.get_rng_state(), {k: v.clone() for k, v in task.model.state_dict().items()}
    first, second = BudgetSearch(data.val).measure(task), BudgetSearch(data.val).measure(task)
    assert first == second
    assert set(first) == {"latent_bits", "gate_bits"}
    assert torch.equal(torch.get_rng_state(), state)
    assert task.model.training
    assert all(torch.equal(v, buffers[k]) for k, v in task.model.state_dict().items())
    fewer = BudgetSearch(data.val, images=5).measure(task)
    assert fewer != first


def test_the_latent_rate_reaches_its_budget(tmp_path: Path) -> None:
    def end(budget: float) -> dict:
        recipe = tiny(
            train={"epochs": 12},
            objective={"budget_bits": budget, "beta": 0.05},
            optim={"name": "adamw", "lr": 3e-2, "schedule": "constant"},
        )
        return metrics(train(recipe, tmp_path / str(budget), quiet=True))[-1]

    low, high = end(5.0), end(9.0)
    assert low["val/latent_bits"] == pytest.approx(5.0, rel=0.5)
    assert high["val/latent_bits"] == pytest.approx(9.0, rel=0.5)
    assert low["beta"] > high["beta"]


@pytest.mark.parametrize("ema", [None, 0.99999])
def test_averaged_weights_are_measured_and_the_weights_are_restored(
    ema: float | None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    measured: list[torch.Tensor] = []

    def measure(self: BudgetSearch, task: Task, images: int | None = None) -> dict[str, float]:
        measured.append(torch.cat([parameter.detach().flatten() for parameter in task.model.parameters()]))
        return {"latent_bits": 10.0 * NATS_PER_BIT}  # the budget, so that the multiplier rests

    monkeypatch.setattr(BudgetSearch, "measure", measure)
    parts = {"train": {"epochs": 2, "ema": ema}, "optim": {"name": "adamw", "lr": 2e-3}}
    folder = train(tiny(**parts, objective={"budget_bits": 10.0}), tmp_path / "run", quiet=True)
    free = train(tiny(**parts), tmp_path / "free", quiet=True)
    assert len(measured) == 3
    moved = [(state - measured[0]).abs().max().item() for state in measured[1:]]
    assert all(change > 1e-3 for change in moved) if ema is None else all(change < 1e-5 for change in moved)
    assert all(torch.equal(value, weights(free)[name]) for name, value in weights(folder).items())


@pytest.mark.parametrize(("budget", "start"), [(0.01, 50.0), (1e7, 2e-8)])
def test_an_unreachable_budget_says_what_is_reachable(budget: float, start: float, tmp_path: Path) -> None:
    """The weight starts near the bound that a long search would reach."""
    recipe = tiny(train={"epochs": 2}, objective={"budget_bits": budget, "beta": start})
    with pytest.raises(RegardError, match=r"objective\.budget_bits=.*not reachable.*\[\d+\.\d, \d+\.\d\] bits"):
        train(recipe, tmp_path / "run", quiet=True)
    betas = [line["beta"] for line in metrics(tmp_path / "run")]
    assert betas[-1] == (1e2 if start > 1 else 1e-8)
    assert not (tmp_path / "run" / "environment.json").exists()


@pytest.mark.parametrize("budget", [1e5, 1e7])
def test_a_map_budget_that_an_open_map_does_not_pay_is_an_error_with_what_is_paid(
    budget: float, tmp_path: Path
) -> None:
    with pytest.raises(
        RegardError, match=rf"objective\.map_budget_bits={budget:g}.*images pay \d+.*ask for less".replace("+0", r"\+0")
    ):
        train(tiny(train={"epochs": 2}, objective={"map_budget_bits": budget}), tmp_path / "run", quiet=True)
    assert not (tmp_path / "run" / "environment.json").exists()


@pytest.mark.parametrize("budget", [1.0, 30.0, 300.0])
def test_a_map_pays_its_budget_on_validation_images(budget: float, tmp_path: Path) -> None:
    folder = train(tiny(train={"epochs": 2}, objective={"map_budget_bits": budget}), tmp_path / "run", quiet=True)
    assert metrics(folder)[-1]["val/gate_bits"] == pytest.approx(budget, rel=0.05)


def test_a_share_that_a_closed_map_exceeds_is_an_error(tmp_path: Path) -> None:
    """The spread of .3 alone keeps Phi(-.167 / .3) = .29 of the positions of a map that is closed everywhere."""
    recipe = tiny(
        model=CODED | {"attention_options": {"initial_std": 0.3, "learned_std": False}}, objective={"kept_budget": 0.1}
    )
    with pytest.raises(RegardError, match=r"objective\.kept_budget=0\.1: validation images pay 0\.2.*ask for more"):
        train(recipe, tmp_path / "run", quiet=True)


def test_a_budget_is_refused_where_the_gate_is_no_cut(tmp_path: Path) -> None:
    recipe = tiny(model={"at": ["stage2.1.first"]}, objective={"map_budget_bits": 90.0})
    with pytest.raises(RegardError, match=r"something goes around the gate at stage2\.1\.first.*goes around"):
        train(recipe, tmp_path / "run", quiet=True)
    assert not (tmp_path / "run" / "metrics.jsonl").exists()


def test_the_multiplier_is_stored_in_a_checkpoint() -> None:
    task, _ = task_of(tiny(objective={"budget_bits": 9.0, "map_budget_bits": 90.0}))
    assert task.multiplier is not None
    task.set_multiplier(task.multiplier.update(1e4))
    checkpoint: dict = {}
    task.on_save_checkpoint(checkpoint)
    other, _ = task_of(tiny(objective={"budget_bits": 9.0, "map_budget_bits": 90.0}))
    other.on_load_checkpoint(checkpoint)
    assert other.multiplier == task.multiplier
    assert other.weights.beta == task.multiplier.beta
    assert other.weights.beta == pytest.approx(0.002 * math.e, rel=0.3)
    without, _ = task_of(tiny(objective={"map_budget_bits": 90.0}))
    without.on_save_checkpoint(checkpoint)
    assert checkpoint["multiplier"] is None
    without.on_load_checkpoint(checkpoint)
    assert without.multiplier is None


def test_there_is_a_callback_only_with_a_budget(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    measurements = replace_measure(monkeypatch, {})
    train(tiny(), tmp_path / "run", quiet=True)
    assert measurements == []


WIDE = {"head": "conv", "initial_std": 0.1}
"""So that the price reaches positions that lie between boundaries."""
CODED = {"attention": "mask", "anchors": 4, "latent": None}


def blobs(count: int, seed: int) -> tuple[torch.Tensor, torch.Tensor]:
    """A bright patch of 4 pixels somewhere on noise; its colour is the class of three."""
    random = torch.Generator().manual_seed(seed)
    images = 0.3 * torch.rand(count, 3, 16, 16, generator=random)
    labels = torch.randint(3, (count,), generator=random)
    x, y = torch.randint(0, 12, (2, count), generator=random)
    for image, label, i, j in zip(images, labels, x, y, strict=True):
        image[label, i : i + 4, j : j + 4] += 0.7
    return images, labels


def learn(code_beta: float) -> tuple[float, float]:
    """Accuracy of one sampled map and bits of its hard anchors, on images outside the training set."""
    torch.manual_seed(0)
    network = nn.Sequential(
        nn.Conv2d(3, 12, 3, padding=1),
        nn.ReLU(),
        nn.MaxPool2d(2),
        nn.Conv2d(12, 12, 3, padding=1),
        nn.ReLU(),
        nn.AdaptiveAvgPool2d(1),
        nn.Flatten(),
        nn.Linear(12, 3),
    )
    model = AttentiveClassifier(
        network, 3, at="2", attention="mask", anchors=8, attention_options=WIDE, input_size=(16, 16)
    )
    quantizer = next(module for module in model.modules() if isinstance(module, AnchorQuantizer))
    quantizer.task_gradient = False  # Adam moves anchors as far as weights, whatever their gradient's size
    optimizer = torch.optim.AdamW(model.parameter_groups(1e-2))
    images, labels = blobs(512, 0)
    for epoch in range(10):
        for part in torch.randperm(512).split(32):
            output = model(images[part])
            loss = information_loss(output, labels[part], Weights(code_beta=code_beta if epoch > 0 else 0.0)).total
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
    images, labels = blobs(256, 1)
    with torch.no_grad():
        output = model.eval()(images, samples=1)
    bits = sampled_rates(model, output)["code_bits"].mean() / NATS_PER_BIT
    return (output.logits[0].argmax(1) == labels).float().mean().item(), bits.item()


def test_a_price_shortens_the_code_at_little_cost_in_accuracy() -> None:
    free_accuracy, free_bits = learn(0.0)
    paid_accuracy, paid_bits = learn(1e-3)
    assert free_accuracy > 0.95
    assert paid_accuracy > free_accuracy - 0.03
    assert free_bits > 10
    assert paid_bits < 0.3 * free_bits


@pytest.mark.parametrize("budget", [20.0, 60.0])
def test_a_map_pays_its_code_budget(budget: float, tmp_path: Path) -> None:
    recipe = tiny(
        model=CODED, train={"epochs": 8}, objective={"code_budget_bits": budget}, optim={"name": "adamw", "lr": 1e-2}
    )
    last = metrics(train(recipe, tmp_path / "run", quiet=True))[-1]
    assert last["val/code_bits"] == pytest.approx(budget, rel=0.1)


@pytest.mark.parametrize("budget", [0.1, 0.4])
def test_random_maps_keep_the_share_that_was_asked_for(budget: float, tmp_path: Path) -> None:
    options = {"attention_options": {"initial_std": 0.08, "learned_std": False}}
    recipe = tiny(model=CODED | options, train={"epochs": 2}, objective={"kept_budget": budget})
    folder = train(recipe, tmp_path / "run", quiet=True)
    _, model, data = load_run(folder)
    with torch.no_grad():
        output = model(data.val.batch(range(len(data.val))).images, samples=100)
    assert (output.attention[0].map > 0).float().mean().item() == pytest.approx(budget, rel=0.02)


def test_a_code_budget_measures_the_length_of_hard_anchors(monkeypatch: pytest.MonkeyPatch) -> None:
    recipe = tiny(model=CODED, objective={"code_budget_bits": 40.0})
    data = build_data(recipe)
    task = Task(recipe, build_model(recipe, data), steps_per_epoch=8)
    monkeypatch.setattr(Task, "global_step", property(lambda _: 0))
    measured = BudgetSearch(data.val).measure(task)
    assert measured["code_bits"] == pytest.approx(64 * math.log(4))  # a fresh prior is uniform
