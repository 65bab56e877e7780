"""Numbers of a recipe that are out of range, and names that lead out of the runs' folder, are named."""

import pytest

from regard.training import Recipe, override, recipe_from
from regard.types import RegardError

NAN, INF = float("nan"), float("inf")
BAD = [
    ("optim.lr", NAN), ("optim.lr", INF), ("optim.lr", 0.0), ("optim.lr", -1e-3), ("optim.lr", 1e30),
    ("optim.backbone_lr", -1.0), ("optim.weight_decay", -0.1), ("optim.clip", 0.0), ("optim.gamma", NAN),
    ("optim.warmup_epochs", -1.0), ("optim.milestones", [-3]), ("train.ema", 1.0), ("train.ema", 0.0),
    ("train.ema", NAN), ("train.ema", 2.0), ("train.threads", 0), ("train.threads", -2), ("train.threads", 10**9),
    ("train.seed", -1), ("train.seed", 2**70), ("train.accelerator", "banana"), ("train.accelerator", ""),
    ("train.epochs", 0), ("train.epochs", 10**12), ("train.batch_size", -4), ("train.batch_size", 2**40),
    ("train.devices", 0), ("train.nodes", -1), ("train.patience", 0), ("data.workers", -1),
    ("objective.budget_bits", NAN), ("objective.map_budget_bits", NAN), ("objective.budget_bits", INF),
    ("objective.beta", -1.0), ("objective.beta", NAN), ("objective.smoothing", 1.5), ("objective.warmup", NAN),
    ("objective.codebook", INF), ("augment.erase", 2.0), ("augment.crop_padding", -1), ("model.latent", 0),
    ("model.latent", 10**9), ("model.anchors", 1), ("align.weight", NAN), ("align.sigma", NAN), ("impose.sigma", INF),
]  # fmt: skip


@pytest.mark.parametrize(("field", "value"), BAD)
def test_a_number_out_of_range_names_its_field(field, value):
    with pytest.raises(RegardError, match=rf"{field}.* (is|are|must) "):
        override(Recipe(), {field: value})


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("optim.lr", 1e-9), ("optim.backbone_lr", 0.0), ("optim.anchors_lr", 0.0), ("train.ema", 0.999),
        ("train.seed", 2**63 - 1), ("train.threads", 1), ("objective.beta", 0.0), ("optim.milestones", [3, 9]),
        ("train.accelerator", "gpu"), ("objective.budget_bits", 1e-6), ("data.workers", 0),
    ],
)  # fmt: skip
def test_the_ends_of_the_ranges_are_allowed(field, value):
    part, name = field.split(".")
    assert getattr(getattr(override(Recipe(), {field: value}), part), name) == value


@pytest.mark.parametrize("name", ["../../x", "/abs", "..", "a/../../b", "", "a\x1b[2J", "C:\\x", "a//b"])
def test_a_name_that_leads_out_of_the_runs_is_refused(name):
    with pytest.raises(RegardError, match="does not name a folder below another"):
        recipe_from({"name": name})
