"""Runs and results of version 0.1 still open, and computing them again gives the same numbers.

``fixtures/v0_1`` holds one of each kind, written by version 0.1 from generated images.
"""

import json
import math
import shutil
from importlib import import_module
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image
from tests.score.gaze_set import write_gaze_set
from torch import Tensor

from regard.cli import main
from regard.cli.names import JUDGE_METRICS
from regard.gaze import Fixations, leave_one_observer_out, split_half

OLD = Path(__file__).parent / "fixtures" / "v0_1"
MACHINE = {"command", "commit", "environment", "hardware", "made", "seconds", "versions"}
"""Keys whose values depend on the machine or the time."""
TASKS = ("classification", "segmentation", "action")
SIGMA = 1 / 27
"""Width of a fixation's density, a share of the image's, in version 0.1; the default has been .037 since."""
READ_SIGMA = ("regard.evaluation.gaze", "regard.score.score")
"""Modules that read the default."""


@pytest.fixture
def old(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A copy that may be written into; the working directory. Densities and ceilings are those of version 0.1."""
    for name in READ_SIGMA:
        monkeypatch.setattr(import_module(name), "SIGMA", SIGMA)
    monkeypatch.setattr(import_module("regard.evaluation.gaze"), "ceilings", old_ceilings)
    monkeypatch.setenv("REGARD_CACHE", str(tmp_path / "cache"))
    shutil.copytree(OLD, tmp_path / "old")
    monkeypatch.chdir(tmp_path / "old")
    return tmp_path / "old"


def old_ceilings(gaze: Fixations, grid: tuple[int, int], *, sigma: float, seed: int) -> dict[str, Tensor]:
    """What people reach by the form of 0.1, `regard.evaluation.gaze_ceilings` has the present one."""
    one = leave_one_observer_out(gaze, sigma=sigma, grid=grid, seed=seed).values
    return one | split_half(gaze, sigma=sigma, grid=grid, seed=seed).values


def numbers(value: Any, at: str = "") -> dict[str, float]:
    """Every number of a JSON file by its place in it, rows by their key or label; null counts as NaN."""
    if isinstance(value, dict):
        return {
            k: v for key, part in value.items() if key not in MACHINE for k, v in numbers(part, f"{at}/{key}").items()
        }
    if isinstance(value, list):
        named = [part.get("key", part.get("label")) if isinstance(part, dict) else None for part in value]
        places = named if all(named) and len({*named}) == len(named) else range(len(value))
        return {k: v for i, part in zip(places, value, strict=True) for k, v in numbers(part, f"{at}/{i}").items()}
    if value is None or (isinstance(value, int | float) and not isinstance(value, bool)):
        return {at: math.nan if value is None else float(value)}
    return {}


def same_numbers(new: Path, before: Path, *, without: str | tuple[str, ...] = "/-") -> None:
    """Every number of the old file stands at the same place of the new one, below ``without`` apart."""
    old = json.loads(before.read_text())
    got, expected = numbers(json.loads(new.read_text())), numbers(old)
    expected = {place: value for place, value in expected.items() if not place.startswith(without)}
    assert expected
    assert {place: got.get(place) for place in expected} == pytest.approx(expected, rel=1e-4, abs=1e-6, nan_ok=True)


@pytest.mark.parametrize("task", TASKS)
def test_a_run_is_shown_and_evaluated_to_the_same_numbers(old: Path, task: str) -> None:
    assert main(["report", task]) == 0
    assert "<svg" in (old / task / "report.html").read_text()
    (old / task / "evaluation.json").unlink()
    assert main(["evaluate", task]) == 0
    # insertion is read from the deletion of the least relevant pixels, and other imputations are of 32 images
    fewer = ("insertion", "lerf_morf_blur", "lerf_morf_noisy_linear")
    places = tuple(f"/scores/{name}" for name in fewer)
    same_numbers(old / task / "evaluation.json", OLD / task / "evaluation.json", without=(*places, "/curves/insertion"))
    with np.load(old / task / "per_image.npz") as new, np.load(OLD / task / "per_image.npz") as before:
        for key in (key for key in before.files if not key.startswith(fewer)):
            assert np.allclose(new[key], before[key], rtol=1e-4, atol=1e-6, equal_nan=True), key


def test_a_run_explains_an_image(old: Path) -> None:
    Image.new("RGB", (16, 16), "red").save("red.png")
    assert main(["explain", "red.png", "--run", "classification"]) == 0


def test_a_judgement_is_complete_and_is_shown(old: Path) -> None:
    limits = ["--images", "4", "--again", "2", "--steps", "3", "--methods", "attention,grad_cam,uniform"]
    newer = ("combined", "inpainted", "f_fidelity")
    limits += ["--metrics", ",".join(name for name in JUDGE_METRICS if name not in (*newer, "labels"))]
    assert main(["judge", "--model", "classification", *limits, "--out", "judged"]) == 0
    same_numbers(old / "judged" / "judge.json", OLD / "judged" / "judge.json")
    assert (old / "judged" / "report.html").exists()


@pytest.mark.parametrize("command", [["shift"], ["transfer", "--data", "digits", "--draws", "2"]], ids=lambda c: c[0])
def test_a_finished_command_does_no_work(old: Path, command: list[str]) -> None:
    name = command[0]
    assert main([name, "--run", "classification", "--out", name, *command[1:]]) == 0
    same_numbers(old / name / f"{name}.json", OLD / name / f"{name}.json")


def test_scores_of_the_same_maps_are_the_same(tmp_path: Path, old: Path) -> None:
    here = tmp_path
    write_gaze_set(here)
    files = ["--fixations", str(here / "gaze.csv"), "--images", str(here / "images")]
    assert main(["score", "--maps", str(here / "good"), *files, "--ceiling", "fixed", "--out", "new"]) == 0
    # version 0.1 showed four of these five images as the best and none as typical, and a share of the way to the
    # observers in CC, SIM and KL, where one half of them against the other is no ceiling
    shares = [f"/share_from_center_to_observers/{metric}" for metric in ("cc", "sim", "kl")]
    # its centre prior had what subtraction leaves where no other image's fixations reach, which AUC ranked and KL read
    center = [
        f"/{part}/{metric}" for part in ("scores/center", "minus_center_paired") for metric in ("auc", "sauc", "kl")
    ]
    center += [f"/share_from_center_to_observers/{metric}" for metric in ("auc", "sauc")]
    same_numbers(old / "new" / "scores.json", OLD / "scored" / "scores.json", without=("/gallery", *shares, *center))
    new = numbers(json.loads((old / "new" / "scores.json").read_text()))
    assert all(math.isnan(new[place]) for place in shares)
    assert new["/scores/center/auc/mean"] == pytest.approx(0.6561848958333334)  # it was .6605
    both = ["--maps", str(here / "good"), "--maps", str(here / "poor")]
    assert main(["score", *both, *files, "--out", "both"]) == 0
    same_numbers(old / "both" / "comparison.json", OLD / "compared" / "comparison.json")


@pytest.mark.parametrize("folder", ["judged", "scored", "table/grid/small"])
def test_every_folder_of_results_has_its_page_again(old: Path, folder: str) -> None:
    (old / folder / "report.html").unlink(missing_ok=True)
    assert main(["report", folder]) == 0
    assert "</html>" in (old / folder / "report.html").read_text()


def test_models_compared_have_a_page_each(old: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["report", "compared"]) == 0
    assert capsys.readouterr().out.split() == [
        "report:", "compared/good/report.html", "report:", "compared/poor/report.html"
    ]  # fmt: skip
    assert "<h1>poor</h1>" in (old / "compared/poor/report.html").read_text()


def test_the_error_for_a_folder_without_a_page_lists_those_with_one(
    old: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["report", "shift"]) == 2
    error = capsys.readouterr().err
    assert "shift holds no results that have a page" in error
    assert all(name in error for name in ("evaluation.json", "judge.json", "scores.json", "table.json", "trials.csv"))


def test_a_tables_cells_are_not_trained_again(old: Path) -> None:
    shutil.rmtree(old / "table/grid/small/plain/seed-0/run")  # a cell that trained again would write it
    (old / "table/grid/small/table.json").unlink()
    assert main(["table", "table/small.yaml", "--runs", "table/grid"]) == 0
    table, before = old / "table/grid/small/table.json", OLD / "table/grid/small/table.json"
    content = json.loads(table.read_text())
    for row, old_row in zip(content["rows"], json.loads(before.read_text())["rows"], strict=True):
        for key in ("accuracy_mean", "accuracy_one_sample", "energy_inside"):  # intervals stay in [0, 1] since 0.2
            cell, old_cell = row["cells"][key], old_row["cells"][key]
            if cell is not None:
                assert 0 <= cell["low"] <= cell["value"] <= cell["high"] <= 1
                assert cell["low"] > old_cell["low"], "towards one half, for shares below it"
                cell |= {"low": old_cell["low"], "high": old_cell["high"]}
    table.write_text(json.dumps(content))
    same_numbers(table, before)
    assert not (old / "table/grid/small/plain/seed-0/run").exists()
