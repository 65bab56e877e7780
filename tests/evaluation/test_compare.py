"""Two evaluated runs compared: values, paired differences and maps; other test images are refused."""

import json
import re
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from regard.cli import main
from regard.evaluation import compare_runs, write_comparison
from regard.evaluation.gallery import read_even_maps
from regard.metrics import paired_difference, score
from regard.report import interval_text, number, read_evaluation
from regard.types import RegardError

OLD = Path(__file__).parents[1] / "fixtures" / "v0_1"


def edit(file: Path, change: Callable[[dict[str, Any]], None]) -> None:
    content = json.loads(file.read_text())
    change(content)
    file.write_text(json.dumps(content))


def set_arrays(file: Path, **changed: np.ndarray) -> None:
    with np.load(file) as arrays:
        content = dict(arrays) | changed
    np.savez(file, **content)


def set_items(run: Path, *items: tuple[str, str, str]) -> None:
    """Record files (name, split, hash) as the run's data."""

    def change(d: dict[str, Any]) -> None:
        labels = d["data"]["classes"][:1]
        d["data"]["items"] = [
            {"name": name, "split": split, "hash": hash, "labels": labels, "mask": ""} for name, split, hash in items
        ]

    edit(run / "data.json", change)


@pytest.fixture
def two(evaluated_run: Path, tmp_path: Path) -> tuple[Path, Path]:
    """A run, and a copy whose likelihood is worse, by an amount that differs between images."""
    one, other = tmp_path / "one", tmp_path / "other"
    shutil.copytree(evaluated_run, one)
    shutil.copytree(evaluated_run, other)
    with np.load(one / "per_image.npz") as arrays:
        nll = arrays["nll"]
    set_arrays(other / "per_image.npz", nll=nll + np.linspace(0.1, 0.5, len(nll), dtype=np.float32))
    return one, other


def test_values_and_paired_differences(two: tuple[Path, Path]) -> None:
    comparison = compare_runs(*two)
    assert comparison.names == ("one", "other")
    assert comparison.checked
    rows = {row.key: row for row in comparison.scores}
    assert set(rows) == {row.key for row in read_evaluation(two[0]).scores}
    nll, control = rows["nll"], rows["nll"].references[0]
    assert (control.label, control.role) == ("other", "control")
    assert control.value == pytest.approx(nll.value + 0.3, abs=1e-5)
    assert nll.difference is not None
    assert nll.difference.label == "minus other, paired"
    assert nll.difference.value == pytest.approx(-0.3, abs=1e-5)
    expected = paired_difference(torch.zeros(35), torch.linspace(0.1, 0.5, 35))
    assert (nll.difference.low, nll.difference.high) == pytest.approx((expected.low, expected.high), abs=1e-4)
    assert nll.difference.high < 0
    with np.load(two[0] / "per_image.npz") as arrays:
        own = score(torch.from_numpy(arrays["nll"]))
    assert (nll.value, nll.low, nll.high) == pytest.approx((own.mean, own.low, own.high), abs=1e-5)
    same = rows["accuracy_mean"]
    assert same.difference is not None
    assert (same.difference.value, same.difference.low, same.difference.high) == (0, 0, 0)


def test_a_score_of_the_whole_split_has_no_paired_difference(two: tuple[Path, Path]) -> None:
    def worse(evaluation: dict[str, Any]) -> None:
        row = next(row for row in evaluation["scores"] if row["key"] == "calibration_error")
        row |= {"value": 0.75, "low": 0.5, "high": 0.9}

    edit(two[1] / "evaluation.json", worse)
    row = next(row for row in compare_runs(*two).scores if row.key == "calibration_error")
    assert row.difference is None
    assert [(r.label, r.value, r.low, r.high) for r in row.references] == [("other", 0.75, 0.5, 0.9)]


