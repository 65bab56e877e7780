"""Commands over many images on workers: bit for bit what one process writes, also after kills and with bad images."""

import json
import shutil
import sys
from collections.abc import Sequence
from contextlib import nullcontext
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image
from tests.experiments.shards.crash import explain_or_die, explain_or_fail
from tests.score.gaze_set import write_gaze_set
from tests.training.tiny import tiny

from regard.cli import main
from regard.evaluation import evaluate
from regard.evaluation import observe as observe_splits
from regard.experiments import (
    WorkerOptions,
    evaluate_on_workers,
    explain_on_workers,
    judge_on_workers,
    score_on_workers,
)
from regard.experiments.grid import Cell, Outcome, finished_record
from regard.experiments.grid.cell import work_of, write_result
from regard.experiments.shards import evaluate as evaluate_file
from regard.experiments.shards import explain as explain_file
from regard.experiments.shards import run as run_file
from regard.experiments.shards import score as score_file
from regard.experiments.shards.run import SHARDS, cut, shard_folder
from regard.explain import METHODS
from regard.files import make_folder
from regard.judge import explain_images, judge, open_subject
from regard.models import AttentiveClassifier
from regard.score import ScoreOptions, score_sources
from regard.training import plain_twin, train
from regard.types import RegardError

TWO = WorkerOptions(workers=2)


def grid_here(cells: Sequence[Cell], root: Path, **how: Any) -> Outcome:
    """As `run_grid`, in this process: workers take seconds to start. The last shard first: order must not matter."""
    failed: dict[str, str] = {}
    for cell in reversed(cells):
        if finished_record(cell, root) is None:
            folder = make_folder(root / cell.path)
            try:
                write_result(cell, folder, work_of(cell.kind)(cell, folder), 2.0)
            except Exception as error:
                failed[cell.path] = f"Traceback\n{error}"
    return Outcome(tuple(cell.path for cell in cells if cell.path not in failed), failed)


