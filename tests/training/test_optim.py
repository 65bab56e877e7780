"""Learning rates against closed forms, groups and their options."""

import math

import pytest
import torch
from torch import nn

from regard.models import AttentiveClassifier
from regard.training.optim import build_optimizer, build_schedule
from regard.training.recipe_training import OptimRecipe

STEPS, EPOCHS = 10, 6
TOTAL = STEPS * EPOCHS


def rates(**options) -> list[tuple[float, float]]:
    """Learning rates of two groups at every step."""
    recipe = OptimRecipe(**options)
    parameters = [nn.Parameter(torch.zeros(1)) for _ in range(2)]
    optimizer = torch.optim.SGD([{"params": [p], "lr": lr} for p, lr in zip(parameters, (1.0, 0.1), strict=True)])
    schedule = build_schedule(recipe, optimizer, epochs=EPOCHS, steps_per_epoch=STEPS)
    values = []
    for _ in range(TOTAL):
        values.append(tuple(group["lr"] for group in optimizer.param_groups))
        optimizer.step()
        schedule.step()
    return values


def both(values: list[float]) -> list[tuple[float, float]]:
    return [(v, v / 10) for v in values]


def assert_rates(actual: list[tuple[float, float]], values: list[float]) -> None:
    torch.testing.assert_close(torch.tensor(actual), torch.tensor(both(values)), rtol=1e-5, atol=1e-7)


def test_cosine_after_a_linear_warm_up() -> None:
    w = 15
    half = [0.5 * (1 + math.cos(math.pi * (t - w) / (TOTAL - w))) for t in range(w, TOTAL)]
    assert_rates(rates(schedule="cosine", warmup_epochs=1.5), [(t + 1) / w for t in range(w)] + half)


def test_steps_at_milestones() -> None:
    values = [0.5 ** ((t >= 20) + (t >= 40)) for t in range(TOTAL)]
    assert_rates(rates(schedule="step", milestones=[2, 4], gamma=0.5, warmup_epochs=0), values)
    assert_rates(
        rates(schedule="step", milestones=[2, 4], warmup_epochs=1), [(t + 1) / 10 for t in range(10)] + values[10:]
    )


def test_constant_has_no_warm_up() -> None:
    assert_rates(rates(schedule="constant", warmup_epochs=3), [1.0] * TOTAL)


def test_onecycle_rises_for_a_quarter_and_falls_to_zero() -> None:
    up = 0.25 * (TOTAL + 1) - 1
    down = TOTAL - up

    def between(a: float, b: float, share: float) -> float:
        return b + (a - b) * 0.5 * (1 + math.cos(math.pi * share))

    values = [between(1 / 25, 1, t / up) if t <= up else between(1, 1 / 25e4, (t - up) / down) for t in range(TOTAL)]
    assert_rates(rates(schedule="onecycle"), values)


def test_a_single_step_is_enough() -> None:
    for schedule in ("onecycle", "cosine", "step", "constant"):
        optimizer = torch.optim.SGD([nn.Parameter(torch.zeros(1))], lr=0.1)
        steps = build_schedule(OptimRecipe(schedule=schedule), optimizer, epochs=1, steps_per_epoch=1)
        optimizer.step()
        steps.step()
        assert 0 <= optimizer.param_groups[0]["lr"] <= 0.1


def small() -> AttentiveClassifier:
    return AttentiveClassifier(
        "compact", 3, anchors=3, latent=4, input_size=(16, 16), backbone_options={"widths": (4, 4, 8, 8)}
    )


def test_parts_have_their_own_rates_and_decay() -> None:
    recipe = OptimRecipe(name="adamw", lr=0.1, backbone_lr=0.01, attention_lr=0.7, anchors_lr=0.5, weight_decay=0.03)
    model = small()
    groups = build_optimizer(recipe, model).param_groups
    expected = {"backbone": 0.01, "attention": 0.7, "anchors": 0.5, "prior": 1.0, "head": 0.1}
    for group in groups:
        part, _, free = group["name"].partition(",")
        assert group["lr"] == expected[part]
        assert group["weight_decay"] == (0.0 if free or part in ("anchors", "prior") else 0.03)
        if part not in ("anchors", "prior"):
            assert all((p.ndim > 1) == (group["weight_decay"] > 0) for p in group["params"])
    assert {group["name"].partition(",")[0] for group in groups} == set(expected)
    assert sum(len(group["params"]) for group in groups) == len(list(model.parameters()))


@pytest.mark.parametrize(
    ("name", "kind"), [("adamw", torch.optim.AdamW), ("adam", torch.optim.Adam), ("sgd", torch.optim.SGD)]
)
def test_optimisers(name: str, kind: type) -> None:
    optimizer = build_optimizer(OptimRecipe(name=name, lr=0.2), small())
    assert type(optimizer) is kind
    assert {group["lr"] for group in optimizer.param_groups if group["name"] != "prior"} == {0.2}
    if name == "sgd":
        assert all(group["momentum"] == 0.9 and group["nesterov"] for group in optimizer.param_groups)


@pytest.mark.parametrize("name", ["adamw", "adam", "muon"])
def test_moments_decay_by_the_recipes_betas(name: str) -> None:
    optimizer = build_optimizer(OptimRecipe(name=name, betas=(0.5, 0.99)), small())
    assert {tuple(group["betas"]) for group in optimizer.param_groups} == {(0.5, 0.99)}


def test_muon_orthogonalizes_gradients_of_matrices_and_uses_adamw_for_the_rest() -> None:
    model, lr = small(), 1e-3
    optimizer = build_optimizer(OptimRecipe(name="muon", lr=lr, weight_decay=0.0), model)
    before = {name: p.detach().clone() for name, p in model.named_parameters()}
    model(torch.rand(8, 3, 16, 16)).logits.square().mean().backward()
    weight = model.get_parameter("trunk.stage2.1.first.0.weight")
    u, _, v = torch.linalg.svd(torch.randn_like(weight).flatten(1), full_matrices=False)
    weight.grad = (u * torch.linspace(1, 0.3, 8) @ v).reshape(weight.shape)
    optimizer.step()
    moved = {name: p.detach() - before[name] for name, p in model.named_parameters()}
    conv = moved["trunk.stage2.1.first.0.weight"].flatten(1)
    values = torch.linalg.svdvals(conv)
    assert values.min() / values.max() > 0.4  # of the gradient: .3
    assert conv.square().mean().sqrt() == pytest.approx(0.2 * 10 * lr, rel=0.4)  # the size of ten of AdamW's
    for name in ("decoder.weight", "trunk.stage2.1.first.1.module.bias"):
        step = moved[name][moved[name] != 0].abs()
        torch.testing.assert_close(step, torch.full_like(step, lr), rtol=0.05, atol=0.0)