def test_the_page_has_both_maps_of_the_same_images(two: tuple[Path, Path], capsys: pytest.CaptureFixture[str]) -> None:
    kept = read_even_maps(two[1])
    assert kept is not None
    set_arrays(two[1] / "gallery.npz", even_maps=kept.maps * 2)
    assert main(["report", *map(str, two)]) == 0
    assert capsys.readouterr().out.strip() == f"report: {two[0] / 'against-other.html'}"
    html = (two[0] / "against-other.html").read_text()
    assert not re.search(r"(src|href)=\"(?!#|data:)", html)
    shown = re.findall(r"Map of test image (\d+) by (\w+), values ([^\"]+)", html)
    expected = []
    for row, map_ in zip(kept.rows.tolist(), kept.maps, strict=True):
        for name, values in (("one", map_), ("other", 2 * map_)):
            low, high = float(values.min()), float(values.max())
            expected.append((str(row), name, interval_text(low, high) or f"{number(low)} everywhere"))
    assert shown == expected
    assert len(shown) == 12
    assert "clearly better" in html
    assert "not known to be the same" not in html


@pytest.mark.parametrize("task", ["classification", "segmentation", "action"])
def test_runs_of_0_1_are_compared_with_a_warning(tmp_path: Path, task: str) -> None:
    one, other = tmp_path / "one", tmp_path / "other"
    shutil.copytree(OLD / task, one)
    shutil.copytree(OLD / task, other)
    html = write_comparison(one, other).read_text()
    assert "not known to be the same" in html
    assert "Maps side by side" not in html
    rows = compare_runs(one, other).scores
    before = {row.key: row.value for row in read_evaluation(one).scores}
    assert {row.key: row.value for row in rows} == pytest.approx(before, rel=1e-5, nan_ok=True)
    assert {row.difference.value for row in rows if row.difference is not None} == {0}


@pytest.mark.parametrize(
    ("field", "value", "words"),
    [
        ("name", "another", "and 'another'"),
        ("split", "val", "split 'test' and 'val'"),
        ("size", 34, "size 35 and 34"),
        ("classes", ["a", "b"], "and 2 classes"),
    ],
)
def test_other_test_images_are_refused(two: tuple[Path, Path], field: str, value: object, words: str) -> None:
    edit(two[1] / "evaluation.json", lambda e: e["data"].update({field: value}))
    with pytest.raises(RegardError, match=rf"other test images \(.*{words}"):
        compare_runs(*two)


def test_images_that_the_records_tell_apart_are_refused(two: tuple[Path, Path]) -> None:
    edit(two[1] / "data.json", lambda d: d["data"].update(fingerprint="0" * 32))
    with pytest.raises(RegardError, match="other images, by their fingerprints"):
        compare_runs(*two)
    for run, last in zip(two, ("c", "d"), strict=True):
        set_items(run, ("train.png", "train", "t"), (f"{last}.png", "test", last))
    with pytest.raises(RegardError, match=r"other test images: c\.png, d\.png; differences are paired by image"):
        compare_runs(*two)


def test_other_training_images_may_be_compared(two: tuple[Path, Path]) -> None:
    for run, hash in zip(two, ("a", "b"), strict=True):
        edit(run / "data.json", lambda d, hash=hash: d["data"].update(fingerprint=hash))
        set_items(run, ("x.png", "train", hash), ("y.png", "test", "t"))
    assert compare_runs(*two).checked


def test_one_run_twice_and_no_run_are_refused(two: tuple[Path, Path], tmp_path: Path) -> None:
    with pytest.raises(RegardError, match="the same run"):
        compare_runs(two[0], two[0])
    (tmp_path / "empty").mkdir()
    assert main(["report", str(two[0]), str(tmp_path / "empty")]) == 2


def test_numbers_of_another_length_are_named(two: tuple[Path, Path]) -> None:
    set_arrays(two[1] / "per_image.npz", nll=np.zeros(7, np.float32))
    with pytest.raises(RegardError, match=r"other/per_image.npz: nll has shape \(7,\) for 35 images; evaluate again"):
        compare_runs(*two)
