"""`regard sweep` and the charts of its results."""

import json
import math
from pathlib import Path
from typing import Any

import pytest
from tests.training.tiny import tiny

from regard.cli import main
from regard.cli.sweep import _values
from regard.experiments.tables import TableResults, read_table_results
from regard.experiments.tables.page import sweep_axis, sweep_charts
from regard.experiments.tables.run import write_table_files
from regard.report.json_files import from_json
from regard.training import save_recipe
from regard.types import RegardError

COLUMNS = ("latent_bits", "label_bits", "label_entropy_bits", "accuracy_mean", "unknown_auroc", "code_bits")


def write_sweep(folder: Path, rows: list[dict[str, Any]], field: str = "objective.budget_bits") -> Path:
    """table.json of a sweep with these numbers."""
    column = {"label": "", "meaning": "", "unit": "", "better": None, "percent": False}
    content = {
        "schema": 1,
        "name": "s",
        "title": "sweep",
        "reference": "0",
        "seeds": [0],
        "swept": field,
        "columns": [{"key": key} | column | {"label": key} for key in COLUMNS],
        "rows": [
            {
                "arm": str(i),
                "changes": {field: row["own"]},
                "seeds": [0],
                "missing": [],
                "cells": {k: {"value": row[k]} if k in row else None for k in COLUMNS},
            }
            for i, row in enumerate(rows)
        ],
    }
    write_table_files(from_json(TableResults, content), folder)
    return folder


def test_the_information_plane_is_drawn_by_rate(tmp_path: Path) -> None:
    rows = [
        {"own": 9, "latent_bits": 9.5, "label_bits": 3.0, "label_entropy_bits": 3.3, "unknown_auroc": 0.8},
        {"own": 2, "latent_bits": 2.5, "label_bits": 2.0, "label_entropy_bits": 3.3, "unknown_auroc": 0.6},
    ]
    results = read_table_results(write_sweep(tmp_path, rows))
    charts = {chart.title: chart for chart in sweep_charts(results)}
    assert set(charts) == {"Information plane: bits about the label", "Unknown images by rate alone, AUROC"}
    plane = charts["Information plane: bits about the label"]
    assert plane.xlabel == "latent rate, bits"
    assert [point.text for point in plane.lines[0].points] == [
        "lower bound on I(Z;Y), latent rate, bits 2.5: 2.00",
        "lower bound on I(Z;Y), latent rate, bits 9.5: 3.00",
    ]
    assert plane.lines[1].label == "H(Y)"
    page = (tmp_path / "report.html").read_text()
    assert page.count("<figure") == 2
    assert "Information plane" in page


def test_without_bits_the_field_itself_is_the_sweep_axis(tmp_path: Path) -> None:
    numbers = read_table_results(
        write_sweep(tmp_path, [{"own": 5, "accuracy_mean": 0.5}, {"own": 2, "accuracy_mean": 0.4}])
    )
    assert sweep_axis(numbers) == ([5.0, 2.0], "objective.budget_bits")
    words = read_table_results(write_sweep(tmp_path, [{"own": "sgd"}, {"own": "muon"}], field="optim.name"))
    assert sweep_axis(words) == ([0.0, 1.0], "optim.name, in order")
    assert sweep_charts(words) == (), "nothing was measured"


def test_values_are_read_as_yaml_with_exponents_as_numbers() -> None:
    assert _values("2, 5.5, 1e-3, null, [stage1]") == [2, 5.5, 1e-3, None, ["stage1"]]
    with pytest.raises(RegardError, match="values"):
        _values("[2")


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--field", "model.anchors"], "--values"),
        (["--field", "model.anchor", "--values", "2"], "model.anchors"),
        (["--budgets", "2,2"], "different"),
        (["--betas", "1e-3", "--train.epoch", "1"], "train.epochs"),
    ],
)
def test_arguments_that_do_not_fit_are_named(
    arguments: list[str], words: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["sweep", "--dry-run", *arguments]) == 2
    assert words in capsys.readouterr().err


def test_cells_are_planned_value_by_value(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["sweep", "--betas", "1e-3,0.1", "--seeds", "2", "--dry-run", "--runs", str(tmp_path)]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[:2] == ["to run  beta=0.001/seed-0", "to run  beta=0.1/seed-0"]
    assert lines[-1].startswith("4 cells to run with 1 worker: about ")
    assert not list(tmp_path.iterdir())


@pytest.mark.slow
def test_a_sweep_ends_with_numbers_for_every_value(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    save_recipe(tiny("mine", model={"attention": "aib", "anchors": 4}), tmp_path / "r.yaml")
    command = ["sweep", "--betas", "1e-4,10", "--recipe", str(tmp_path / "r.yaml"), "--runs", str(tmp_path)]
    assert main([*command, "--unknown", "clutter", "--json"]) == 0
    table = json.loads(capsys.readouterr().out)
    assert table["swept"] == "objective.beta"
    low, high = ({key: cell and cell["value"] for key, cell in row["cells"].items()} for row in table["rows"])
    assert low["latent_bits"] > high["latent_bits"], "what is paid for more dearly passes less"
    for row in (low, high):
        assert all(row[key] is not None for key in ("label_bits", "code_bits", "energy_inside", "deletion_gap"))
        assert 0 <= row["unknown_auroc"] <= 1
        assert row["label_entropy_bits"] == pytest.approx(math.log2(10), abs=0.3)
    assert "Information plane" in (tmp_path / "mine-sweep" / "report.html").read_text()
