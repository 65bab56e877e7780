"""Columns become rows: labels, references in order, paired differences, numbers of the whole split."""

import pytest
import torch
from tests.evaluation.contexts import json_rows

from regard.evaluation import MEASURES, Columns, ReferenceColumns
from regard.evaluation.rows import row_table
from regard.evaluation.tasks import SCORING
from regard.report import BootstrapMean
from regard.training import TASKS


def test_every_task_has_a_scoring() -> None:
    assert SCORING.keys() == TASKS.keys()


def test_every_row_has_its_own_key_and_every_measure_its_own_name() -> None:
    keys = [row.key for row in row_table((4, 12))]
    assert len(set(keys)) == len(keys)
    assert len(set(MEASURES.values())) == len(MEASURES)


def test_a_row_has_the_references_with_its_score_and_the_difference_to_the_first_control() -> None:
    hits = torch.tensor([1.0, 0.0, 1.0, float("nan")])
    floors = (
        ReferenceColumns("most frequent class", "floor", {"accuracy_mean": 0.25}),
        ReferenceColumns("plain twin", "control", {"accuracy_mean": torch.zeros(4), "nll": torch.ones(4)}),
        ReferenceColumns("other", "floor", {"pointing": 1.0}),
    )
    reasons = {"accuracy_mean": {"no label": hits.isnan()}}
    details = {"path": "seeded", "path_means": "one sampled map"}
    columns = Columns({"accuracy_mean": hits, "not on a page": hits}, floors, reasons=reasons, details=details)
    (row,) = json_rows(columns, count=4)
    assert row["label"] == "Accuracy, seeded prediction"
    assert row["meaning"] == "Share of right answers as the model is used: one sampled map."
    assert (row["key"], row["n"], row["undefined"]) == ("accuracy_mean", 4, {"no label": 1})
    assert row["value"] == pytest.approx(2 / 3)
    assert [r["label"] for r in row["references"]] == ["most frequent class", "plain twin"]
    assert row["references"][0]["low"] is None
    assert row["difference"]["label"] == "minus plain twin, paired"
    assert row["difference"]["value"] == pytest.approx(2 / 3)


def test_numbers_of_the_whole_split_and_rows_in_one_order() -> None:
    last = Columns({"iou": torch.ones(3)}, details={"threshold": 0.5, "unit": "gate"})
    first = Columns({"calibration_error": BootstrapMean(0.1, 0.05, 0.2), "accuracy_8_samples": torch.ones(3)})
    rows = json_rows(last, first, count=3, samples=(8,))
    assert [row["key"] for row in rows] == ["accuracy_8_samples", "calibration_error", "iou"]
    assert (rows[1]["value"], rows[1]["low"], rows[1]["n"]) == (0.1, 0.05, 3)
    assert rows[2]["meaning"].endswith("at 0.5 gate, chosen on validation images.")
    assert first.numbers == {"calibration_error": 0.1}
    assert list(first.items) == ["accuracy_8_samples"]


def test_columns_with_references_are_named_after_both() -> None:
    columns = Columns({"a": torch.ones(2)}, (ReferenceColumns("b", "floor", {"a": torch.zeros(2), "c": 1.0}),))
    assert list(columns.with_references()) == ["a", "a/b"]
    assert list(columns.with_references("other")) == ["a"]
