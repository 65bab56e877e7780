from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from tests.experiments.study.tables import table

from regard.experiments.study import Trials, read_trials
from regard.experiments.study.panel import Arm, paired
from regard.types import RegardError

BOTH = {"human": 1.0, "implicit": 0.0}


def test_csv_round_trip(tmp_path: Path) -> None:
    frame = table(BOTH).assign(robust_blur=0.25)
    frame.loc[0, "nss"] = np.nan
    before = Trials(frame)
    before.to_csv(tmp_path / "trials.csv")
    assert not list(tmp_path.glob("*.part"))
    after = read_trials(tmp_path / "trials.csv")
    pd.testing.assert_frame_equal(after.frame, before.frame)
    assert after.measured() == ("performance", "nss", "difficulty", "faithfulness", "robust_blur")


def test_image_names_of_digits_stay_strings(tmp_path: Path) -> None:
    frame = table(BOTH, images=3).assign(image=lambda f: f["image"].str.replace(".png", ""))
    frame["image"] = "00" + frame["image"]
    Trials(frame).to_csv(tmp_path / "t.csv")
    assert set(read_trials(tmp_path / "t.csv").frame["image"]) == {"000", "001", "002"}


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda f: f.drop(columns="seed"), r"columns \['seed'\] are missing"),
        (lambda f: f.drop(columns="performance"), "performance"),
        (lambda f: f.assign(perfomance=1.0), "perhaps performance"),
        (lambda f: f.iloc[:0], "no rows"),
        (lambda f: f.assign(condition="explicite"), "perhaps explicit"),
        (lambda f: f.assign(performance="good"), "performance has a value that is not a number"),
        (lambda f: f.assign(nss=np.inf), "nss is infinite in row 0"),
        (lambda f: f.assign(auc=85.0), "auc is 85.0; it lies between 0 and 1"),
        (lambda f: f.assign(seed=0.5), "seed must be a whole number"),
        (lambda f: f.assign(seed=0), "more than one row for"),
        (lambda f: f.assign(task=None), "task is empty in row 0"),
        (lambda f: f.assign(alpha=0.5), "have an alpha"),
        (lambda f: f.assign(condition="dose-noise"), "have an alpha"),
        (lambda f: f.assign(condition="dose-noise", alpha=2.0), "alpha is 2.0"),
    ],
)
def test_invalid_trials_are_errors(change, message: str) -> None:
    with pytest.raises(RegardError, match=message):
        Trials(change(table(BOTH, images=2)))


def test_errors_name_the_file(tmp_path: Path) -> None:
    with pytest.raises(RegardError, match=r"none\.csv"):
        read_trials(tmp_path / "none.csv")
    (tmp_path / "bad.csv").write_text("task,seed\na,1\n")
    with pytest.raises(RegardError, match=r"bad\.csv: trials: columns"):
        read_trials(tmp_path / "bad.csv")


def test_the_given_frame_is_not_changed() -> None:
    frame = table(BOTH, images=2)
    copy = frame.copy()
    Trials(frame)
    pd.testing.assert_frame_equal(frame, copy)


def test_pairs_share_runs_and_images() -> None:
    frame = table(BOTH, seeds=3, images=5)
    frame = frame[~((frame["condition"] == "human") & (frame["seed"] == 2))]
    frame.loc[
        (frame["condition"] == "implicit") & (frame["seed"] == 0) & (frame["image"] == "3.png"), "performance"
    ] = np.nan
    panel = paired(Trials(frame), "task", [Arm("human"), Arm("implicit")])
    assert panel.values.shape == (2, 2, 4)
    assert panel.left_out == {"runs that a condition lacks": 1, "images undefined somewhere": 1}
    expected = frame[(frame["condition"] == "human") & (frame["seed"] == 1) & (frame["image"] == "4.png")]
    assert panel.values[0, 1, 3] == expected["performance"].item()


def test_a_run_with_only_undefined_values_is_dropped() -> None:
    frame = table(BOTH, seeds=3, images=5)
    frame.loc[(frame["condition"] == "human") & (frame["seed"] == 1), "performance"] = np.nan
    panel = paired(Trials(frame), "task", [Arm("human"), Arm("implicit")])
    assert panel.values.shape == (2, 2, 5)
    assert panel.left_out == {"runs that a condition lacks": 1}


def test_pairs_of_missing_arms_are_empty() -> None:
    panel = paired(Trials(table(BOTH)), "task", [Arm("human"), Arm("center")])
    assert panel.values.shape == (2, 0, 0)
    assert paired(Trials(table(BOTH)), "task", [Arm("human")], "cc").values.size == 0


def test_pairs_keep_their_backbone() -> None:
    frame = pd.concat([table({"human": 0.0}, backbones=2, seeds=2), table({"implicit": 0.0}, backbones=2, seeds=2)])
    panel = paired(Trials(frame.sample(frac=1, random_state=0)), "task", [Arm("human"), Arm("implicit")])
    assert panel.backbone.tolist() == [0, 0, 1, 1]
    only = paired(Trials(frame), "task", [Arm("human")], backbone="net1")
    human_rows = frame[(frame["backbone"] == "net1") & (frame["condition"] == "human")]
    assert only.values.mean() == pytest.approx(human_rows["performance"].mean())
