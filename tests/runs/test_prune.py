"""Removing runs: what is asked for goes, and nothing else does."""

import io
import shutil
from pathlib import Path

import pytest
import yaml

from regard.cli import main
from regard.owner import owned
from regard.runs import plan_pruning, remove
from regard.types import RegardError

OLD = Path(__file__).parents[1] / "fixtures" / "v0_1"


@pytest.fixture
def runs(tmp_path: Path, monkeypatch) -> Path:
    """Two finished runs with checkpoints, one of them with a twin; an unfinished one; a file beside them."""
    monkeypatch.chdir(tmp_path)
    for name in ("classification", "segmentation", "action"):
        shutil.copytree(OLD / name, tmp_path / "runs" / name)
    (tmp_path / "runs/action/environment.json").unlink()
    for place in ("classification", "classification/twin", "segmentation", "action"):
        (tmp_path / "runs" / place / "checkpoints").mkdir()
        (tmp_path / "runs" / place / "checkpoints/last.ckpt").write_bytes(b"x" * 2**20)
    (tmp_path / "runs/notes.txt").write_text("mine")
    return tmp_path / "runs"


def files(folder: Path) -> set[str]:
    return {path.relative_to(folder).as_posix() for path in folder.rglob("*") if not path.is_dir()}


def test_a_named_run_is_removed_whole(runs: Path, capsys) -> None:
    kept = {name for name in files(runs) if not name.startswith("classification/")}
    assert main(["runs", "prune", "runs/classification", "--yes"]) == 0
    assert files(runs) == kept
    assert not (runs / "classification").exists()
    out = capsys.readouterr().out
    assert "runs/classification: the whole run, 2." in out
    assert "removed 2." in out


def test_checkpoints_of_finished_runs_go_and_their_models_stay(runs: Path, capsys) -> None:
    before = files(runs)
    assert main(["runs", "prune", "--checkpoints", "--yes"]) == 0
    gone = {f"{run}/checkpoints/last.ckpt" for run in ("classification", "classification/twin", "segmentation")}
    assert files(runs) == before - gone
    assert "runs/classification: checkpoints, 2.0 MiB" in capsys.readouterr().out
    assert main(["runs", "prune", "--checkpoints", "--yes"]) == 0
    assert "nothing to remove" in capsys.readouterr().out


def test_unfinished_runs_go(runs: Path) -> None:
    assert main(["runs", "prune", "runs", "--unfinished", "--yes"]) == 0
    assert sorted(path.name for path in runs.iterdir()) == ["classification", "notes.txt", "segmentation"]


def test_both_at_once(runs: Path) -> None:
    assert main(["runs", "prune", "--unfinished", "--checkpoints", "--yes"]) == 0
    assert not (runs / "action").exists()
    assert not [name for name in files(runs) if name.endswith(".ckpt")]


@pytest.mark.parametrize(("answer", "gone"), [("y", True), ("YES", True), ("", False), ("n", False), ("yep", False)])
def test_it_asks_first(runs: Path, monkeypatch, capsys, answer: str, gone: bool) -> None:
    asked = []
    monkeypatch.setattr("builtins.input", lambda question: asked.append(question) or answer)
    assert main(["runs", "prune", "runs/classification"]) == 0
    assert asked[0].startswith("Remove 2.")
    assert (runs / "classification").exists() is not gone
    assert ("nothing was removed" in capsys.readouterr().out) is not gone


def test_where_nobody_answers_nothing_is_removed(runs: Path, monkeypatch, capsys) -> None:
    monkeypatch.setattr("sys.stdin", io.StringIO(""))
    before = files(runs)
    assert main(["runs", "prune", "runs/classification"]) == 0
    assert "--yes removes without asking" in capsys.readouterr().err
    assert main(["runs", "prune", "runs/classification", "--dry-run", "--yes"]) == 0
    assert "would remove 2." in capsys.readouterr().out
    assert files(runs) == before


