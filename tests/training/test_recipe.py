"""Recipes that are refused, and the plain twin."""

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from tests.training.tiny import leaves, tiny

from regard.training import (
    AlignRecipe,
    ImposeRecipe,
    ModelRecipe,
    ObjectiveRecipe,
    OptimRecipe,
    Recipe,
    TrainRecipe,
    build_data,
    build_model,
    override,
    parse_recipe,
    plain_twin,
    train,
)
from regard.types import RegardError


@pytest.mark.parametrize(
    ("parts", "words"),
    [
        ({"model": {"latent": None}, "objective": {"budget_bits": 6.0}}, r"budget_bits needs model\.latent"),
        ({"model": {"kl": "released"}, "objective": {"budget_bits": 6.0}}, r"budget_bits needs model\.kl"),
        ({"model": {"attention": "aib"}, "objective": {"map_budget_bits": 6.0}}, r"map_budget_bits needs a gate"),
        ({"model": {"attention": None}, "objective": {"map_budget_bits": 6.0}}, r"map_budget_bits needs a gate"),
        ({"objective": {"code_beta": 0.1}}, r"code_beta needs model\.anchors"),
        ({"objective": {"code_budget_bits": 9.0}}, r"code_budget_bits needs model\.anchors"),
        ({"objective": {"kept_beta": 0.1}}, r"kept_beta need a map that can close"),
        ({"model": {"attention": "aib", "anchors": 4}, "objective": {"kept_beta": 0.1}}, r"map that can close"),
        ({"model": {"init": "plain"}}, r"model\.init: plain and train\.plain_epochs go together"),
        (
            {"model": {"init": "runs/plain"}, "train": {"plain_epochs": 3}},
            r"model\.init: plain and train\.plain_epochs",
        ),
        ({"train": {"plain_epochs": 3}}, r"model\.init: plain and train\.plain_epochs go together"),
    ],
)
def test_fields_that_contradict_each_other_are_named(parts: dict, words: str) -> None:
    with pytest.raises(RegardError, match=rf"recipe 'odd': .*{words}"):
        tiny("odd", **parts)


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (lambda: OptimRecipe(betas=(0.5, 1.0)), r"0 <= optim\.betas < 1 must hold; they are \(0\.5, 1\.0\)"),
        (lambda: ObjectiveRecipe(kept_budget=1.5), r"kept_budget is 1\.5; .*share above 0 and below 1"),
        (lambda: ObjectiveRecipe(kept_budget=0.0), r"kept_budget is 0\.0; .*share above 0 and below 1"),
        (
            lambda: ObjectiveRecipe(kept_budget=0.5),
            r"map_budget_bits is 4000\.0 and kept_budget 0\.5; a map has one.*--objective\.map_budget_bits null",
        ),
        (
            lambda: ObjectiveRecipe(map_budget_bits=None, kept_budget=0.5, code_budget_bits=9.0),
            r"kept_budget is 0\.5 and code_budget_bits 9\.0; a map has one budget",
        ),
        (lambda: ObjectiveRecipe(open_until=0.8), r"open_until is 0\.8 and closed_from 0\.7; 0 <= .* <= 1 must hold"),
        (lambda: ObjectiveRecipe(open_until=-0.1), r"open_until is -0\.1 "),
        (lambda: ObjectiveRecipe(closed_from=1.1), r"closed_from 1\.1"),
        (lambda: ObjectiveRecipe(map_budget_bits=[90.0, 0.0]), r"map_budget_bits is \[90\.0, 0\.0\]; .*above 0 bits"),
        (lambda: ObjectiveRecipe(map_budget_bits=[]), r"map_budget_bits is \[\]; .*one for each attended layer"),
        (lambda: TrainRecipe(plain_epochs=-1), r"train\.plain_epochs must be at least 0; it is -1"),
        (lambda: TrainRecipe(mean_share=1.0), r"train\.mean_share .*\[0,1\); it is 1\.0"),
        (lambda: TrainRecipe(mean_share=-0.1), r"train\.mean_share .*\[0,1\); it is -0\.1"),
        (lambda: ModelRecipe(exclude_tokens=True), r"exclude_tokens needs a map that closes.*attention_options\.keep"),
        (lambda: ObjectiveRecipe(code_budget_bits=0.0), r"code_budget_bits is 0\.0; .*above 0 bits"),
        (lambda: ModelRecipe(attention=None, anchors=4), r"anchors needs model\.attention: anchors is 4"),
        (lambda: ModelRecipe(attention=None, latent=None, match="flops"), r"model\.match needs .*'flops'"),
        (lambda: TrainRecipe(epochs=0), r"train\.epochs .*at least 1; they are 0"),
        (lambda: TrainRecipe(batch_size=0), r"train\.batch_size .*at least 1; .* and 0"),
        (lambda: TrainRecipe(views=0), r"train\.views must be at least 1; it is 0"),
        (lambda: TrainRecipe(cache_stem=True, compile=True), r"train\.cache_stem .*set one of them to false"),
        (lambda: ObjectiveRecipe(warmup=0.9), r"objective\.warmup is 0\.9"),
        (lambda: ObjectiveRecipe(warmup=-0.1), r"objective\.warmup is -0\.1"),
        (lambda: ObjectiveRecipe(budget_bits=-1.0), r"objective\.budget_bits is -1\.0; .*above 0 bits"),
        (lambda: ObjectiveRecipe(budget_bits=0.0), r"objective\.budget_bits is 0\.0; .*above 0 bits"),
        (lambda: ObjectiveRecipe(map_budget_bits=-1.0), r"objective\.map_budget_bits is -1\.0; .*above 0 bits"),
        (lambda: ObjectiveRecipe(map_budget_bits=float("inf")), r"objective\.map_budget_bits is inf; .*finite"),
        (lambda: ObjectiveRecipe(map_budget_bits=0.0), r"objective\.map_budget_bits is 0\.0; .*above 0 bits"),
        (lambda: AlignRecipe(target="mask", shuffled=True), r"align\.shuffled .*to false"),
        (lambda: AlignRecipe(sigma=0.0), r"align\.sigma above 0; they are 1\.0 and 0\.0"),
        (lambda: AlignRecipe(batch_size=0), r"align\.batch_size must be at least 1; it is 0"),
        (lambda: ImposeRecipe(random_dose=True), r"impose\.random_dose .*now None"),
        (lambda: ImposeRecipe(sigma=-1.0), r"impose\.sigma must be above 0; it is -1\.0"),
    ],
)
def test_a_part_refuses_its_own_mistakes_with_field_value_and_remedy(make: Callable[[], object], words: str) -> None:
    with pytest.raises(RegardError, match=words):
        make()


