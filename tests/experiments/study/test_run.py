"""A whole study on generated images with simulated observers: cells, failures, trials, page, verdicts."""

import json
import re
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import yaml

from regard.cli import main
from regard.experiments.study import QUESTIONS, read_trials

CONDITIONS = ["none", "center", "implicit", "explicit", "explicit-shuffled", "mask-supervised", "human"]
STUDY: dict[str, Any] = {
    "title": "Digits & <people>",
    "plan": {"attention_driven": ["find"], "higher_level": ["later"]},
    "seeds": [0, 1],
    "ensemble": [7],
    "tuning": {"values": [1.0]},
    "measures": {
        "faithful": 4,
        "robust": ["gaussian_noise", "fgsm"],
        "robust_images": 6,
        "gallery": 2,
        "alphas": [0, 1],
    },
    "tasks": {
        "find": {
            "set": {
                "data.options": {"size": 16, "train": 64, "val": 16, "test": 20, "observers": 3, "cache": False},
                "model.backbone_options": {"widths": [4, 4, 8, 8]},
                "augment.crop_padding": 1,
                "train.epochs": 1,
                "train.batch_size": 16,
                "train.accelerator": "cpu",
                "train.threads": 1,
            },
            "conditions": [*CONDITIONS, "dose-noise", "dose-displaced", "dose-mask"],
        },
        "later": {"conditions": ["none"], "set": {"data.name": "folder", "data.root": "nowhere"}},
    },
}


def study_file(folder: Path, **changes: Any) -> Path:
    path = folder / "tiny.yaml"
    path.write_text(yaml.safe_dump(STUDY | changes, sort_keys=False))
    return path


def study_command(folder: Path, *more: str) -> list[str]:
    return ["study", str(folder / "tiny.yaml"), "--runs", str(folder / "runs"), "--only", "find", *more]


