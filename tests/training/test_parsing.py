"""Recipes as files and command lines: values survive a round trip, errors list similar names; and the
YAML files around recipes: found by path or name, read into a dataclass, refused with their name.
"""

import re
from dataclasses import dataclass
from dataclasses import field as dataclass_field
from pathlib import Path

import pytest
import yaml
from tests.training.tiny import leaves, tiny

from regard.training import (
    RECIPES,
    Recipe,
    find_yaml,
    load_recipe,
    override,
    parse_recipe,
    read_yaml,
    recipe_from,
    save_recipe,
)
from regard.training.recipe_model import AlignRecipe, ImposeRecipe, ModelRecipe, ObjectiveRecipe
from regard.training.recipe_training import AugmentRecipe, DataRecipe, OptimRecipe, TrainRecipe
from regard.types import RegardError

OTHER = Recipe(
    name="other",
    data=DataRecipe(
        name="csv", root="/some/table.csv", options={"size": [8, 9], "mirror": False}, workers=0, shuffle_labels=True
    ),
    augment=AugmentRecipe(crop_padding=1, flip=True, brightness=0.1, contrast=0.2, erase=0.3),
    model=ModelRecipe(
        backbone="resnet18",
        at=["layer2", "layer3"],
        attention="aib",
        attention_options={"head": "wrn_branch"},
        anchors=5,
        latent=7,
        decoder="mlp",
        kl="released",
        prior="learned",
        average="logits",
        pretrained="weights.safetensors",
        backbone_options={"zero_init_last": False},
        freeze="layer1",
        fcn="fcn8s",
    ),
    objective=ObjectiveRecipe(
        beta=0.1,
        map_beta=0.2,
        code_beta=0.3,
        budget_bits=None,
        map_budget_bits=None,
        codebook=0.5,
        commitment=0.6,
        warmup=0.7,
        smoothing=0.05,
    ),
    align=AlignRecipe(
        gaze="osie",
        root="/some/gaze",
        options={"val_share": 0.3},
        loss="nss",
        weight=0.5,
        layer=0,
        batch_size=4,
        sigma=0.05,
        shuffled=True,
    ),
    optim=OptimRecipe(
        name="sgd",
        lr=0.5,
        backbone_lr=0.01,
        attention_lr=0.04,
        anchors_lr=0.02,
        betas=(0.5, 0.99),
        weight_decay=0.0,
        schedule="step",
        warmup_epochs=0.5,
        milestones=[3, 5],
        gamma=0.1,
        clip=0.5,
    ),
    train=TrainRecipe(
        epochs=7,
        batch_size=9,
        accumulate=3,
        seed=11,
        precision="bf16-mixed",
        channels_last=False,
        ema=0.99,
        patience=2,
        accelerator="cpu",
        devices=2,
        nodes=3,
        threads=4,
        compile=True,
        tensorboard=True,
        fast_dev_run=True,
        limit_train_batches=5,
        limit_val_batches=6,
    ),
    twin=False,
)


