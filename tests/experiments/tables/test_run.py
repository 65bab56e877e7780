"""`regard table` from its file to its output, on a few generated images."""

import csv
import json
from pathlib import Path
from typing import Any

import pytest
import yaml
from tests.training.tiny import tiny

from regard.cli import main
from regard.training import build_data, save_recipe

ARMS: dict[str, dict[str, Any]] = {
    "plain": {"model.attention": None, "model.latent": None},
    "noise gate": {},
    "AIB, 4 anchors": {"model.attention": "aib", "model.anchors": 4},
}
COLUMNS = [
    "accuracy_mean",
    "accuracy_one_sample",
    "accuracy_4_samples",
    "best_accuracy_mean",
    "relative_error",
    "parameters",
    "flops",
    "seconds_an_epoch",
    "latent_bits",
    "gate_bits",
    "code_bits",
    "energy_inside",
    "deletion_gap",
    "calibration_error",
]


def table_file(folder: Path, **changes: Any) -> Path:
    """A table of three arms with two seeds, tuned with two trials each; its recipe beside it."""
    save_recipe(tiny("base"), folder / "base.yaml")
    content = {
        "title": "Three arms & a <test>",
        "base": "base.yaml",
        "arms": ARMS,
        "reference": "plain",
        "seeds": [0, 1],
        "tuning": {"values": [0.003, 0.01], "seed": 9, "extend": 0},
        "columns": COLUMNS,
        "claims": [{"better": "noise gate", "than": "plain"}],
    }
    path = folder / "small.yaml"
    path.write_text(yaml.safe_dump(content | changes, sort_keys=False))
    return path


