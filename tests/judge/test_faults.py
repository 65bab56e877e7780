"""Faults during a judgement: kills, methods that raise, networks that ignore their input, maps of zeros."""

import json
import signal
import subprocess
import sys
from dataclasses import replace

import pytest
import torch
from PIL import Image
from tests.judge.test_engine import options, table

from regard.evaluation import open_sample
from regard.explain import METHODS
from regard.judge import METRICS, Metric, judge_methods
from regard.judge.subject import Subject
from regard.models import AttentiveClassifier
from regard.types import RegardError

KILLED = """
import os, signal, sys
from importlib import import_module
from regard.cli import main

room = import_module("regard.judge.engine")
cell = room._cell
def dying(case, metric):
    if metric == "stability":
        os.kill(os.getpid(), signal.SIGKILL)
    return cell(case, metric)
room._cell = dying
main(sys.argv[1:])
"""


def strict(folder):
    def refuse(name):
        raise AssertionError(f"{name} is no JSON")

    return json.loads((folder / "judge.json").read_text(), parse_constant=refuse)


def without_cost(content):
    for method in content["methods"]:
        del method["seconds_an_image"]
    return content


@pytest.mark.slow
def test_a_process_killed_within_a_metric_resumes_to_the_same_numbers(tmp_path):
    torch.manual_seed(0)
    AttentiveClassifier("compact", 3, attention="noise", input_size=(16, 16)).save_pretrained(tmp_path / "net")
    (tmp_path / "images").mkdir()
    for k in range(3):
        pixels = torch.randint(0, 256, (20, 20, 3), generator=torch.Generator().manual_seed(k)).byte().numpy()
        Image.fromarray(pixels).save(tmp_path / "images" / f"{k}.png")
    given = ["judge", "--model", str(tmp_path / "net"), "--data", str(tmp_path / "images"), "--images", "3"]
    given += ["--methods", "grad_cam,attention", "--metrics", "drop,stability", "--again", "2", "--json"]

    def run(*command):
        return subprocess.run([sys.executable, *command], capture_output=True, text=True, timeout=240)

    died = run("-c", KILLED, *given, "--out", str(tmp_path / "killed"))
    assert died.returncode == -signal.SIGKILL, died.stderr
    assert not (tmp_path / "killed" / "judge.json").exists()
    kept = {p: p.stat().st_mtime_ns for p in (tmp_path / "killed").rglob("*") if p.is_file()}
    assert [p.name for p in kept if p.parent.parent.name == "cells"] == ["drop.json"]
    resumed, uninterrupted = (
        run("-m", "regard", *given, "--out", str(tmp_path / name)) for name in ("killed", "whole")
    )
    assert resumed.returncode == uninterrupted.returncode == 0, resumed.stderr + uninterrupted.stderr
    assert without_cost(json.loads(resumed.stdout)) == without_cost(json.loads(uninterrupted.stdout))
    assert all(p.stat().st_mtime_ns == t for p, t in kept.items()), "what was done is not done again"
    assert not list((tmp_path / "killed").rglob("*.part"))


def test_a_method_that_raises_is_named_stops_no_other_and_is_tried_again(subject, sample, tmp_path, monkeypatch):
    def broken(question):
        raise torch.OutOfMemoryError("no memory\nfor 3 TB")

    few = options(methods=("grad_cam", "uniform"), metrics=("drop", "paths_mean"))
    with monkeypatch.context() as patch:
        patch.setitem(METHODS, "grad_cam", replace(METHODS["grad_cam"], run=broken))
        judge_methods(subject, sample, tmp_path, few)
    first = table(tmp_path)
    why = "OutOfMemoryError: no memory"
    assert first["failed"] == [{"method": "grad_cam", "metric": "", "why": why, "broke": True}]
    assert {row["method"] for row in first["rows"]} == {"uniform"}
    steps = []
    judge_methods(subject, sample, tmp_path, few, on_progress=lambda *step: steps.append(step))
    assert steps == [("grad_cam", ""), ("grad_cam", "drop"), ("grad_cam", "paths_mean")]
    assert table(tmp_path)["failed"] == []
    assert {row["method"] for row in table(tmp_path)["rows"]} == {"grad_cam", "uniform"}


def test_a_metric_that_raises_is_tried_again_and_an_unsuited_one_is_not(subject, sample, tmp_path, monkeypatch):
    def broken(case):
        raise IndexError("row 7")

    bare = replace(sample, masks=None)
    few = options(methods=("uniform",), metrics=("drop", "location", "stability"))
    with monkeypatch.context() as patch:
        patch.setitem(METRICS, "drop", Metric(broken, "faithfulness", "none"))
        judge_methods(subject, bare, tmp_path, few)
    failed = {f["metric"]: (f["why"], f["broke"]) for f in table(tmp_path)["failed"]}
    assert failed["drop"] == ("IndexError: row 7", True)
    assert failed["location"] == ("this data has neither masks nor boxes", False)
    steps = []
    judge_methods(subject, bare, tmp_path, few, on_progress=lambda *step: steps.append(step))
    assert steps == [("uniform", "drop")]
    assert [f["metric"] for f in table(tmp_path)["failed"]] == ["location"]


