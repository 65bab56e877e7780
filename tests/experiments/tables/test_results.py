"""Numbers of a table as words, and as other programs want them."""

import csv
import io
import math
from pathlib import Path

import pytest
from rich.console import Console

from regard.errors import RegardError
from regard.experiments.tables.page import csv_of, escape, latex_of, print_tabled
from regard.experiments.tables.results import (
    Against,
    TableCell,
    TableColumn,
    Tabled,
    TableRow,
    between,
    head,
    p_value,
    read_tabled,
    say,
)

ACCURACY = TableColumn("accuracy_mean", "accuracy", "", better="higher", percent=True)
SIZE = TableColumn("parameters", "parameters", "")
CHANGE = TableColumn("relative_error", "error", "", better="lower", percent=True)
PLAIN = {"accuracy_mean": TableCell(0.75, 0.7, 0.8), "parameters": TableCell(1_234_567)}
TABLE = Tabled(
    schema=1,
    name="t",
    title="50% & more",
    reference="plain",
    seeds=(0, 1),
    columns=(ACCURACY, SIZE, CHANGE),
    rows=(
        TableRow(
            "plain", {}, (0, 1), (), {"accuracy_mean": TableCell(0.75, 0.7, 0.8), "parameters": TableCell(1_234_567)}
        ),
        TableRow(
            "a_b",
            {},
            (0,),
            (1,),
            {"accuracy_mean": TableCell(0.8), "parameters": None, "relative_error": TableCell(-0.2, -0.3, -0.1)},
            Against(0.05, 0.01, 0.09, 2, 0.012, 0.024),
        ),
    ),
)


def test_values_are_said_as_their_column_wants() -> None:
    assert say(ACCURACY, 0.7512) == "75.1"
    assert say(CHANGE, 0.1, sign=True) == "+10.0"
    assert [say(SIZE, n) for n in (12, 3_456, 1_234_567, 5.2e9)] == ["12", "3.46k", "1.23M", "5.20G"]
    assert say(SIZE, math.nan) == ""
    assert between(ACCURACY, 0.7, 0.8) == "70.0 to 80.0"
    assert between(ACCURACY, 0.70001, 0.70002) == between(ACCURACY, math.nan, 1) == ""
    assert (head(ACCURACY), head(SIZE)) == ("accuracy, % ↑", "parameters")
    assert [p_value(p) for p in (1e-9, 0.0123, 1.0, math.nan)] == ["p < .0001", "p = .012", "p = 1", ""]


def test_csv_holds_full_precision_and_nothing_where_undefined() -> None:
    rows = list(csv.DictReader(io.StringIO(csv_of(TABLE))))
    assert [row["arm"] for row in rows] == ["plain", "a_b"]
    assert float(rows[0]["accuracy_mean_high"]) == 0.8
    assert rows[1]["parameters"] == rows[0]["p_holm"] == ""
    assert float(rows[1]["p_holm"]) == 0.024


def test_latex_escapes_what_would_be_a_command() -> None:
    text = latex_of(TABLE)
    assert r"50\% \& more" in text
    assert r"a\_b & 80.0 & -- & $-$20.0 [$-$30.0, $-$10.0] \\" in text
    assert escape("\\input{x}") == r"\textbackslash{}input\{x\}"


def test_the_terminal_shows_every_column_however_narrow() -> None:
    console = Console(file=io.StringIO(), width=40)
    print_tabled(TABLE, console)
    assert isinstance(console.file, io.StringIO)
    text = console.file.getvalue()
    for said in ("75.0", "1.23M", "−20.0", "p = .024", "a_b: nothing for seed 1"):
        assert said in text


def test_a_table_that_is_missing_or_corrupt_is_named(tmp_path: Path) -> None:
    with pytest.raises(RegardError, match=r"table\.json: is missing"):
        read_tabled(tmp_path)
    (tmp_path / "table.json").write_text('{"schema": 2}')
    with pytest.raises(RegardError, match="schema"):
        read_tabled(tmp_path)