# Fields that exclude what the recipe above has.
FREE = ObjectiveRecipe(budget_bits=None, map_budget_bits=None)
CHECKPOINTED = Recipe(
    train=TrainRecipe(checkpointing=True),
    augment=AugmentRecipe(transforms=["RandAugment", {"RandomRotation": {"degrees": 5}}], mixup=0.2, cutmix=1.0),
)
SEGMENTS = Recipe(task="segmentation", model=ModelRecipe(latent=None), objective=FREE)
MATCHED = Recipe(model=ModelRecipe(match="flops", prediction="seeded"))
CLOSING = Recipe(
    model=ModelRecipe(attention="mask", anchors=4, exclude_tokens=True, latent=None, freeze="stem"),
    objective=ObjectiveRecipe(
        budget_bits=None, map_budget_bits=None, code_beta=0.1, kept_beta=0.2, kept_budget=0.3, per_image=True
    ),
    train=TrainRecipe(cache_stem=True, views=3, cache_dtype="float32", cache_folder="/some/cache"),
)
CODED = Recipe(
    model=ModelRecipe(anchors=4, statistics="shared", init="runs/plain"),
    objective=ObjectiveRecipe(map_budget_bits=None, code_budget_bits=9.0, open_until=0.1, closed_from=0.6),
)
PLAIN_FIRST = Recipe(
    model=ModelRecipe(at=["layer1", "layer2"], init="plain"),
    objective=ObjectiveRecipe(map_budget_bits=[500.0, 250.0]),
    train=TrainRecipe(plain_epochs=3, mean_share=0.5),
)
IMPOSED = Recipe(
    model=ModelRecipe(attention="uniform"),
    objective=ObjectiveRecipe(map_budget_bits=None),
    impose=ImposeRecipe(
        map="human", gaze="osie", root="/some/gaze", options={"a": 1}, sigma=0.05, shuffled_from="any", random_dose=True
    ),
)
SHUFFLED = Recipe(
    model=ModelRecipe(attention="uniform"),
    objective=ObjectiveRecipe(map_budget_bits=None),
    impose=ImposeRecipe(map="human-shuffled", shuffled_from="other-class"),
)
MASKS = Recipe(align=AlignRecipe(target="mask", shuffled_from="same-class"))
VIDEO = Recipe(task="action", model=ModelRecipe(attend="both"))
PROBED = Recipe(
    defaults="fixed",
    model=ModelRecipe(pretrained="weights.safetensors", init="probe", norms="frozen", latent=None, prediction="seeded"),
    objective=FREE,
    optim=OptimRecipe(layer_decay=0.5),
    train=TrainRecipe(monitor="nll", keep="best"),
)
ALL = (OTHER, SEGMENTS, CHECKPOINTED, MATCHED, CLOSING, CODED, PLAIN_FIRST, IMPOSED, SHUFFLED, MASKS, VIDEO, PROBED)


def test_every_field_survives_a_file(tmp_path: Path) -> None:
    default = leaves(Recipe())
    others = [leaves(recipe) for recipe in ALL]
    same = [field for field, value in default.items() if all(other[field] == value for other in others)]
    assert same == [], "give these fields another value here"
    pretrained = tiny(model={"pretrained": True}, objective={"budget_bits": 6.5})
    for recipe in (*ALL, Recipe(), pretrained):
        save_recipe(recipe, tmp_path / "r.yaml")
        assert load_recipe(tmp_path / "r.yaml") == recipe
    assert set(yaml.safe_load((tmp_path / "r.yaml").read_text())) == set(Recipe.__dataclass_fields__)


def test_any_field_can_be_overridden(tmp_path: Path) -> None:
    save_recipe(OTHER, tmp_path / "r.yaml")
    words = (
        "--train.epochs 8 --model.anchors 6 --name=mine --model.at [layer4] --optim.milestones [1,2] --optim.clip null"
    )
    words += " --augment.flip false --model.pretrained true --data.options {size:\xa012}"
    arguments = [word.replace("\xa0", " ") for word in words.split(" ")]
    recipe = parse_recipe(["--recipe", str(tmp_path / "r.yaml"), *arguments])
    changed = {field: value for field, value in leaves(recipe).items() if value != leaves(OTHER)[field]}
    assert changed == {
        "name": "mine",
        "train.epochs": 8,
        "model.anchors": 6,
        "model.at": ["layer4"],
        "optim.milestones": [1, 2],
        "augment.flip": False,
        "optim.clip": None,
        "model.pretrained": True,
        "data.options": {"size": 12},
    }
    assert parse_recipe([]) == Recipe()


def test_fields_of_one_part_may_stand_together() -> None:
    short = ["--align", "gaze=osie,loss=kl,options={held_out: 7, sizes: [1,2]},weight=2,shuffled=true", "--name", "a=b"]
    recipe = parse_recipe([*short, "--model=at=[layer4],latent=8"])
    changed = {field: value for field, value in leaves(recipe).items() if value != leaves(Recipe())[field]}
    assert changed == {
        "name": "a=b",
        "align.gaze": "osie",
        "align.options": {"held_out": 7, "sizes": [1, 2]},
        "align.weight": 2.0,
        "align.shuffled": True,
        "model.at": ["layer4"],
        "model.latent": 8,
    }
    with pytest.raises(RegardError, match=r"Did you mean align\.weight"):
        parse_recipe(["--align", "gaze=osie,wieght=1"])