def test_a_layer_without_positions_is_named_and_methods_without_layers_run(subject, sample, tmp_path):
    few = options(methods=("grad_cam", "input_gradient"), metrics=("drop",), layer="head")
    judge_methods(subject, sample, tmp_path, few)
    content = table(tmp_path)
    assert [(f["method"], f["broke"]) for f in content["failed"]] == [("grad_cam", False)]
    assert "head" in content["failed"][0]["why"]
    assert {row["method"] for row in content["rows"]} == {"input_gradient"}


def test_maps_that_are_zero_everywhere_go_through_every_metric(subject, sample, tmp_path):
    """A network that ignores its input: undefined scores are null, with a count and a reason."""
    torch.manual_seed(0)
    network = AttentiveClassifier("compact", 3, attention=None, input_size=(16, 16)).eval()
    for parameter in network.parameters():
        if parameter.ndim == 2:
            parameter.data.zero_()
    with torch.no_grad():
        logits = network.predict(sample.images)
    assert torch.equal(logits, logits[:1].expand_as(logits)), "the network does not ignore its input"
    few = options(
        methods=("input_gradient", "uniform"),
        metrics=tuple(m for m in METRICS if m not in ("labels", "inpainted", "f_fidelity")),
    )
    judge_methods(Subject("constant", network, subject.classes), sample, tmp_path, few)
    content = strict(tmp_path)
    assert content["failed"] == []
    assert next(m for m in content["methods"] if m["name"] == "input_gradient")["constant"] == 4
    scores = {r["score"]["key"]: r["score"] for r in content["rows"] if r["method"] == "input_gradient"}
    assert {m["metric"] for m in content["measures"]} == set(few.metrics)
    assert [scores[f"gap_{b}"]["value"] for b in ("mean", "blur", "noisy_linear")] == [0, 0, 0]
    assert scores["infidelity"]["value"] == 0, "neither predicted nor actual drop"
    for key in ("drop", "stability_noise", "cascade_all_spearman", "energy_relevance"):
        assert scores[key]["value"] is None, key
        assert sum(scores[key]["undefined"].values()) > 0, key


def test_a_folder_without_its_options_is_refused(subject, sample, tmp_path):
    few = options(methods=("uniform",), metrics=("drop",))
    judge_methods(subject, sample, tmp_path, few)
    (tmp_path / "options.json").unlink()
    with pytest.raises(RegardError, match=r"no options\.json"):
        judge_methods(subject, sample, tmp_path, few)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"seed": 1}, "seed 0, not 1"),
        ({"draws": 6}, "draws 5, not 6"),
        ({"layer": "stage1"}, "layer None, not 'stage1'"),
        ({"method_options": {"rise": {"samples": 3}}}, "method_options"),
    ],
)
def test_a_folder_with_other_options_is_refused(subject, sample, tmp_path, changes, message):
    few = options(methods=("uniform",), metrics=("drop",))
    judge_methods(subject, sample, tmp_path, few)
    before = (tmp_path / "judge.json").read_bytes()
    with pytest.raises(RegardError, match=message):
        judge_methods(subject, sample, tmp_path, replace(few, **changes))
    assert (tmp_path / "judge.json").read_bytes() == before
    other = AttentiveClassifier("compact", 3, attention="noise", anchors=4, input_size=(16, 16)).eval()
    with pytest.raises(RegardError, match="weights"):
        judge_methods(Subject(subject.name, other, subject.classes), sample, tmp_path, few)


def test_a_folder_of_a_version_with_other_numbers_is_refused(subject, sample, tmp_path, monkeypatch):
    few = options(methods=("uniform",), metrics=("drop",))
    judge_methods(subject, sample, tmp_path, few)
    monkeypatch.setattr(sys.modules[judge_methods.__module__], "NUMBERS_SINCE", "9.9")
    with pytest.raises(RegardError, match=r"regard '.*', not '9\.9'"):
        judge_methods(subject, sample, tmp_path, few)


def test_adding_methods_and_metrics_keeps_earlier_results(subject, sample, tmp_path):
    judge_methods(subject, sample, tmp_path, options(methods=("uniform",), metrics=("drop",)))
    before = table(tmp_path)["rows"]
    judge_methods(subject, sample, tmp_path, options(methods=("uniform", "grad_cam"), metrics=("drop", "stability")))
    after = table(tmp_path)["rows"]
    assert [row for row in after if row["method"] == "uniform" and row in before] == before
    assert len(after) == 2 * (len(before) + 2)


def test_an_image_that_cannot_be_read_is_named(tmp_path):
    for k in range(2):
        (tmp_path / f"{k}.png").write_text("no image")
    with pytest.raises(RegardError, match=r"\.png"):
        open_sample(str(tmp_path), 2, (16, 16))
