"""The map's own bits, paid for: training shortens the code, at what it costs in accuracy."""

import math
from pathlib import Path

import pytest
import torch
from tests.training.tiny import metrics, tiny
from torch import nn

from regard.models import AttentiveClassifier
from regard.objectives import Weights, information_loss
from regard.training import build_data, build_model, train
from regard.training.budgets import BudgetCallback
from regard.training.forward import sampled_rates
from regard.training.task import Task
from regard.types import NATS_PER_BIT

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
    """Accuracy of one sampled map and bits of its hard anchors, on images that were not learned from."""
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


def test_what_is_paid_for_shrinks_and_accuracy_hardly_does() -> None:
    free_accuracy, free_bits = learn(0.0)
    paid_accuracy, paid_bits = learn(1e-3)
    assert free_accuracy > 0.95
    assert paid_accuracy > free_accuracy - 0.03
    assert free_bits > 10
    assert paid_bits < 0.3 * free_bits


@pytest.mark.parametrize(("times", "way"), [(2.0, 1), (0.5, -1)])
def test_the_budgets_multiplier_moves_the_weight(
    times: float, way: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(BudgetCallback, "measure", lambda *_: {"code_budget_bits": times * 40.0 * NATS_PER_BIT})
    recipe = tiny(model=CODED, objective={"code_budget_bits": 40.0, "code_beta": 1e-3})
    last = metrics(train(recipe, tmp_path / "run", quiet=True))[-1]
    assert math.log(last["code_beta"] / 1e-3) * way > 0.05
    assert 0 < last["val/code_bits"] <= 128 * 3


def test_what_the_budget_measures_is_the_length_of_hard_anchors(monkeypatch: pytest.MonkeyPatch) -> None:
    recipe = tiny(model=CODED, objective={"code_budget_bits": 40.0, "code_beta": 1e-3})
    data = build_data(recipe)
    task = Task(recipe, build_model(recipe, data), steps_per_epoch=8)
    monkeypatch.setattr(Task, "global_step", property(lambda _: 0))
    measured = BudgetCallback(data.val).measure(task)
    assert measured == pytest.approx({"code_budget_bits": 64 * math.log(4)})  # a fresh prior is uniform