def test_a_part_may_be_a_file(tmp_path: Path) -> None:
    (tmp_path / "align.yaml").write_text("gaze: osie\n")
    assert parse_recipe(["--align", str(tmp_path / "align.yaml")]).align.gaze == "osie"


def test_a_file_of_some_fields_leaves_the_others(tmp_path: Path) -> None:
    (tmp_path / "r.yaml").write_text("train: {epochs: 3}\n")
    recipe = load_recipe(tmp_path / "r.yaml")
    assert recipe.train.epochs == 3
    assert {f for f, v in leaves(recipe).items() if v != leaves(Recipe())[f]} == {"train.epochs"}


@pytest.mark.parametrize(
    ("word", "near"),
    [
        ("train.epoch", "train.epochs"),
        ("objective.budget_bit", "objective.budget_bits"),
        ("optim.lrr", "optim.lr"),
        ("anchors", "model.anchors"),
        ("model.latnt", "model.latent"),
    ],
)
def test_the_error_for_an_unknown_field_lists_similar_ones(word: str, near: str, tmp_path: Path) -> None:
    with pytest.raises(RegardError, match=rf"Did you mean .*{near}"):
        parse_recipe([f"--{word}", "3"])
    value: object = 3
    for part in reversed(word.split(".")):
        value = {part: value}
    (tmp_path / "r.yaml").write_text(yaml.safe_dump(value))
    with pytest.raises(RegardError, match=rf"Did you mean .*{near}"):
        load_recipe(tmp_path / "r.yaml")


def test_the_error_for_a_dissimilar_field_points_to_the_list() -> None:
    with pytest.raises(RegardError, match="--help-all` lists every field"):
        parse_recipe(["--zzzzzz", "3"])


@pytest.mark.parametrize(
    ("field", "value"),
    [("train.epochs", "many"), ("optim.schedule", "sometimes"), ("twin", "perhaps"), ("model.at", "{a: 1}")],
)
def test_an_ill_typed_field_is_named(field: str, value: str, tmp_path: Path) -> None:
    with pytest.raises(RegardError, match=rf"(?s){field}.*{value.strip('{}')[:1]}"):
        parse_recipe([f"--{field}", value])
    part, _, leaf = field.rpartition(".")
    (tmp_path / "r.yaml").write_text(f"{part}: {{{leaf}: {value}}}\n" if part else f"{leaf}: {value}\n")
    with pytest.raises(RegardError, match=field):
        load_recipe(tmp_path / "r.yaml")


def test_a_file_without_a_recipe_is_refused(tmp_path: Path) -> None:
    with pytest.raises(RegardError, match="no such recipe"):
        load_recipe(tmp_path / "absent.yaml")
    for text in ("train: [1, 2", "- a\n- b\n", "just words\n"):
        (tmp_path / "r.yaml").write_text(text)
        with pytest.raises(RegardError, match="recipe: "):
            load_recipe(tmp_path / "r.yaml")
    with pytest.raises(RegardError, match=r"recipe '.*absent.yaml': no such file"):
        parse_recipe(["--recipe", str(tmp_path / "absent.yaml")])


def test_a_file_executes_nothing(tmp_path: Path) -> None:
    (tmp_path / "r.yaml").write_text(f"name: !!python/object/apply:pathlib.Path.touch ['{tmp_path}/opened']\n")
    with pytest.raises(RegardError):
        load_recipe(tmp_path / "r.yaml")
    assert not (tmp_path / "opened").exists()


def test_a_recipe_with_other_values_in_some_fields() -> None:
    recipe = Recipe()
    other = override(recipe, {"model.latent": 8, "data.options.size": 32, "optim.lr": 0.5, "name": "other"})
    assert (other.model.latent, other.data.options, other.optim.lr, other.name) == (8, {"size": 32}, 0.5, "other")
    assert override(recipe, {}) == recipe
    assert recipe.data.options == {}, "the first stays as it was"
    assert recipe_from({"model": {"latent": 8}}).model.latent == 8


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"model.attenton": None}, "Did you mean model.attention"),
        ({"modl.latent": 3}, "Did you mean model.latent"),
        ({"objective.beta.start": 1}, "objective.beta"),
        ({"optim.lr": "fast"}, "optim.lr"),
        ({"model": 3}, "--model"),
    ],
)
def test_a_change_that_does_not_fit_is_named(changes: dict[str, object], message: str) -> None:
    with pytest.raises(RegardError, match=message):
        override(Recipe(), changes)


