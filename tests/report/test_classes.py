"""Accuracy of classes and the confusion matrix of a run's page, from the counts of evaluation.json."""

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from tests.report.test_page import Outline

from regard.report import Confusion, read_evaluation
from regard.report.classes import MATRIX_CLASSES, class_table
from regard.report.page import render_run
from regard.report.runs import read_run
from regard.report.schema import Data
from regard.types import RegardError

Make = Callable[..., Path]


def data(count: int) -> Data:
    return Data("birds", "test", 20, tuple(f"class {k}" for k in range(count)))


def test_accuracy_of_classes_the_worst_first_with_wilsons_interval() -> None:
    counts = (Confusion(0, 0, 9), Confusion(0, 2, 1), Confusion(2, 0, 3), Confusion(2, 1, 4), Confusion(2, 2, 3))
    table = class_table(data(3), counts)
    assert table is not None
    assert [(c.name, c.images, c.accuracy) for c in table.classes] == [("class 2", 10, 0.3), ("class 0", 10, 0.9)]
    # Wilson (1927) for 3 and for 9 of 10
    assert [(round(c.low, 4), round(c.high, 4)) for c in table.classes] == [(0.1078, 0.6032), (0.5958, 0.9821)]
    assert table.classes[0].taken_for == ("class 1 (4)", "class 0 (3)")
    assert table.mean == pytest.approx(0.6)  # class 1 has no image, so it has no accuracy
    assert [[c.count for c in row] for row in table.matrix] == [["9", "0", "1"], ["0", "0", "0"], ["3", "4", "3"]]
    assert [[c.share for c in row] for row in table.matrix] == [[0.9, 0, 0.1], [0, 0, 0], [0.3, 0.4, 0.3]]


def test_a_class_that_is_always_right_or_always_wrong_has_an_interval() -> None:
    table = class_table(data(2), (Confusion(0, 0, 5), Confusion(1, 0, 5)))
    assert table is not None
    assert [(round(c.low, 4), round(c.high, 4)) for c in table.classes] == [(0, 0.4345), (0.5655, 1)]


@pytest.mark.parametrize("count", [MATRIX_CLASSES, MATRIX_CLASSES + 1])
def test_many_classes_have_a_list_of_mistakes_in_place_of_a_matrix(count: int) -> None:
    counts = tuple(Confusion(k, (k + 1) % count, k + 1) for k in range(count))
    table = class_table(data(count), counts)
    assert table is not None
    assert bool(table.matrix) == (count <= MATRIX_CLASSES)
    assert len(table.mistakes) == 20
    assert table.mistakes[0] == (f"class {count - 1}", "class 0", str(count))


def test_classes_without_a_name_are_numbers_and_shared_predictions_count_in_part() -> None:
    table = class_table(data(1), (Confusion(0, 0, 2.5), Confusion(0, 3, 0.5)))
    assert table is not None
    assert table.names == ("class 0", "1", "2", "3")
    assert table.classes[0].taken_for == ("3 (0.50)",)
    assert table.classes[0].accuracy == pytest.approx(2.5 / 3)


def test_without_counts_there_is_nothing_to_show(run_folder: Path) -> None:
    assert class_table(data(3), ()) is None
    assert 'id="classes"' not in render_run(read_run(run_folder))


def test_the_page_has_the_matrix_with_its_headers(make_run: Make) -> None:
    def edit(e: dict[str, Any]) -> None:
        e["confusion"] = [{"truth": 3, "predicted": 3, "count": 41.0}, {"truth": 3, "predicted": 8, "count": 9.0}]

    page = render_run(read_run(make_run(edit=edit)))
    matrix = page[page.index('<table class="matrix confusion"') :]
    matrix = matrix[: matrix.index("</table>")]
    assert re.findall(r'title="predicted (\d)"', matrix) == [str(k) for k in range(10)]
    row = matrix[matrix.index('<th scope="row">3</th>') :].split("</tr>")[0]
    assert re.findall(r">(\d+)</td>", row) == ["0", "0", "0", "41", "0", "0", "0", "0", "9", "0"]
    text = " ".join(Outline(page).text.split())
    assert "0.820" in text
    assert "8 (9)" in text
    assert 'href="#classes"' in page


@pytest.mark.parametrize("cell", [(-1, 0, 1.0), (0, -2, 1.0), (0, 0, -3.0), (0, 0, None)])
def test_damaged_counts_are_named(make_run: Make, cell: tuple[int, int, float]) -> None:
    def edit(e: dict[str, Any]) -> None:
        e["confusion"] = [dict(zip(("truth", "predicted", "count"), cell, strict=True))]

    with pytest.raises(RegardError, match=r"evaluation.json: confusion\[0\].*evaluate the run again"):
        read_evaluation(make_run(edit=edit))