@pytest.fixture(scope="module")
def table_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a finished table."""
    folder = tmp_path_factory.mktemp("table")
    assert main(["table", str(table_file(folder)), "--runs", str(folder / "runs"), "--workers", "2"]) == 0
    return folder


def table_command(table_folder: Path, *more: str) -> list[str]:
    return ["table", str(table_folder / "small.yaml"), "--runs", str(table_folder / "runs"), *more]


@pytest.mark.slow
def test_every_number_of_the_table_comes_from_its_cells(table_folder: Path) -> None:
    table = json.loads((table_folder / "runs" / "small" / "table.json").read_text())
    rows = {row["arm"]: row for row in table["rows"]}
    assert list(rows) == list(ARMS)
    assert all(row["seeds"] == [0, 1] and row["missing"] == [] for row in rows.values())
    for row in rows.values():
        trials = dict(row["tuned"]["accuracy"])
        assert list(trials) == [0.003, 0.01]
        assert trials[row["tuned"]["chosen"]] == max(trials.values())
        recipe = yaml.safe_load(
            next((table_folder / "runs" / "small").glob("plain/seed-0/run/recipe.yaml")).read_text()
        )
        assert recipe["optim"]["lr"] == rows["plain"]["tuned"]["chosen"]
    plain, noise, aib = rows.values()
    for row, present in (
        (plain, {"energy_inside", "deletion_gap"}),  # of Grad-CAM
        (noise, {"latent_bits", "gate_bits", "energy_inside", "deletion_gap", "accuracy_one_sample"}),
        (aib, {"latent_bits", "code_bits", "energy_inside", "deletion_gap", "accuracy_one_sample"}),
    ):
        optional = ("latent_bits", "gate_bits", "code_bits", "energy_inside", "deletion_gap", "accuracy_one_sample")
        assert {key for key in optional if row["cells"][key] is not None} == present
        assert row["cells"]["accuracy_mean"]["low"] <= row["cells"]["accuracy_mean"]["value"]
        assert row["cells"]["parameters"]["value"] > 100
        assert row["cells"]["flops"]["value"] > 1000
    assert plain["difference"] is None
    assert plain["cells"]["relative_error"] is None
    errors = [1 - row["cells"]["accuracy_mean"]["value"] for row in (plain, noise)]
    assert noise["cells"]["relative_error"]["value"] == pytest.approx(errors[1] / errors[0] - 1)
    assert noise["difference"]["value"] == pytest.approx(errors[0] - errors[1])
    assert noise["difference"]["p"] <= noise["difference"]["p_holm"] <= 1
    assert sum(entry["cells"] for entry in table["made"]) == 6
    assert table["claims"][0]["verdict"] in ("better", "worse", "equal", "not settled")
    assert {row["tuned"]["edge"] for row in rows.values()} <= {"lowest", "highest"}
    assert {row["tuned"]["images"] for row in rows.values()} == {len(build_data(tiny("base")).val)}


@pytest.mark.slow
def test_files_and_page_agree(table_folder: Path) -> None:
    folder = table_folder / "runs" / "small"
    table = json.loads((folder / "table.json").read_text())
    with (folder / "table.csv").open() as file:
        lines = {line["arm"]: line for line in csv.DictReader(file)}
    for row in table["rows"]:
        assert float(lines[row["arm"]]["accuracy_mean"]) == row["cells"]["accuracy_mean"]["value"]
    assert lines["plain"]["gate_bits"] == ""
    latex, page = (folder / "table.tex").read_text(), (folder / "report.html").read_text()
    assert r"Three arms \& a" in latex
    assert latex.count(r" \\") == 1 + len(ARMS)
    assert "Three arms &amp; a &lt;test&gt;" in page
    assert "http" not in page.replace("http-equiv", "")
    for row in table["rows"]:
        percent = f"{100 * row['cells']['accuracy_mean']['value']:.1f}"
        assert percent in latex
        assert f"<strong>{percent}</strong>" in page


@pytest.mark.slow
def test_the_same_command_again_runs_nothing_and_prints_the_same(
    table_folder: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("subprocess.Popen", lambda *_, **__: pytest.fail("nothing is left to run"))
    before = json.loads((table_folder / "runs" / "small" / "table.json").read_text())
    assert main(table_command(table_folder, "--json")) == 0
    assert json.loads(capsys.readouterr().out) == before
    assert main(table_command(table_folder, "--dry-run")) == 0
    output = capsys.readouterr().out
    assert output.count("done") == 12
    assert "0 cells to run" in output
    assert main(table_command(table_folder)) == 0
    output = capsys.readouterr().out
    assert "AIB, 4 anchors" in output
    assert "noise gate against plain" in output
    assert "of all tried: a better one may lie beyond" in output
    assert "more than 150 are needed" in output


@pytest.mark.slow
def test_more_seeds_are_planned_with_the_time_of_finished_cells(
    table_folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(table_command(table_folder, "--dry-run", "--seeds", "3", "--only", "plain", "--workers", "2")) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[4] == "to run  plain/seed-2"
    assert lines[5].startswith("1 cell to run with 2 workers: about ")
    assert lines[6] == "1 primary claim, 3 seeds; differences are found with a power of"
    assert "noise gate against plain (accuracy_mean): 0.030 at level 0.050; measured spread" in lines[7]
    assert len(lines) == 2 + 3 + 1 + 2, "two trials, three seeds, one arm, one claim"


@pytest.mark.slow
def test_a_failing_arm_is_named_and_does_not_affect_others(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    arms = {"plain": ARMS["plain"], "lost": {"model.at": ["stage9"]}}
    path = table_file(tmp_path, arms=arms, seeds=[0], tuning=None, claims=[], measures=["prediction"])
    assert main(["table", str(path), "--runs", str(tmp_path)]) == 1
    output = capsys.readouterr()
    assert "stage9" in output.out
    assert "lost: no result for seed 0" in output.out
    table = json.loads((tmp_path / "small" / "table.json").read_text())
    assert table["rows"][0]["seeds"] == [0]
    assert table["rows"][0]["cells"]["accuracy_mean"]["value"] >= 0
    assert "stage9" in table["failed"][0]["why"]


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"reference": "plian"}, "arm 'plian' is not in the table"),
        ({"columns": ["acuracy"]}, "column 'acuracy'"),
        ({"arms": {"plain": {"model.atention": None}}, "claims": []}, "model.attention"),
        ({"tuning": {"values": [0.1, 0.1]}}, "different"),
        ({"tuning": {"values": [0.1, 0.2], "seed": 1}}, "tuning.seed 1"),
        ({"tuning": {"values": [0.1, 0.2], "extend": -1}}, "tuning.extend -1"),
        ({"equal_within": 0}, "equal_within 0"),
        ({"power": {"effect": -0.1}}, "power.effect -0.1"),
        ({"power": {"seed_sd": 0}}, "power.seed_sd 0"),
        ({"power": {"image_se": -1}}, "power.image_se -1"),
        ({"claims": [{"better": "plain", "than": "noise gate"}] * 2}, "two claims are the same"),
        (
            {"claims": [{"better": a, "than": b, "primary": True} for a in ARMS for b in ARMS if a != b][:4]},
            "4 claims are primary: name two or three",
        ),
        ({"seeds": [1, 1]}, "seeds"),
        ({"claims": [{"better": "plain", "than": "noise gate", "by": "parameters"}]}, "one value per image"),
        ({"titel": "x"}, "titel"),
        ({"base": "absent.yaml"}, "no such recipe"),
    ],
)
def test_an_invalid_file_is_named(
    changes: dict[str, Any], message: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = table_file(tmp_path, **changes)
    assert main(["table", str(path), "--runs", str(tmp_path / "runs")]) == 2
    error = capsys.readouterr().err
    assert message in error
    assert str(path) in error
    assert not (tmp_path / "runs").exists()


def test_errors_for_unknown_names_list_similar_ones(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["table", "no-such-table"]) == 2
    assert "none of that name in" in (error := capsys.readouterr().err)
    assert "(there: cifar10, cub50, paper-cub, paper-vgg, paper-wrn)" in error
    assert main(["table", str(table_file(tmp_path)), "--only", "noise"]) == 2
    assert "its arms are plain, noise gate" in capsys.readouterr().err
    assert main(["table", str(table_file(tmp_path)), "--dry-run", "--train.epoch", "1"]) == 2
    assert "train.epochs" in capsys.readouterr().err