@pytest.fixture(scope="module")
def study_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder in which the study ran."""
    folder = tmp_path_factory.mktemp("study")
    study_file(folder)
    assert main(study_command(folder)) == 0
    return folder


@pytest.mark.slow
def test_trials_have_a_row_per_image_and_network(study_folder: Path) -> None:
    frame = read_trials(study_folder / "runs" / "tiny" / "trials.csv").frame
    assert len(frame) == (len(CONDITIONS) + 3 * 2) * 2 * 20
    assert set(frame["image"]) == {str(k) for k in range(20)}
    assert set(frame["performance"]) <= {0.0, 1.0}
    assert frame["difficulty"].notna().all()
    assert set(frame["difficulty"]) <= {0.0, 1.0}, "the ensemble is one network"
    of = {name: frame[frame["condition"] == name] for name in CONDITIONS}
    for name in ("nss", "nss_random", "nss_center", "nss_observers", "sauc", "cc_observers", "kl", "auc_center"):
        assert of["none"][name].isna().all(), "no map, no similarity"
        assert of["implicit"][name].notna().mean() > 0.9, name
    assert of["implicit"]["faithfulness"].notna().sum() == 2 * 4
    assert of["implicit"]["faithfulness_random"].notna().sum() == 2 * 4
    assert of["none"]["faithfulness"].isna().all()
    for name in CONDITIONS:
        for column in ("robust_gaussian_noise", "robust_fgsm"):
            assert of[name][column].notna().sum() == 2 * 6
    assert of["implicit"]["nss_observers"].mean() > of["implicit"]["nss_center"].mean(), "people agree on the digit"
    human = of["human"]
    assert human["nss"].mean() > human["nss_center"].mean() > human["nss_random"].mean(), "it is the human map"
    assert of["center"]["nss"].to_numpy() == pytest.approx(of["center"]["nss_center"].to_numpy(), abs=0.2)
    assert human["faithfulness"].isna().all(), "an imposed map is not the network's"
    for kind in ("noise", "displaced", "mask"):
        dosed = frame[(frame["condition"] == f"dose-{kind}") & (frame["alpha"] == 0)]
        assert np.array_equal(dosed["performance"], human["performance"]), "a dose of nothing is the human map"
    seeds = [of["explicit"][of["explicit"]["seed"] == s]["nss"].to_numpy() for s in (0, 1)]
    assert not np.allclose(seeds[0], seeds[1], equal_nan=True)


@pytest.mark.slow
def test_page_record_and_terminal_show_the_verdicts(study_folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    root = study_folder / "runs" / "tiny"
    page = (root / "report.html").read_text()
    assert "Digits &amp; &lt;people&gt;" in page
    assert "http" not in page.replace("http-equiv", "")
    assert "There are no trials of the task &#39;later&#39;." in page
    assert "find, base: learned from scratch" in page
    assert "find, without any network: most frequent class" in page
    assert page.count("data:image/jpeg") == 2
    assert "image, people, center, implicit, explicit, explicit-shuffled, mask-supervised, human" in page
    for section in ("verdicts", "gallery", *(question for question in QUESTIONS if question != "layers")):
        assert f'id="{section}"' in page
    record = json.loads((root / "results.json").read_text())
    assert record["seeds"] == [0, 1]
    assert {"commit", "versions", "hardware", "command"} <= set(record)
    assert record["made"][0]["cells"] == 2 * len(CONDITIONS) + 1
    words = {v["hypothesis"]: v["word"] for v in record["values"]["verdicts"]}
    assert set(words) == {"C1", "C2", "C3", "C4", "C5", "G"}
    frame = pd.read_csv(root / "trials.csv")
    rows = {r["condition"]: r["level"] for r in record["values"]["performance"]["rows"]}
    for name in CONDITIONS:
        mean = frame[frame["condition"] == name]["performance"].mean()
        assert rows[name]["value"] == pytest.approx(mean)
    capsys.readouterr()
    assert main(["study", "report", str(root)]) == 0
    output = capsys.readouterr().out
    assert all(f"{name}: {word}" in output for name, word in words.items())
    assert main(["study", "report", str(root), "--json"]) == 0
    assert json.loads(capsys.readouterr().out) == record
    page = (root / "report.html").read_bytes()
    assert main(["report", str(root)]) == 0
    assert (root / "report.html").read_bytes() == page


@pytest.mark.slow
def test_a_killed_cell_is_resumed_and_the_others_are_not_changed(
    study_folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    root = study_folder / "runs" / "tiny"
    before = (root / "trials.csv").read_bytes()
    cells = root / "cells" / "find" / "base"
    killed, finished = cells / "explicit" / "seed-1", cells / "implicit" / "seed-0"
    (killed / "cell.json").unlink()
    finished_time = (finished / "cell.json").stat().st_mtime_ns
    trained_time = (killed / "run" / "environment.json").stat().st_mtime_ns
    assert main(study_command(study_folder, "--dry-run")) == 0
    lines = capsys.readouterr().out.splitlines()
    assert sum(line.startswith("to run") for line in lines) == 1
    assert lines[-1].startswith("1 cell to run with 1 worker: about ")
    assert main(study_command(study_folder)) == 0
    assert (root / "trials.csv").read_bytes() == before
    assert (finished / "cell.json").stat().st_mtime_ns == finished_time
    assert (killed / "run" / "environment.json").stat().st_mtime_ns == trained_time, "training was complete already"


@pytest.mark.slow
def test_a_plan_changed_after_a_cell_is_reported(study_folder: Path) -> None:
    study_file(study_folder, plan={"attention_driven": ["find"], "alpha": 0.1})
    root = study_folder / "runs" / "tiny"
    (root / "trials.csv").unlink()  # finished cells count as results
    assert main(study_command(study_folder)) == 0
    page = (root / "report.html").read_text()
    study_file(study_folder)
    assert json.loads((root / "plan.json").read_text())["plan"]["alpha"] == 0.05, "the frozen plan stays"
    assert "alpha: 0.05 to 0.1" in page


@pytest.mark.slow
def test_a_failing_cell_does_not_affect_others(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    task = STUDY["tasks"]["find"]
    lost = {"conditions": ["implicit", "bottleneck"], "arms": {"bottleneck": {"model.at": ["stage9"]}}}
    study_file(tmp_path, tasks={"find": task | lost}, plan={"attention_driven": ["find"]}, seeds=[0], ensemble=[])
    assert main(study_command(tmp_path)) == 1
    output = capsys.readouterr()
    assert "stage9" in output.err
    frame = read_trials(tmp_path / "runs" / "tiny" / "trials.csv").frame
    assert set(frame["condition"]) == {"implicit"}
    assert "difficulty" not in frame
    page = (tmp_path / "runs" / "tiny" / "report.html").read_text()
    assert "could not be trained or measured" in page
    assert "stage9" in page


@pytest.mark.slow
def test_a_study_is_tried_out_in_a_folder_of_its_own(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    options = {"size": 16, "train": 64, "val": 16, "test": 40, "observers": 3, "cache": False}
    task = {"conditions": ["implicit", "human", "dose-noise"]}
    task["set"] = STUDY["tasks"]["find"]["set"] | {"data.options": options, "train.epochs": 5}
    study_file(tmp_path, tasks={"find": task}, plan={"attention_driven": ["find"]}, tuning={"values": [0.1, 1.0]})
    assert main(study_command(tmp_path, "--smoke")) == 0
    says = "Only tried out, nothing here is a result: "
    assert f"{says}page: " in capsys.readouterr().out
    assert [path.name for path in (tmp_path / "runs").iterdir()] == ["smoke"]
    root = tmp_path / "runs" / "smoke" / "tiny"
    assert f"<h1>{says}Digits" in (root / "report.html").read_text()
    runs = sorted(path.parent for path in root.rglob("cell.json"))
    assert [str(run.relative_to(root / "cells" / "find")) for run in runs] == [
        "base/human/seed-0",
        "base/implicit/seed-0",
        "ensemble/seed-7",
    ]
    for run in runs:
        assert len((run / "run" / "metrics.jsonl").read_text().splitlines()) == 1
    frame = read_trials(root / "trials.csv").frame
    implicit = frame[frame["condition"] == "implicit"]
    assert len(implicit) == 32, "of 40"
    assert set(implicit["image"]) == {str(i) for i in np.linspace(0, 39, 32).astype(int)}
    assert implicit["nss"].notna().mean() > 0.9
    assert set(frame[frame["condition"] == "dose-noise"]["alpha"]) == {0.0, 1.0}


def test_a_study_without_finished_cells_is_reported(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    study_file(tmp_path)
    assert main(["study", "report", str(tmp_path / "tiny.yaml"), "--runs", str(tmp_path)]) == 2
    assert "no condition has a finished cell" in capsys.readouterr().err
    assert main(study_command(tmp_path, "--dry-run", "--seeds", "1")) == 0
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) == 1 + len(CONDITIONS) + 1
    told = "of training, by a few steps of 5 kinds of network; measuring comes on top"
    assert re.fullmatch(rf"8 cells to run with 1 worker: about \d+ s {told}", lines[-1])
    assert sorted(path.name for path in tmp_path.iterdir()) == ["tiny.yaml"], "a probe leaves nothing behind"
    later = ["study", str(tmp_path / "tiny.yaml"), "--runs", str(tmp_path / "runs"), "--only", "later", "--seeds", "1"]
    assert main([*later, "--dry-run"]) == 0
    assert "time unknown, as no cell is finished and none can be probed: later/" in (out := capsys.readouterr().out)
    assert "nowhere" in out
    assert main(later) == 2, "a run says so, too"
    assert "nowhere" in capsys.readouterr().err
    assert main(study_command(tmp_path, "--dry-run", "--only", "finds")) == 2
    assert "its tasks are find, later" in capsys.readouterr().err
