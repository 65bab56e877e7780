"""What a recipe may not ask for."""

import pytest
from tests.training.tiny import leaves, tiny

from regard.training import Recipe, build_data, build_model, plain_twin
from regard.training.recipe import ModelRecipe, ObjectiveRecipe
from regard.types import RegardError


@pytest.mark.parametrize(
    ("parts", "words"),
    [
        ({"model": {"latent": None}, "objective": {"budget_bits": 6.0}}, r"budget_bits needs model\.latent"),
        ({"model": {"kl": "released"}, "objective": {"budget_bits": 6.0}}, r"budget_bits needs model\.kl"),
        ({"optim": {"betas": (0.5, 1.0)}}, r"0 <= optim\.betas < 1"),
        ({"model": {"attention": "aib"}, "objective": {"map_budget_bits": 6.0}}, r"map_budget_bits needs a gate"),
        ({"model": {"attention": None}, "objective": {"map_budget_bits": 6.0}}, r"map_budget_bits needs a gate"),
        ({"objective": {"code_beta": 0.1}}, r"code_beta needs model\.anchors"),
        ({"objective": {"code_budget_bits": 9.0}}, r"code_budget_bits needs model\.anchors"),
        ({"objective": {"kept_beta": 0.1}}, r"kept_beta need a map that can close"),
        ({"model": {"attention": "aib", "anchors": 4}, "objective": {"kept_beta": 0.1}}, r"map that can close"),
        ({"model": {"anchors": 4}, "objective": {"kept_budget": 0.5}}, r"kept_beta above 0 to start"),
        ({"model": {"anchors": 4}, "objective": {"kept_budget": 1.5, "kept_beta": 0.1}}, "a share above 0 and below 1"),
        ({"model": {"exclude_tokens": True}}, r"exclude_tokens needs a map that closes"),
        ({"model": {"anchors": 4}, "objective": {"code_budget_bits": 9.0}}, r"code_beta above 0 to start from"),
        ({"model": {"anchors": 4}, "objective": {"code_budget_bits": 0.0, "code_beta": 0.1}}, "above 0 bits"),
        ({"model": {"attention": None, "anchors": 4}}, r"anchors needs model\.attention"),
        ({"train": {"epochs": 0}}, r"train\.epochs"),
        ({"train": {"batch_size": 0}}, r"train\.batch_size"),
        ({"objective": {"warmup": 0.9}}, r"objective\.warmup"),
        ({"objective": {"warmup": -0.1}}, r"objective\.warmup"),
        ({"objective": {"budget_bits": -1.0}}, "above 0 bits"),
        ({"objective": {"budget_bits": 0.0}}, "above 0 bits"),
        ({"objective": {"map_budget_bits": -1.0}}, "above 0 bits"),
        ({"objective": {"map_budget_bits": 0.0}}, "above 0 bits"),
    ],
)
def test_what_does_not_go_together_is_named(parts: dict, words: str) -> None:
    with pytest.raises(RegardError, match=rf"recipe 'odd': .*{words}"):
        tiny("odd", **parts)


def test_the_default_and_the_budgets_ends_are_fine() -> None:
    assert Recipe().twin
    assert tiny(objective={"warmup": 0.89, "budget_bits": 1e-3, "map_budget_bits": 1e-3}).objective.budget_bits == 1e-3


def test_a_plain_twin_differs_in_attention_and_bottleneck_only() -> None:
    recipe = tiny(
        twin=True,
        model={"anchors": 4, "prior": "learned", "attention_options": {"initial": 0.3}},
        objective={
            "budget_bits": 6.0,
            "map_budget_bits": 90.0,
            "code_budget_bits": 50.0,
            "code_beta": 0.1,
            "smoothing": 0.1,
        },
        train={"seed": 5, "ema": 0.9},
        optim={"schedule": "cosine"},
    )
    twin = plain_twin(recipe)
    before, after = leaves(recipe), leaves(twin)
    assert {field for field in before if before[field] != after[field]} == {
        "name",
        "twin",
        "model.attention",
        "model.attention_options",
        "model.anchors",
        "model.latent",
        "model.prior",
        "objective.budget_bits",
        "objective.map_budget_bits",
        "objective.code_budget_bits",
        "objective.code_beta",
    }
    assert twin.name == "tiny/twin"
    assert plain_twin(tiny(model={"kl": "released"})).model.kl == "exact"


def test_the_twins_network_is_the_trunk() -> None:
    recipe = tiny()
    data = build_data(recipe)
    attended, plain = build_model(recipe, data), build_model(plain_twin(recipe), data)
    assert plain.at == ()
    assert plain.bottleneck is None
    trunk = {n.replace(".module.", "."): p.shape for n, p in attended.trunk.named_parameters() if "attention" not in n}
    own = {n: p.shape for n, p in plain.trunk.named_parameters() if not n.startswith("head")}
    assert own
    assert {n: s for n, s in trunk.items() if not n.startswith("head")} == own


def test_parts_are_frozen() -> None:
    with pytest.raises(AttributeError):
        ModelRecipe().latent = 3  # type: ignore[misc]
    with pytest.raises(TypeError):
        ObjectiveRecipe(0.1)  # type: ignore[misc]
