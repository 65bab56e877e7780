"""Tables as text, CSV and LaTeX."""

import csv
import io
import math
from pathlib import Path

import pytest
from rich.console import Console

from regard.errors import RegardError
from regard.experiments.tables import read_table_results
from regard.experiments.tables.export import (
    column_title,
    escape_latex,
    format_interval,
    format_p,
    format_value,
    print_table,
    table_csv,
    table_latex,
)
from regard.experiments.tables.results import DifferenceResults, TableCell, TableColumn, TableResults, TableRow

ACCURACY = TableColumn("accuracy_mean", "accuracy", "", better="higher", percent=True)
SIZE = TableColumn("parameters", "parameters", "")
CHANGE = TableColumn("relative_error", "error", "", better="lower", percent=True)
TABLE = TableResults(
    name="t",
    title="50% & more",
    reference="plain",
    seeds=(0, 1),
    columns=(ACCURACY, SIZE, CHANGE),
    rows=(
        TableRow(
            arm="plain",
            seeds=(0, 1),
            cells={"accuracy_mean": TableCell(0.75, 0.7, 0.8), "parameters": TableCell(1_234_567)},
        ),
        TableRow(
            arm="a_b",
            seeds=(0,),
            missing=(1,),
            cells={
                "accuracy_mean": TableCell(0.8),
                "parameters": None,
                "relative_error": TableCell(-0.2, -0.3, -0.1),
            },
            difference=DifferenceResults(0.05, 0.01, 0.09, 2, p=0.012, p_holm=0.024),
        ),
    ),
)


def test_values_have_the_format_of_their_column() -> None:
    assert format_value(ACCURACY, 0.7512) == "75.1"
    assert format_value(CHANGE, 0.1) == "+10.0"
    assert [format_value(SIZE, n) for n in (12, 3_456, 1_234_567, 5.2e9)] == ["12", "3.46k", "1.23M", "5.20G"]
    assert format_value(SIZE, math.nan) == ""
    assert format_interval(ACCURACY, 0.7, 0.8) == "70.0 to 80.0"
    assert format_interval(ACCURACY, 0.70001, 0.70002) == format_interval(ACCURACY, math.nan, 1) == ""
    assert (column_title(ACCURACY), column_title(SIZE)) == ("accuracy, % ↑", "parameters")
    assert [format_p(p) for p in (1e-9, 0.0123, 1.0, math.nan)] == ["p < .0001", "p = .012", "p = 1", ""]


def test_csv_has_full_precision_and_empty_cells_where_undefined() -> None:
    rows = list(csv.DictReader(io.StringIO(table_csv(TABLE))))
    assert [row["arm"] for row in rows] == ["plain", "a_b"]
    assert float(rows[0]["accuracy_mean_high"]) == 0.8
    assert rows[1]["parameters"] == rows[0]["p_holm"] == ""
    assert float(rows[1]["p_holm"]) == 0.024


def test_latex_escapes_special_characters() -> None:
    text = table_latex(TABLE)
    assert r"50\% \& more" in text
    assert r"a\_b & 80.0 & -- & $-$20.0 [$-$30.0, $-$10.0] \\" in text
    assert escape_latex("\\input{x}") == r"\textbackslash{}input\{x\}"


def test_a_narrow_terminal_shows_every_column() -> None:
    console = Console(file=io.StringIO(), width=40)
    print_table(TABLE, console)
    assert isinstance(console.file, io.StringIO)
    text = console.file.getvalue()
    for text_part in ("75.0", "1.23M", "−20.0", "p = .024", "a_b: no result for seed 1"):
        assert text_part in text


def test_a_table_that_is_missing_or_corrupt_is_named(tmp_path: Path) -> None:
    with pytest.raises(RegardError, match=r"table\.json: is missing"):
        read_table_results(tmp_path)
    (tmp_path / "table.json").write_text('{"schema": 2}')
    with pytest.raises(RegardError, match="schema"):
        read_table_results(tmp_path)
