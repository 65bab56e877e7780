"""Which models are offered and opened."""

import shutil
from dataclasses import replace
from pathlib import Path

import pytest

from regard.app.context import AppContext, class_choices
from regard.app.shelf import ModelShelf
from regard.backbones import PACKAGED, packaged_weights
from regard.types import RegardError

AT_HAND = [name for name in PACKAGED if packaged_weights(name) is not None]


def test_named_models_finished_runs_and_packaged_networks_are_offered(
    context: AppContext, models: tuple[str, str], evaluated_run: Path
) -> None:
    runs = context.settings.runs
    shutil.copytree(evaluated_run, runs / "mine")
    left = shutil.ignore_patterns("environment.json", "model", "evaluation.json")
    shutil.copytree(evaluated_run, runs / "unfinished", ignore=left)
    assert context.shelf.names() == [*models, str(runs / "mine"), *AT_HAND]
    assert context.shelf.run_names() == [str(runs / "mine"), str(runs / "unfinished")]
    assert context.shelf.open(str(runs / "mine")).model.at


def test_a_model_is_opened_once_and_the_least_used_is_closed(context: AppContext, models: tuple[str, str]) -> None:
    shelf = ModelShelf(context.settings, kept=1)
    first = shelf.open(models[0])
    assert shelf.open(models[0]) is first
    assert shelf.open(f" {models[0]} ") is first
    shelf.open(models[1])
    assert shelf.open(models[0]) is not first


@pytest.mark.parametrize(
    ("name", "says"),
    [
        ("", "choose a model"),
        (None, "choose a model"),
        ("resnet18", "without weights is untrained"),
        ("no_such_network", "no such folder"),
    ],
)
def test_names_that_are_no_model(context: AppContext, name: str | None, says: str) -> None:
    with pytest.raises(RegardError, match=says):
        context.shelf.open(name)


@pytest.mark.parametrize(("host", "local"), [("127.0.0.1", True), ("localhost", True), ("0.0.0.0", False), ("", False)])
def test_others_open_only_what_is_offered(context: AppContext, models: tuple[str, str], host: str, local: bool) -> None:
    settings = replace(context.settings, host=host, models=models[:1])
    assert settings.local is local
    shelf = ModelShelf(settings)
    assert shelf.open(models[0]).classes[:2] == ("cat", "dog")
    if local:
        assert shelf.open(models[1]).classes[:2] == ("cat", "dog")
    else:
        with pytest.raises(RegardError, match="is not offered here"):
            shelf.open(models[1])


def test_choices_of_classes_are_their_numbers() -> None:
    assert class_choices(("1", "0"), "none") == [("none", ""), ("1", "0"), ("0", "1")]
    assert class_choices(("crane", "crane"), "none")[1:] == [("crane (0)", "0"), ("crane (1)", "1")]
