"""The command, from arguments to exit codes."""

import argparse
import importlib
import json
import os
import re
import shlex
import subprocess
import sys
import traceback
from collections import Counter
from dataclasses import is_dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image
from tests.training.tiny import metrics, tiny
from torch import Tensor

from regard.backbones.networks.compact import Compact
from regard.cli import TAKES_FIELDS, _parser, main
from regard.cli.names import JUDGE_METRICS, METHOD_NAMES, SCORE_METRICS
from regard.devices import find_device
from regard.training import RECIPES, Recipe, plain_twin, save_recipe, train


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with one finished run, ``tiny``, not evaluated."""
    folder = tmp_path_factory.mktemp("runs")
    train(tiny(), folder / "tiny", quiet=True)
    return folder


@pytest.mark.slow
def test_train_with_its_twin_ends_with_a_report(tmp_path: Path) -> None:
    save_recipe(tiny(twin=True), tmp_path / "recipe.yaml")
    done = subprocess.run(
        [sys.executable, "-m", "regard", "train", "--recipe", "recipe.yaml", "--name", "mine", "--train.seed", "3"],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=400,
        env=os.environ | {"OMP_NUM_THREADS": "1"},
    )
    assert done.returncode == 0, done.stderr[-3000:]
    folder = tmp_path / "runs" / "mine"
    assert "report: " in done.stdout
    assert "plain twin" in (folder / "report.html").read_text()
    assert json.loads((folder / "twin" / "environment.json").read_text())["seed"] == 3
    assert len(metrics(folder)) == len(metrics(folder / "twin")) == 1
    assert not (folder / "twin" / "wanted.yaml").exists()


def test_a_repeated_command_does_not_train_again_and_evaluates(runs: Path, capsys: pytest.CaptureFixture[str]) -> None:
    save_recipe(tiny(), runs / "recipe.yaml")
    before = (runs / "tiny" / "environment.json").read_bytes()
    assert main(["train", "--recipe", str(runs / "recipe.yaml"), "--runs", str(runs), "--quiet"]) == 0
    captured = capsys.readouterr()
    assert "evaluating" not in captured.err
    assert (runs / "tiny" / "environment.json").read_bytes() == before
    assert "report.html" in captured.out
    (runs / "tiny" / "report.html").unlink()
    assert main(["report", str(runs / "tiny")]) == 0
    assert (runs / "tiny" / "report.html").is_file()
    assert main(["evaluate", str(runs / "tiny")]) == 0
    captured = capsys.readouterr()
    assert "Interventions" in captured.out
    told = re.findall(r"evaluating: (\w+), (\d+) of (\d+), after \d", captured.err)
    assert [int(number) for _, number, _ in told] == list(range(1, len(told) + 1))
    assert {int(every) for *_, every in told} == {len(told)}
    assert told[0][0] == "prediction"
    assert len(told) > 5


def test_one_command_reads_matches_claims_and_builds_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    recipe, folder = tiny("once", twin=True), tmp_path / "once"
    save_recipe(recipe, tmp_path / "recipe.yaml")
    train(plain_twin(recipe), folder / "twin", quiet=True)
    calls: Counter[str] = Counter()

    def count(module: str, name: str) -> None:
        function = getattr(importlib.import_module(module), name)

        def counted(*args: Any, **kwargs: Any) -> Any:
            calls[name] += 1
            return function(*args, **kwargs)

        monkeypatch.setattr(f"{module}.{name}", counted)

    count("regard.training", "parse_fields")
    for name in ("load_recipe", "build_data", "claim_folder", "check_choices"):
        count("regard.training.run", name)
    count("regard.training.data_record", "open_data")
    arguments = ["train", "--recipe", str(tmp_path / "recipe.yaml"), "--runs", str(tmp_path), "--quiet"]
    assert main(arguments) == 0
    assert (folder / "report.html").is_file()
    assert "plain twin" in (folder / "report.html").read_text()
    one_call_each = {"parse_fields": 1, "build_data": 1, "open_data": 1, "claim_folder": 1, "check_choices": 1}
    assert calls == one_call_each
    calls.clear()
    assert main(arguments) == 0
    opened_by_record = {name: 1 for name in one_call_each if name != "build_data"}
    assert calls == opened_by_record | {"load_recipe": 1}, "the recipe in the folder is read once, to compare it"


def test_few_files_lie_between_the_command_and_the_first_forward(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    forward, stacks = Compact.forward, []

    def recorded(self: Compact, x: Tensor) -> Tensor:
        files = [frame.filename for frame in traceback.extract_stack()]
        if any(file.endswith("training/task.py") for file in files):
            stacks.append({file for file in files if "/src/regard/" in file})
        return forward(self, x)

    monkeypatch.setattr(Compact, "forward", recorded)
    save_recipe(tiny("short"), tmp_path / "r.yaml")
    arguments = ["train", "--recipe", str(tmp_path / "r.yaml"), "--runs", str(tmp_path), "--quiet", "--no-evaluation"]
    assert main(arguments) == 0
    assert 0 < len(stacks[0]) <= 11, sorted(stacks[0])


def test_no_evaluation_where_none_is_wanted(tmp_path: Path) -> None:
    save_recipe(tiny(), tmp_path / "r.yaml")
    arguments = ["train", "--recipe", str(tmp_path / "r.yaml"), "--runs", str(tmp_path), "--quiet", "--no-evaluation"]
    assert main(arguments) == 0
    assert (tmp_path / "tiny" / "environment.json").is_file()
    assert not (tmp_path / "tiny" / "evaluation.json").exists()


def test_another_recipe_under_the_same_name_is_refused(runs: Path, capsys: pytest.CaptureFixture[str]) -> None:
    save_recipe(tiny(), runs / "recipe.yaml")
    arguments = ["train", "--recipe", str(runs / "recipe.yaml"), "--runs", str(runs), "--quiet", "--train.seed", "9"]
    assert main(arguments) == 2
    assert "another recipe" in capsys.readouterr().err


def test_explain_continues_after_a_bad_image(runs: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    good, bad = tmp_path / "good.png", tmp_path / "bad.png"
    Image.fromarray(np.random.default_rng(0).integers(0, 255, (20, 20, 3), dtype=np.uint8)).save(good)
    bad.write_bytes(good.read_bytes()[:200])
    run = ["--run", str(runs / "tiny"), "--out", str(tmp_path / "out")]
    assert main(["explain", str(bad), str(good), *run]) == 1
    output = capsys.readouterr()
    assert "bad.png" in output.err
    assert "good.png" not in output.err
    assert "1 of 2 images explained" in output.out
    assert (tmp_path / "out" / "good.png").is_file()
    assert main(["explain", str(good), *run]) == 0


@pytest.mark.parametrize("command", [["evaluate"], ["report"], ["explain", "a.png", "--run"]])
def test_an_unknown_run_is_bad_input(command: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main([*command, str(tmp_path / "absent")]) == 2
    error = capsys.readouterr().err
    assert error.startswith("regard: ")
    assert "absent" in error
    assert "Traceback" not in error


def test_a_mistyped_field_is_bad_input(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["train", "--objective.budget_bit", "6"]) == 2
    assert "objective.budget_bits" in capsys.readouterr().err
    assert main(["train", "--recipe", "absent.yaml"]) == 2
    assert "absent.yaml" in capsys.readouterr().err


def test_an_interruption_is_130(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    def interrupted(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("regard.training.train_with_twin", interrupted)
    assert main(["train"]) == 130
    assert "goes on" in capsys.readouterr().err
    monkeypatch.setattr("regard.start.diagnose", interrupted)
    assert main(["doctor"]) == 130
    assert capsys.readouterr().err == "regard: interrupted\n", "nothing is kept of this one that could go on"


def test_the_help_of_train_explains_every_field_and_says_its_default(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["train", "--help-all"]) == 0
    text = " ".join(capsys.readouterr().out.partition("\nexamples:")[0].split())
    assert "--objective.budget_bits BUDGET_BITS Find the beta at which the latent rate is this many bits" in text
    assert "--train.epochs EPOCHS Passes over the training images. (type: int, default: 5)" in text
    assert "--data.shuffle_labels {true,false} Permute the labels of train and val" in text
    assert "--name NAME The run's folder is `runs/<name>`. (type: str, default: default)" in text
    parts = re.split(r" --(?=[\w.]+[+]? )", text)
    for part, value in vars(Recipe()).items():
        for name in vars(value) if is_dataclass(value) else ():
            entry = [words for words in parts if re.match(rf"{part}\.{name}[+]? ", words)][-1]
            assert "default: " in entry
            explanation = entry.split(" (type: ")[0].split("] ")[-1].split("} ")[-1]
            assert len(explanation.split()) >= 3, f"{part}.{name} is not explained"


def test_methods_and_metrics_stand_in_the_help_of_their_commands(capsys: pytest.CaptureFixture[str]) -> None:
    from regard.explain import METHODS
    from regard.judge.measures import METRICS
    from regard.score.results import METRIC_LABELS

    assert tuple(METHODS) == METHOD_NAMES
    assert [METHODS[name].control for name in METHODS] == [name in METHOD_NAMES[-3:] for name in METHOD_NAMES]
    assert tuple(METRICS) == JUDGE_METRICS
    assert tuple(METRIC_LABELS) == SCORE_METRICS
    for command, names in (
        ("explain", METHOD_NAMES),
        ("judge", (*METHOD_NAMES, *JUDGE_METRICS)),
        ("score", SCORE_METRICS),
    ):
        with pytest.raises(SystemExit):
            main([command, "--help"])
        words = re.findall(r"\w+", "".join(capsys.readouterr().out))
        assert [name for name in names if name not in words] == []


@pytest.mark.parametrize("command", ["judge", "shift", "transfer", "explain", "score", "sweep", "table"])
def test_the_help_of_a_command_says_every_default(command: str, capsys: pytest.CaptureFixture[str]) -> None:
    parser = subparsers(_parser())[command]
    text = " ".join(parser.format_help(every=True).partition("examples:")[0].split())
    for action in parser._actions:
        if action.option_strings and action.default not in (None, False, True, argparse.SUPPRESS, []):
            entry = text.split(f" {action.option_strings[-1]} ")[-1].split(" --")[0]
            assert "default" in entry, f"{action.option_strings[-1]} does not say its default, {action.default}"


def test_commands_take_the_accelerator_where_there_is_one(monkeypatch: pytest.MonkeyPatch) -> None:
    for command in ("evaluate runs/a", "explain a.png --model m", "judge --model m", "shift --run r"):
        assert _parser().parse_args(command.split()).device == "auto"
    assert _parser().parse_args(["transfer", "--run", "r", "--data", "digits"]).device == "auto"
    monkeypatch.setattr("torch.cuda.is_available", lambda: False)
    assert find_device("auto") == torch.device("cpu")
    asked: list[object] = []

    def zeros(*_: object, device: torch.device) -> torch.Tensor:
        asked.append(device)
        return torch.ones(1)

    monkeypatch.setattr("torch.cuda.is_available", lambda: True)
    monkeypatch.setattr("regard.devices.torch.zeros", zeros)
    assert find_device("auto") == torch.device("cuda")
    assert asked == [torch.device("cuda")]


def test_help_lists_every_field(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["train", "--help-all"]) == 0
    output = capsys.readouterr().out
    for field in ("--objective.budget_bits", "--model.attention", "--train.epochs", "--data.name", "--runs", "--quiet"):
        assert field in output


def subparsers(parser: argparse.ArgumentParser) -> dict[str, argparse.ArgumentParser]:
    return parser._subparsers._group_actions[0].choices


@pytest.mark.parametrize("command", [name for name in subparsers(_parser()) if name != "train"])
def test_the_help_of_a_command_ends_with_examples_that_parse(command: str) -> None:
    parser = subparsers(_parser())[command]
    assert parser.description
    title, *examples = parser.epilog.splitlines()
    assert (title, len(examples) > 0) == ("examples:", True)
    for example in examples:
        program, first, *rest = shlex.split(example)
        assert (program, first) == ("regard", command)
        _, fields = _parser().parse_known_args([first, *rest])
        assert not fields or command in TAKES_FIELDS
    hidden = [a.option_strings or a.dest for a in parser._actions if a.help is None and a.dest != "action"]
    assert not hidden, "every argument says what it is"


def test_tables_and_studies_that_come_along_stand_in_the_help(capsys: pytest.CaptureFixture[str]) -> None:
    for words, folder in ((["table"], "tables"), (["study", "run"], "study")):
        with pytest.raises(SystemExit):
            main([*words, "--help"])
        text = "".join(capsys.readouterr().out.split())
        names = [path.stem for path in (RECIPES / folder).glob("*.yaml")]
        assert names
        assert [name for name in names if name not in text] == []


def test_a_table_and_a_study_are_found_from_any_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    assert main(["table", "cifar10", "--dry-run", "--only", "plain", "--seeds", "2"]) == 0
    assert "to run  plain/seed-1" in capsys.readouterr().out
    assert main(["study", "generated", "--dry-run", "--seeds", "1"]) == 0
    assert "seed-0" in capsys.readouterr().out
    assert list(tmp_path.iterdir()) == []


def test_help_and_recipes_need_no_torch() -> None:
    code = """