@pytest.fixture
def here(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(run_file, "run_grid", grid_here)


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> SimpleNamespace:
    """A saved network, and seven pictures of which one is no picture."""
    root = tmp_path_factory.mktemp("many")
    torch.manual_seed(0)
    AttentiveClassifier("compact", 3, attention="noise", input_size=(16, 16)).save_pretrained(root / "network")
    rng, images = np.random.default_rng(0), []
    for k in range(7):
        path = root / "photos" / f"{k}.png"
        path.parent.mkdir(exist_ok=True)
        Image.fromarray(rng.integers(0, 255, (20, 24, 3), dtype=np.uint8)).save(path)
        images.append(path)
    images[4].write_bytes(b"no picture")
    return SimpleNamespace(network=root / "network", images=images, photos=root / "photos")


def written(folder: Path) -> dict[str, object]:
    """The files of a folder: arrays, JSON without times, other files as bytes."""
    found: dict[str, object] = {}
    for path in sorted(folder.rglob("*")):
        name = path.relative_to(folder).as_posix()
        if path.suffix == ".npz":
            with np.load(path) as arrays:
                found[name] = {key: (arrays[key].dtype.str, arrays[key].tobytes()) for key in arrays}
        elif path.suffix == ".json":
            found[name] = without_times(json.loads(path.read_text()))
        elif path.is_file() and path.suffix != ".html":
            found[name] = path.read_bytes()
    return found


def without_times(value: object) -> object:
    if isinstance(value, dict):
        return {key: without_times(v) for key, v in value.items() if "second" not in key and key != "out"}
    return [without_times(v) for v in value] if isinstance(value, list) else value


def test_ranges_cover_every_number_once() -> None:
    for count, size in ((0, 3), (1, 3), (3, 3), (7, 3), (8, 1)):
        parts = cut(count, size)
        assert [k for part in parts for k in part] == list(range(count))
        assert all(len(part) == size for part in parts[:-1])


@pytest.mark.usefixtures("here")
@pytest.mark.parametrize("methods", [("attention", "rise"), ("all",)])
def test_explained_images_are_those_of_one_process(
    made: SimpleNamespace, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, methods: tuple[str, ...]
) -> None:
    few = ("attention", "input_gradient", "rollout")
    monkeypatch.setattr(sys.modules[explain_images.__module__], "METHODS", {name: METHODS[name] for name in few})
    monkeypatch.setattr(explain_file, "_IMAGES", 2)
    how = {"methods": methods, "options": {"rise": {"samples": 8}}}
    images = made.images
    alone = explain_images(open_subject(made.network), images, tmp_path / "one", **how)
    together = explain_on_workers(made.network, images, tmp_path / "two", workers=TWO, **how)
    one, two = written(tmp_path / "one"), written(tmp_path / "two")
    assert one == two
    assert f"{images[0].stem}.npz" in one
    assert together.problems == alone.problems
    assert len(together.problems) == 1
    assert "4.png" in together.problems[0]
    assert together.notes == alone.notes
    assert len(together.notes) == (methods == ("all",)), "rollout, left out"
    assert not (tmp_path / "two" / SHARDS).exists()


@pytest.mark.usefixtures("here")
def test_what_does_not_suit_the_network_is_the_error_of_one_process(made: SimpleNamespace, tmp_path: Path) -> None:
    for how in ({"methods": ("rollout",)}, {"target": "9"}, {"layer": "nowhere", "methods": ("grad_cam",)}):
        with pytest.raises(RegardError) as alone:
            explain_images(open_subject(made.network), made.images, tmp_path / "one", **how)
        with pytest.raises(RegardError) as together:
            explain_on_workers(made.network, made.images, tmp_path / "two", workers=TWO, **how)
        assert str(together.value) == str(alone.value)


@pytest.mark.usefixtures("here")
def test_an_image_that_ends_its_process_takes_no_other_with_it(
    made: SimpleNamespace, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(explain_file, "_IMAGES", 2)
    kills = shutil.copy(made.images[0], tmp_path / "kills.png")
    images = [*made.images[:3], kills, made.images[5]]
    monkeypatch.setattr(explain_file, "explain_shard", explain_or_fail)
    results = explain_on_workers(made.network, images, tmp_path / "out", workers=TWO, methods=("attention",))
    assert [Path(image.image).name for image in results.images] == ["0.png", "1.png", "2.png", "5.png"]
    assert results.problems == [f"{kills}: no answer"]
    finished = sorted((tmp_path / "out" / SHARDS).rglob("cell.json"))
    before = [path.stat().st_mtime_ns for path in finished]
    assert len(before) == 3
    again = explain_on_workers(made.network, images, tmp_path / "out", workers=TWO, methods=("attention",))
    assert [path.stat().st_mtime_ns for path in finished] == before, "finished shards are not done again"
    assert again == results


@pytest.mark.slow
@pytest.mark.usefixtures("ray_engine")
def test_workers_that_are_killed_are_replaced_and_one_that_crashes_always_is_named(
    made: SimpleNamespace, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(explain_file, "_IMAGES", 2)
    kills = shutil.copy(made.images[0], tmp_path / "kills.png")
    images = [made.images[0], made.images[1], made.images[2], kills]
    monkeypatch.setattr(explain_file, "explain_shard", explain_or_die)
    results = explain_on_workers(made.network, images, tmp_path / "out", workers=TWO, methods=("attention",))
    assert (tmp_path / "out" / "once").exists(), "a process was killed once, and its shard was done again"
    assert [Path(image.image).name for image in results.images] == ["0.png", "1.png", "2.png"]
    assert len(results.problems) == 1
    assert results.problems[0].startswith(f"{kills}: ")
    assert "killed or crashed" in results.problems[0]


@pytest.mark.usefixtures("here")
def test_shards_of_images_that_changed_are_done_again(
    made: SimpleNamespace, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path / "photos"
    shutil.copytree(made.photos, folder)
    images = [folder / f"{k}.png" for k in (0, 1)]
    with shard_folder(tmp_path / "out", TWO) as shards:
        shards.failed["kept"] = "so that the folder stays"
        monkeypatch.setattr(explain_file, "shard_folder", lambda *_: nullcontext(shards))
        first = explain_on_workers(made.network, images, tmp_path / "out", workers=TWO).images[0]
        shutil.copy(folder / "2.png", images[0])
        after = explain_on_workers(made.network, images, tmp_path / "out", workers=TWO).images[0]
    assert after.maps["attention"].sum != first.maps["attention"].sum


@pytest.mark.usefixtures("here")
def test_a_judgement_is_that_of_one_process(made: SimpleNamespace, tmp_path: Path) -> None:
    how = {"methods": "attention,grad_cam,rollout", "metrics": "drop,stability", "again": 2}
    how |= {"steps": 2, "count": 5, "batch_size": 2}
    alone = judge(made.network, made.photos, out=tmp_path / "one", **how)
    together = judge_on_workers(made.network, made.photos, workers=TWO, out=tmp_path / "two", **how)
    one, two = written(tmp_path / "one"), written(tmp_path / "two")
    assert one == two
    assert {"cells/attention/stability.json", "maps/grad_cam.npz", "judge.json"} <= set(one)
    assert [str(failure) for failure in together.failed] == [str(failure) for failure in alone.failed]
    assert together.failed, "a method that does not suit the network"
    assert together.data.damaged == alone.data.damaged
    assert "4.png" in together.data.damaged[0]
    (tmp_path / "two" / "cells" / "attention" / "drop.json").unlink()
    kept = (tmp_path / "two" / "cells" / "attention" / "stability.json").stat().st_mtime_ns
    judge_on_workers(made.network, made.photos, workers=TWO, out=tmp_path / "two", **how)
    assert written(tmp_path / "two") == one, "only what was missing is measured again"
    assert (tmp_path / "two" / "cells" / "attention" / "stability.json").stat().st_mtime_ns == kept


@pytest.mark.usefixtures("here")
@pytest.mark.parametrize("train_split", [True, pytest.param(False, marks=pytest.mark.slow)])
def test_scores_are_those_of_one_process(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, train_split: bool) -> None:
    monkeypatch.setattr(score_file, "_IMAGES", 2)
    write_gaze_set(tmp_path)
    (tmp_path / "good" / "1.npy").write_bytes(b"no map")
    sources = {name: tmp_path / name for name in ("good", "poor")}
    how = {"options": ScoreOptions(sigma=2.0), "train": tmp_path / "train.csv" if train_split else None}
    given = sources, tmp_path / "gaze.csv", tmp_path / "images"
    alone = score_sources(*given, tmp_path / "one", **how)
    together = score_on_workers(*given, tmp_path / "two", workers=TWO, **how)
    assert written(tmp_path / "one") == written(tmp_path / "two")
    assert together.problems == alone.problems
    assert len(together.problems) == 1
    assert "1.png" in together.problems[0]


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    recipe = tiny(twin=True, model={"anchors": 3})
    folder = train(recipe, tmp_path_factory.mktemp("runs") / "tiny", quiet=True)
    train(plain_twin(recipe), folder / "twin", quiet=True)
    return folder


@pytest.mark.usefixtures("here")
def test_an_evaluation_is_that_of_one_process(run: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(evaluate_file, "_IMAGES", 1)
    monkeypatch.setattr(sys.modules[observe_splits.__module__], "LARGEST_BATCH", 8)
    few = {"classification": ("prediction", "information", "all_interventions")}
    monkeypatch.setattr(sys.modules[evaluate.__module__], "_EVALUATED", few)
    shutil.copytree(run, tmp_path / "one")
    shutil.copytree(run, tmp_path / "two")
    evaluate(tmp_path / "one")
    evaluate_on_workers(tmp_path / "two", workers=TWO)
    one, two = written(tmp_path / "one"), written(tmp_path / "two")
    assert one["evaluation.json"] == two["evaluation.json"]
    assert one["per_image.npz"] == two["per_image.npz"]
    assert set(one) == set(two)


@pytest.mark.slow
@pytest.mark.usefixtures("ray_engine")
def test_the_commands_name_the_bad_image_and_end_with_1(made: SimpleNamespace, tmp_path: Path, capsys) -> None:
    command = [
        "explain",
        str(made.photos),
        "--model",
        str(made.network),
        "--out",
        str(tmp_path / "e"),
        "--workers",
        "2",
    ]
    assert main(command) == 1
    assert "4.png" in capsys.readouterr().err
    assert len(json.loads((tmp_path / "e" / "explained.json").read_text())) == 6
    command = ["judge", "--model", str(made.network), "--data", str(made.photos), "--methods", "attention"]
    command += ["--metrics", "drop", "--out", str(tmp_path / "j"), "--workers", "2", "--images", "7"]
    assert main(command) == 1
    assert "4.png" in capsys.readouterr().out


def test_unreachable_clusters_and_impossible_numbers_are_named(made: SimpleNamespace, tmp_path: Path) -> None:
    for how, said in (
        (replace(TWO, workers=0), "at least 1"),
        (replace(TWO, address="127.0.0.1:9"), "nothing answers"),
    ):
        with pytest.raises(RegardError, match=said):
            explain_on_workers(made.network, made.images, tmp_path / "out", workers=how)
    assert not list((tmp_path / "out").rglob("*.npz"))