def test_files_and_command_lines_give_the_same_error(tmp_path: Path) -> None:
    (tmp_path / "r.yaml").write_text("objective: {warmup: 0.95}\n")
    for arguments in (["--objective.warmup", "0.95"], ["--recipe", str(tmp_path / "r.yaml")]):
        with pytest.raises(RegardError, match=r"objective\.warmup is 0\.95; 0 <= objective\.warmup < \.9 must hold"):
            parse_recipe(arguments)
    with pytest.raises(RegardError, match=r"objective\.warmup is 0\.95"):
        override(Recipe(), {"objective.warmup": 0.95})


@pytest.mark.parametrize(
    ("recipe", "words"),
    [
        (lambda: tiny("odd", align=AlignRecipe(loss="l2")), r"align\.loss 'l2' is unknown: use one of kl, "),
        (lambda: tiny("odd", impose=ImposeRecipe(map="center")), r"impose\.map gives the map.*set model\.attention"),
    ],
)
def test_choices_of_other_packages_are_checked_when_the_network_is_built(
    recipe: Callable[[], Recipe], words: str, tmp_path: Path
) -> None:
    odd = recipe()
    with pytest.raises(RegardError, match=rf"recipe 'odd': {words}"):
        build_model(odd, build_data(odd))
    with pytest.raises(RegardError, match=rf"recipe 'odd': {words}"):
        train(odd, tmp_path / "odd", quiet=True)
    assert not (tmp_path / "odd").exists()


READ = """
import sys
from regard.training import Recipe, load_recipe, parse_recipe, recipe_parser, save_recipe
from pathlib import Path
recipe = parse_recipe(["--name", "read", "--model.latent", "8"])
save_recipe(recipe, Path(sys.argv[1]))
assert load_recipe(Path(sys.argv[1])) == recipe and recipe_parser().format_help()
libraries = ("torch", "torchvision", "timm", "pytorch_lightning", "captum", "torchmetrics")
print([name for name in libraries if name in sys.modules])
"""


def test_reading_a_recipe_imports_no_network_library(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-c", READ, str(tmp_path / "r.yaml")], capture_output=True, text=True, timeout=60
    )
    assert (done.stdout.strip(), done.stderr) == ("[]", "")


def test_the_default_and_budgets_at_their_bounds_are_valid() -> None:
    assert Recipe().twin
    assert tiny(objective={"warmup": 0.89, "budget_bits": 1e-3, "map_budget_bits": 1e-3}).objective.budget_bits == 1e-3


@pytest.mark.parametrize("budget", ["map_budget_bits", "code_budget_bits"])
def test_a_plain_twin_differs_in_attention_and_bottleneck_only(budget: str) -> None:
    recipe = tiny(
        twin=True,
        model={"anchors": 4, "prior": "learned", "attention_options": {"initial": 0.3}, "statistics": "shared"},
        objective={"budget_bits": 6.0, budget: 90.0, "code_beta": 0.1, "smoothing": 0.1},
        train={"seed": 5, "ema": 0.9, "mean_share": 0.5},
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
        f"objective.{budget}",
        "objective.code_beta",
        "model.statistics",
        "train.mean_share",
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