import sys
from regard.cli import TAKES_FIELDS, _parser, main
for arguments in (["judge", "--help"], ["--help"], ["--version"]):
    try:
        main(arguments)
    except SystemExit as left:
        assert left.code == 0
assert main(["train", "--help"]) == 0
assert main(["train", "--help-all"]) == 0
assert main(["train", "--objective.warmup", "2"]) == 2
print([name for name in ("torch", "timm", "pytorch_lightning", "matplotlib") if name in sys.modules])
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=120)
    assert done.stdout.splitlines()[-1] == "[]"
    assert "objective.warmup is 2.0" in done.stderr


@pytest.mark.parametrize("arguments", [[], ["paint"], ["evaluate"], ["report", "a", "--colour", "red"]])
def test_an_unknown_command_is_refused(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as left:
        main(arguments)
    assert left.value.code == 2
    assert "usage" in capsys.readouterr().err


def test_data_sets_are_listed_and_described(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["data", "list"]) == 0
    output = capsys.readouterr().out
    assert "clutter" in output
    assert "cifar10" in output
    assert main(["data", "info"]) == 0
    assert "MIT" in capsys.readouterr().out
    assert main(["data", "info", "clutter"]) == 0
    assert "CC BY 4.0" in capsys.readouterr().out
    assert main(["data", "info", "cluter"]) == 2
    assert "did you mean clutter" in capsys.readouterr().err


def test_data_check_names_each_bad_item(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for name in ("a", "b"):
        for k in range(10):
            path = tmp_path / name / f"{k}.png"
            path.parent.mkdir(exist_ok=True)
            Image.fromarray(np.random.default_rng(k).integers(0, 255, (9, 9, 3), dtype=np.uint8)).save(path)
    assert main(["data", "check", "folder", "--root", str(tmp_path)]) == 0
    assert "0 bad items" in capsys.readouterr().out
    broken = tmp_path / "b" / "3.png"
    broken.write_bytes(broken.read_bytes()[:100])
    assert main(["data", "check", "folder", "--root", str(tmp_path)]) == 1
    output = capsys.readouterr()
    assert "1 bad items" in output.out
    assert "3.png" in output.err
    assert main(["data", "check", "folder", "--root", str(tmp_path / "absent")]) == 2


def test_a_download_asks_first(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    questions: list[str] = []
    monkeypatch.setattr("builtins.input", lambda question: questions.append(question) or "n")
    assert main(["data", "get", "cifar10", "--root", str(tmp_path / "new")]) == 0
    assert "170 MB" in questions[0]
    assert "licence" in questions[0]
    assert not (tmp_path / "new").exists()
    assert main(["data", "get", "clutter", "--root", str(tmp_path / "new")]) == 2
