"""The list of runs: what each is, by its files; a damaged one is named and the others are listed."""

import json
import shutil
from pathlib import Path

import pytest

from regard.cli import main
from regard.runs import find_runs, is_run
from regard.types import RegardError

OLD = Path(__file__).parents[1] / "fixtures" / "v0_1"
RUNS = ["action", "classification", "segmentation", "table/grid/small/noise-gate/seed-0/run"]


@pytest.fixture
def runs(tmp_path: Path) -> Path:
    return Path(shutil.copytree(OLD, tmp_path / "runs"))


def test_every_run_is_found_once_and_nothing_else(runs: Path) -> None:
    found = find_runs(runs)
    assert found.problems == ()
    assert [run.name for run in found.runs] == [*RUNS, "table/grid/small/plain/seed-0/run"]
    by_name = {run.name: run for run in found.runs}
    run = by_name["classification"]
    evaluation = json.loads((runs / "classification/evaluation.json").read_text())
    assert run.state == "evaluated"
    assert (run.task, run.data, run.model) == ("classification", "clutter", "compact, aib at stage1")
    assert run.score is not None
    assert (run.score.key, run.score.value) == ("accuracy_mean", evaluation["scores"][0]["value"])
    assert {what: round(bits, 1) for what, bits in run.bits.items()} == {"latent": 9.1, "code": 117.4}
    assert run.epochs == 1
    assert run.size == sum(p.stat().st_size for p in (runs / "classification").rglob("*") if p.is_file())
    assert by_name["segmentation"].score.key == "s"
    assert by_name[RUNS[3]].state == "trained"


def test_a_folder_that_is_a_run_is_the_list(runs: Path) -> None:
    (run,) = find_runs(runs / "action").runs
    assert (run.name, run.task) == ("action", "action")


def test_a_run_in_training_is_unfinished(runs: Path) -> None:
    (runs / "action/environment.json").unlink()
    (runs / "action/evaluation.json").unlink()
    (run,) = find_runs(runs / "action").runs
    assert (run.state, run.epochs, run.created) == ("unfinished", 1, "")
    for name in ("metrics.jsonl", "model"):
        path = runs / "action" / name
        shutil.rmtree(path) if path.is_dir() else path.unlink()
    (runs / "action/data.json").write_text("{}")
    (run,) = find_runs(runs / "action").runs
    assert (run.state, run.epochs) == ("unfinished", 0)


def test_a_recipe_alone_is_no_run_and_links_are_not_followed(runs: Path) -> None:
    (runs / "alone").mkdir()
    shutil.copy(runs / "action/recipe.yaml", runs / "alone")
    shutil.copy(runs / "action/recipe.yaml", runs)
    (runs / "linked").symlink_to(runs / "action")
    assert not is_run(runs / "alone")
    assert not is_run(runs)
    assert [run.name for run in find_runs(runs).runs][:3] == RUNS[:3]


@pytest.mark.parametrize(
    ("file", "content"),
    [
        ("recipe.yaml", "model: {latent: many}\n"),
        ("recipe.yaml", "- not a recipe\n"),
        ("recipe.yaml", "{: \x00"),
        ("evaluation.json", "{"),
        ("evaluation.json", '{"schema": 1}'),
        ("environment.json", "[]"),
        ("metrics.jsonl", "nothing\n{}\n"),
    ],
)
def test_a_damaged_run_is_named_and_the_others_are_listed(runs: Path, capsys, file: str, content: str) -> None:
    (runs / "classification" / file).write_text(content)
    found = find_runs(runs)
    assert [run.name for run in found.runs][:2] == ["action", "segmentation"]
    (problem,) = found.problems
    assert "classification" in problem
    assert main(["runs", "list", str(runs)]) == 1
    captured = capsys.readouterr()
    assert captured.err == f"regard: {problem}\n"
    assert "segmentation" in captured.out


def test_the_command_prints_the_list(runs: Path, monkeypatch, capsys) -> None:
    monkeypatch.chdir(runs.parent)
    assert main(["runs", "list"]) == 0
    text = " ".join(capsys.readouterr().out.split())
    assert "Accuracy 0.086 latent 9.09," in text
    assert "S-measure 0.393" in text
    assert main(["runs", "list", "--json"]) == 0
    entries = json.loads(capsys.readouterr().out)
    assert [entry["name"] for entry in entries][:3] == RUNS[:3]
    assert entries[0]["state"] == "evaluated"


def test_a_folder_without_runs_names_the_next_command(tmp_path: Path, capsys) -> None:
    assert main(["runs", "list", str(tmp_path)]) == 0
    assert "`regard train --runs" in capsys.readouterr().out
    assert main(["runs", "list", str(tmp_path / "absent")]) == 2
    assert "absent: no such folder; `regard train` makes" in capsys.readouterr().err
    (tmp_path / "f").write_text("")
    with pytest.raises(RegardError, match="a file"):
        find_runs(tmp_path / "f")


def test_listing_loads_no_network_library() -> None:
    import subprocess
    import sys

    code = "import sys; from regard.runs import find_runs; "
    code += f"assert find_runs({str(OLD)!r}).runs; print('timm' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "False\n"
