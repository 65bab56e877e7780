"""What the command line advises: the remedy fits the mistake."""

from pathlib import Path

import pytest
from PIL import Image

from regard.attention.create import ATTENTION, FIXED_MAPS, GATES, LEARNED_MAPS
from regard.cli import main
from regard.errors import listed_names
from regard.models import BASELINE_NAMES, GLANCE, AttentiveClassifier
from regard.training import fit_recipe, parse_recipe
from regard.training.recipe_model import ATTENTION_GATES, ATTENTION_MAPS, ATTENTION_NAMES
from regard.types import RegardError


def test_the_recipe_knows_every_attention() -> None:
    assert sorted(ATTENTION_NAMES) == sorted([*ATTENTION, *BASELINE_NAMES, GLANCE])
    assert (*LEARNED_MAPS, *FIXED_MAPS) == ATTENTION_MAPS
    assert tuple(GATES) == ATTENTION_GATES


@pytest.mark.parametrize(
    ("name", "near"),
    [("cbma", "cbam"), ("nois", "noise"), ("determinstic", "deterministic"), ("uniform+nois", "uniform")],
)
def test_a_misspelt_attention_is_answered_by_the_near_names(name: str, near: str, capsys) -> None:
    for words in ([], ["--defaults", "fixed"], ["--objective.map_budget_bits", "2000"]):
        assert main(["train", "--model.attention", name, *words]) == 2
        assert f"model.attention {name!r}: no such mechanism; did you mean {near}" in capsys.readouterr().err


@pytest.mark.parametrize("name", [*ATTENTION_NAMES, "uniform+mask", "variational+noise", "null"])
def test_every_attention_is_taken(name: str) -> None:
    words = ["--objective.map_budget_bits", "null", "--objective.budget_bits", "null", "--model.latent", "null"]
    if name == GLANCE:
        words += ["--model.at", "[]", "--objective.kept_budget", "0.25"]
    assert parse_recipe([*words, "--model.attention", name]).model.attention == (None if name == "null" else name)


def test_a_glance_says_what_else_it_needs() -> None:
    words = ["--model.attention", GLANCE]
    for said, remedy in (
        (r"add --model.at \[\]", ["--model.at", "[]"]),
        ("add --model.latent null", ["--model.latent", "null"]),
        ("budget_bits needs model.latent", ["--objective.budget_bits", "null", "--objective.map_budget_bits", "null"]),
        ("needs objective.kept_budget", ["--objective.kept_budget", "0.25"]),
    ):
        with pytest.raises(RegardError, match=said):
            parse_recipe(words)
        words += remedy
    assert parse_recipe(words).objective.kept_budget == 0.25


@pytest.mark.parametrize(
    ("words", "layers"),
    [
        (["--model.at", "blocks.4"], ["blocks.4"]),
        (["--model.at=stage2"], ["stage2"]),
        (["--model.at", "stage2,stage3"], ["stage2", "stage3"]),
        (["--model.at", "[stage2, stage3]"], ["stage2", "stage3"]),
        (["--model.at", "[]"], []),
        (["--model", "at=stage3,latent=4"], ["stage3"]),
        (["--model", "at=[stage2,stage3],latent=4"], ["stage2", "stage3"]),
    ],
)
def test_one_layer_needs_no_brackets(words: list[str], layers: list[str]) -> None:
    assert parse_recipe(words).model.at == layers
    assert parse_recipe(["--optim.milestones", "10,20"]).optim.milestones == [10, 20]


@pytest.mark.parametrize("backbone", ["resnet18", "timm:vit_tiny_patch16_224", "torchvision:vgg11"])
def test_a_network_of_another_library_is_not_searched_for_a_layer_of_regards(backbone: str) -> None:
    fields = {"defaults": "fixed", "model": {"backbone": backbone}}
    assert fit_recipe(fields).recipe.model.at == []
    assert fit_recipe(fields | {"model": {"backbone": backbone, "at": ["x"]}}).recipe.model.at == ["x"]
    assert (
        fit_recipe(
            {
                "task": "segmentation",
                "model": {"backbone": backbone, "latent": None},
                "objective": {"budget_bits": None},
            }
        ).recipe.model.at
        == []
    )
    assert fit_recipe({"defaults": "fixed"}).recipe.model.at == ["stage1"]


def test_a_run_that_is_not_there_is_answered_by_runs(tmp_path: Path, monkeypatch, capsys) -> None:
    monkeypatch.chdir(tmp_path)
    for name in ("photos", "birds"):
        Path("runs", name).mkdir(parents=True)
    Path("a.txt").write_text("")
    Image.new("RGB", (8, 8)).save("a.png")
    for name, says in (
        ("runs/photo", "no such folder; nearest in runs: photos; `regard runs list runs` shows your runs"),
        ("runs/brids", "no such folder; nearest in runs: birds; `regard runs list runs` shows your runs"),
        ("nowhere/photos", "no such folder; nowhere holds none; `regard train` makes a run"),
        (str(tmp_path / "a.txt"), "a file, where a run's folder"),
    ):
        assert main(["explain", "a.png", "--run", name]) == 2
        error = capsys.readouterr().err
        assert says in error
        assert "backbone" not in error


def test_a_network_without_attention_is_explained_by_grad_cam(tmp_path: Path, monkeypatch, capsys) -> None:
    monkeypatch.chdir(tmp_path)
    Image.new("RGB", (16, 16)).save("a.png")
    for attention, method in ((None, "grad_cam"), ("mask", "attention")):
        at = "stage1" if attention else None
        AttentiveClassifier("compact", 2, at=at, attention=attention, input_size=(16, 16)).save_pretrained("m")
        assert main(["explain", "a.png", "--model", "m", "--out", f"out-{method}"]) == 0
        assert f'"{method}"' in Path(f"out-{method}/explained.json").read_text()


def test_names_with_commas_are_quoted() -> None:
    assert listed_names(["a", "b, c", "d"]) == "a, 'b, c', d"
    model = AttentiveClassifier(
        "compact", 3, attention=None, input_size=(16, 16), classes=["cat", "tench, fish", "dog"]
    )
    with pytest.raises(RegardError, match="nearest: 'tench, fish'"):
        open_subject_of(model).target("tench, fihs")


def open_subject_of(model: AttentiveClassifier):
    from regard.judge.subject import wrap_network

    return wrap_network(model)


def test_an_option_that_is_given_twice_is_bad_input(tmp_path: Path, capsys) -> None:
    (tmp_path / "t.csv").write_text("file,label\n")
    words = ["train", "--data", f"name=csv,root={tmp_path},options={{table: t.csv}}"]
    assert main(words) == 2
    assert "csv: multiple values for argument 'table'; see `regard data info csv`" in capsys.readouterr().err
