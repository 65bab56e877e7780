"""Several runs beside the first: values, paired differences, and those that cannot be compared."""

import json
import shutil
from pathlib import Path

import numpy as np
import pytest

from regard.cli import main
from regard.runs import compare_with_first


@pytest.fixture
def three(evaluated_run: Path, tmp_path: Path) -> list[Path]:
    """A run, a copy with a likelihood that is .3 worse on average, and one that is .2 better on every image."""
    folders = [Path(shutil.copytree(evaluated_run, tmp_path / name)) for name in ("one", "other", "third")]
    with np.load(folders[0] / "per_image.npz") as arrays:
        content = dict(arrays)
    count = len(content["nll"])
    for folder, change in zip(folders[1:], (np.linspace(0.1, 0.5, count), np.full(count, -0.2)), strict=True):
        np.savez(folder / "per_image.npz", **content | {"nll": content["nll"] + change.astype(np.float32)})
    return folders


def test_each_run_is_compared_with_the_first(three: list[Path]) -> None:
    compared = compare_with_first(three)
    assert compared.problems == ()
    row = next(row for row in compared.records() if row["score"] == "Negative log-likelihood")
    assert list(row) == ["score", "one", "other", "one minus other", "third", "one minus third"]
    one, other, third = (float(row[name].split()[0]) for name in ("one", "other", "third"))
    assert (other - one, third - one) == pytest.approx((0.3, -0.2), abs=0.011)
    assert row["one minus other"].startswith("−0.300, −0.3")
    assert row["one minus other"].endswith("clearly better")
    assert row["one minus third"].startswith("+0.200")
    accuracy = next(row for row in compared.records() if row["score"] == "Accuracy, mean prediction")
    assert accuracy["one"] == accuracy["other"] == accuracy["third"]


def test_one_that_cannot_be_compared_is_named_and_the_others_go_on(three: list[Path], tmp_path: Path, capsys) -> None:
    (three[1] / "evaluation.json").unlink()
    words = ["runs", "compare", *map(str, three), str(tmp_path / "absent"), str(three[2])]
    assert main(words) == 1
    captured = capsys.readouterr()
    assert "one minus third" in captured.out
    assert "minus other" not in captured.out
    assert [line.partition(":")[0] for line in captured.err.splitlines()] == ["regard"] * 3
    assert "other/evaluation.json" in captured.err
    assert "absent" in captured.err
    assert "named twice" in captured.err


def test_json_and_too_few(three: list[Path], capsys) -> None:
    assert main(["runs", "compare", *map(str, three), "--json"]) == 0
    content = json.loads(capsys.readouterr().out)
    assert content["problems"] == []
    assert {"score", "one", "other"} <= set(content["runs"][0])
    assert main(["runs", "compare", str(three[0])]) == 2
    assert "give two or more" in capsys.readouterr().err


def test_runs_that_did_not_record_their_images_are_said_so(three: list[Path], capsys) -> None:
    (three[1] / "data.json").unlink()
    assert main(["runs", "compare", *map(str, three)]) == 0
    err = capsys.readouterr().err
    assert "one and other: whether their test images are the same is not recorded" in err
    assert "one and third" not in err
