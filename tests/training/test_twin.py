"""A run and its plain control, each in a process of its own."""

import sys
from pathlib import Path

import pytest
from tests.training.tiny import tiny

from regard.training import load_recipe, train, train_with_twin
from regard.types import RegardError


def python_that(does: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The twin's process runs this shell line instead of Python."""
    script = tmp_path / "python"
    script.write_text(f"#!/bin/sh\n{does}\n")
    script.chmod(0o755)
    monkeypatch.setattr(sys, "executable", str(script))


@pytest.mark.parametrize(("does", "words"), [("echo no room; exit 3", "no room"), ("kill -9 $$", "no message")])
def test_a_twin_that_fails_is_named_and_the_run_is_whole(
    does: str, words: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    python_that(does, tmp_path, monkeypatch)
    with pytest.raises(RegardError, match=rf"plain twin failed \({words}\); see .*log\.txt.*is whole"):
        train_with_twin(tiny(twin=True), tmp_path / "tiny", quiet=True)
    assert (tmp_path / "tiny" / "environment.json").is_file()
    assert not (tmp_path / "tiny" / "twin" / "wanted.yaml").exists()


def test_no_twin_is_begun_for_a_folder_of_another_recipe(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = train(tiny(), tmp_path / "tiny", quiet=True)
    python_that(f"touch {tmp_path}/begun", tmp_path, monkeypatch)
    with pytest.raises(RegardError, match="another recipe"):
        train_with_twin(tiny(twin=True, train={"epochs": 2}), folder, quiet=True)
    assert not (folder / "twin").exists()
    assert not (tmp_path / "begun").exists()


def test_none_where_none_is_asked_for(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    python_that(f"touch {tmp_path}/begun", tmp_path, monkeypatch)
    folder = train_with_twin(tiny(), tmp_path / "tiny", quiet=True).folder
    assert load_recipe(folder / "recipe.yaml") == tiny()
    assert not (tmp_path / "begun").exists()