@pytest.mark.parametrize(
    ("words", "says"),
    [
        ([], "nothing is named"),
        (["runs"], "runs: is no run, but holds runs, such as runs/action; name them, or add --unfinished"),
        (["runs/absent"], "no such folder; `regard runs list`"),
        (["runs/notes.txt"], "no such folder"),
        (["."], "is no run, but holds runs"),
        (["runs/classification/logs"], "is no run and holds none, so it is left alone"),
    ],
)
def test_what_is_no_run_is_left_alone(runs: Path, capsys, words: list[str], says: str) -> None:
    before = files(runs)
    assert main(["runs", "prune", *words, "--yes"]) == 2
    assert says in capsys.readouterr().err
    assert files(runs) == before


def test_a_run_in_use_is_kept_and_the_others_go(runs: Path, capsys) -> None:
    import threading

    entered, leave = threading.Event(), threading.Event()

    def hold() -> None:
        with owned(runs / "segmentation"):
            entered.set()
            leave.wait(60)

    thread = threading.Thread(target=hold)
    thread.start()
    entered.wait(60)
    try:
        assert main(["runs", "prune", "runs/segmentation", "runs/classification", "--yes"]) == 1
    finally:
        leave.set()
        thread.join()
    assert "runs/segmentation is in use" in capsys.readouterr().err
    assert (runs / "segmentation/model").is_dir()
    assert not (runs / "classification").exists()


def test_a_run_that_another_starts_from_is_kept(runs: Path, capsys) -> None:
    path = runs / "segmentation/recipe.yaml"
    recipe = yaml.safe_load(path.read_text())
    recipe["model"]["init"] = "runs/classification"
    path.write_text(yaml.safe_dump(recipe))
    assert main(["runs", "prune", "runs/classification", "--yes"]) == 1
    assert "starts from it (model.init)" in capsys.readouterr().err
    assert (runs / "classification").exists()
    assert main(["runs", "prune", "runs/classification", "--checkpoints", "--yes"]) == 0
    assert not (runs / "classification/checkpoints").exists()


def test_links_and_cells_of_a_table_are_kept(runs: Path, capsys) -> None:
    (runs / "linked").symlink_to(runs / "classification")
    shutil.copytree(OLD / "table", runs / "table")
    cell = "runs/table/grid/small/plain/seed-0/run"
    assert main(["runs", "prune", "runs/linked", cell, "--yes"]) == 1
    err = capsys.readouterr().err
    assert "runs/linked: a link to" in err
    assert "belongs to a table or study" in err
    assert (runs / "classification/model").is_dir()
    assert Path(cell).is_dir()


def test_links_inside_of_a_run_are_removed_and_what_they_lead_to_stays(runs: Path, tmp_path: Path) -> None:
    outside = tmp_path / "outside"
    outside.mkdir()
    (outside / "photo.png").write_text("kept")
    (runs / "classification/photos").symlink_to(outside)
    (runs / "classification/checkpoints").rename(tmp_path / "ckpt")
    (runs / "classification/checkpoints").symlink_to(tmp_path / "ckpt")
    plan = plan_pruning(["runs/classification"], checkpoints=True)
    assert [place.as_posix() for place in plan.removals[0].places] == ["runs/classification/twin/checkpoints"]
    remove(plan_pruning(["runs/classification"]).removals[0])
    assert (outside / "photo.png").read_text() == "kept"
    assert (tmp_path / "ckpt/last.ckpt").exists()
    assert not (runs / "classification").exists()


def test_an_interrupted_removal_leaves_an_unfinished_run(runs: Path, monkeypatch) -> None:
    real = shutil.rmtree

    def stops(path: Path) -> None:
        if Path(path).name == "model":
            raise OSError(5, "Input/output error")
        real(path)

    monkeypatch.setattr(shutil, "rmtree", stops)
    (removal,) = plan_pruning(["runs/classification"]).removals
    with pytest.raises(RegardError, match="model: cannot be removed"):
        remove(removal)
    monkeypatch.setattr(shutil, "rmtree", real)
    assert plan_pruning(["runs"], unfinished=True).removals[1].run == Path("runs/classification")
    assert main(["runs", "prune", "--unfinished", "--yes"]) == 0
    assert not (runs / "classification").exists()