@dataclass(frozen=True, kw_only=True)
class Example:
    """A file around recipes."""

    title: str
    """One line."""
    rows: list[int] = dataclass_field(default_factory=lambda: [1, 2])
    """At least one."""

    def __post_init__(self) -> None:
        if not self.rows:
            raise RegardError("rows: at least one")


def write_example(folder: Path, text: str) -> Path:
    path = folder / "first.yaml"
    path.write_text(text, encoding="utf-8")
    return path


def test_a_file_is_found_by_its_path_and_by_its_name(tmp_path: Path) -> None:
    path = write_example(tmp_path, "title: Größe\n")
    assert find_yaml("example", str(path), tmp_path / "elsewhere") == path
    assert find_yaml("example", "first", tmp_path) == path
    with pytest.raises(RegardError, match=r"example 'absent': no such file, .*\(there: first\)"):
        find_yaml("example", "absent", tmp_path)
    with pytest.raises(RegardError, match=r"\(there: none here\)"):
        find_yaml("example", "absent", tmp_path / "elsewhere")
    assert read_yaml(Example, path, help="see the docs") == Example(title="Größe", rows=[1, 2])


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("title: a\ncolour: red\n", "colour.*; see the docs"),
        ("rows: [1]\n", "title.*; see the docs"),
        ("title: a\nrows: [many]\n", "rows.*; see the docs"),
        ("- a list\n", "; see the docs"),
        ("title: [\n", "; see the docs"),
        ("title: a\nrows: []\n", "rows: at least one$"),
    ],
)
def test_a_file_that_does_not_fit_is_refused_with_its_name(tmp_path: Path, text: str, message: str) -> None:
    path = write_example(tmp_path, text)
    with pytest.raises(RegardError, match=rf"^{re.escape(str(path))}: .*{message}"):
        read_yaml(Example, path, help="see the docs")


NAMED = sorted(path.stem for path in RECIPES.glob("*.yaml"))


@pytest.mark.parametrize("name", NAMED)
def test_a_recipe_of_this_package_is_found_by_its_name_from_any_folder(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    expected = load_recipe(RECIPES / f"{name}.yaml")
    for words in (["--recipe", name], [f"--recipe={name}"], ["--recipe", f"recipes/{name}.yaml"]):
        assert parse_recipe(words) == expected
    assert parse_recipe(["--name", name, "--recipe", name, "--train.epochs", "77"]).train.epochs == 77


def test_a_file_here_comes_before_a_recipe_of_that_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    Path("clutter").write_text("name: mine\n")
    assert parse_recipe(["--recipe", "clutter"]).name == "mine"


@pytest.mark.parametrize("name", ["cluter", "recipes/nothing.yaml", "recipes/../x.yaml", "../clutter"])
def test_an_unknown_recipe_lists_those_that_come_along(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(RegardError, match=r"recipe '.*': no such file, .*\(there: .*cifar10-small, clutter, "):
        parse_recipe(["--recipe", name])


def test_there_is_one_copy_of_every_recipe_inside_the_package() -> None:
    assert Path(__file__).parents[2] / "src/regard/recipes" == RECIPES
    assert not (Path(__file__).parents[2] / "recipes").exists()
    assert {"clutter", "cifar10-small", "cub50-lite0"} <= set(NAMED)


@pytest.mark.parametrize("text", ["#tag", " # a comment", "#"])
def test_text_that_yaml_takes_for_a_comment_stays_text(text: str) -> None:
    assert parse_recipe(["--data.root", text]).data.root == text
    assert recipe_from({"data": {"root": text}}).data.root == text
    assert parse_recipe(["--data.root", "null"]).data.root is None
