"""The whole judgement on a small network: every metric, resumable, each failure with its reason."""

import json

import pytest
import torch

from regard.evaluation import Sample, open_sample
from regard.judge import METRICS, JudgeOptions, judge_methods
from regard.judge.engine import _frozen, counting
from regard.judge.measures import LEARNING_METRICS
from regard.judge.subject import Subject
from regard.models import AttentiveClassifier
from regard.types import RegardError

EVERY = tuple(name for name in METRICS if name not in LEARNING_METRICS)
"""The others are in test_learned_removal.py."""
METHODS = ("attention", "grad_cam", "rollout", "uniform")


def options(**changes):
    given = {
        "methods": METHODS,
        "metrics": EVERY,
        "images": 4,
        "again": 2,
        "steps": 3,
        "draws": 5,
        "stages": 2,
    }
    return JudgeOptions(**(given | changes))


@pytest.fixture(scope="module")
def judgement(subject, sample, tmp_path_factory):
    steps = []
    folder = tmp_path_factory.mktemp("judged")
    torch.manual_seed(1)
    twin = AttentiveClassifier("compact", 3, attention="noise", anchors=4, input_size=(16, 16)).eval()
    shuffled = Subject("shuffled", twin, subject.classes)
    judge_methods(subject, sample, folder, options(), shuffled=shuffled, on_progress=lambda *step: steps.append(step))
    return folder, steps, shuffled


def table(folder):
    return json.loads((folder / "judge.json").read_text())


def test_every_metric_scores_every_method_with_a_floor(judgement):
    content = table(judgement[0])
    scored = {(row["method"], row["score"]["key"]) for row in content["rows"]}
    for measure in content["measures"]:
        methods = {method for method, key in scored if key == measure["key"]}
        own = measure["key"].startswith("exclusion_frozen") or measure["key"] == "energy_bits"
        others = (
            {"grad_cam", "uniform"} if measure["key"] == "energy_relevance" else {"attention", "grad_cam", "uniform"}
        )
        assert methods == ({"attention"} if own else others), measure
    assert {m["metric"] for m in content["measures"]} == set(EVERY)
    assert all(any(r["role"] == "floor" for r in row["score"]["references"]) for row in content["rows"])
    assert [f["method"] for f in content["failed"]] == ["rollout"]
    assert "no attention between tokens" in content["failed"][0]["why"]


def test_a_constant_map_is_perfectly_consistent_and_has_no_gap(judgement):
    values = {r["score"]["key"]: r["score"]["value"] for r in table(judgement[0])["rows"] if r["method"] == "uniform"}
    assert {v for k, v in values.items() if k.startswith("consistent_")} <= {1.0, None}
    assert values["stability_noise"] == values["stability_jpeg"] == pytest.approx(1)
    assert [values[f"gap_{b}"] for b in ("mean", "blur", "noisy_linear")] == [0, 0, 0]
    assert values["drop"] is None
    assert next(m for m in table(judgement[0])["methods"] if m["name"] == "uniform")["constant"] == 4


def test_the_table_has_intervals_comparisons_and_costs(judgement):
    content = table(judgement[0])
    row = next(r for r in content["rows"] if r["method"] == "grad_cam" and r["score"]["key"] == "gap_mean")
    assert row["score"]["low"] <= row["score"]["value"] <= row["score"]["high"]
    pairs = [(c["first"], c["second"]) for c in content["comparisons"] if c["measure"] == "gap_mean"]
    assert pairs == [("attention", "grad_cam")]  # controls are floors, no contestants
    costs = {m["name"]: m["forwards_an_image"] for m in content["methods"]}
    assert costs["grad_cam"] > 0
    assert all(m["seconds_an_image"] > 0 for m in content["methods"])


def test_a_finished_judgement_computes_nothing(judgement, subject, sample):
    folder, steps, shuffled = judgement
    assert ("grad_cam", "road") in steps
    before = {p: p.stat().st_mtime_ns for p in folder.rglob("*") if p.is_file()}
    again = []
    judge_methods(subject, sample, folder, options(), shuffled=shuffled, on_progress=lambda *step: again.append(step))
    assert again == []
    assert before == {p: p.stat().st_mtime_ns for p in folder.rglob("*") if p.is_file()}


def test_a_killed_judgement_resumes_to_the_same_table(judgement, subject, sample, tmp_path):
    def killed(method, metric):
        if (method, metric) == ("grad_cam", "drop"):
            raise KeyboardInterrupt

    few = options(methods=("grad_cam",), metrics=("paths_mean", "drop", "stability"))
    with pytest.raises(KeyboardInterrupt):
        judge_methods(subject, sample, tmp_path / "killed", few, on_progress=killed)
    assert not (tmp_path / "killed" / "judge.json").exists()
    steps = []
    judge_methods(subject, sample, tmp_path / "killed", few, on_progress=lambda *step: steps.append(step))
    assert steps == [("grad_cam", "drop"), ("grad_cam", "stability")]
    judge_methods(subject, sample, tmp_path / "whole", few)
    assert table(tmp_path / "killed")["rows"] == table(tmp_path / "whole")["rows"]
    uninterrupted = {
        r["score"]["key"]: r["score"]["value"] for r in table(judgement[0])["rows"] if r["method"] == "grad_cam"
    }
    for row in table(tmp_path / "whole")["rows"]:
        assert row["score"]["value"] == pytest.approx(uninterrupted[row["score"]["key"]], abs=1e-6)


def test_a_folder_of_other_numbers_is_refused(judgement, subject, sample):
    folder, _, shuffled = judgement
    with pytest.raises(RegardError, match=r"steps 3, not 4"):
        judge_methods(subject, sample, folder, options(steps=4), shuffled=shuffled)
    changed = Sample(sample.source, 1 - sample.images, sample.index, sample.names, sample.masks)
    with pytest.raises(RegardError, match="pixels"):
        judge_methods(subject, changed, folder, options(), shuffled=shuffled)


@pytest.mark.parametrize("batch_size", [1, 3])
def test_numbers_do_not_depend_on_batches_or_their_order(judgement, subject, sample, tmp_path, batch_size):
    how = options(methods=("grad_cam",), metrics=("paths_mean", "infidelity", "exclusion"), batch_size=batch_size)
    judge_methods(subject, sample, tmp_path, how)
    expected = {
        r["score"]["key"]: r["score"]["value"] for r in table(judgement[0])["rows"] if r["method"] == "grad_cam"
    }
    for row in table(tmp_path)["rows"]:
        assert row["score"]["value"] == pytest.approx(expected[row["score"]["key"]], abs=1e-5)


def test_bad_input_is_named(subject, sample, tmp_path):
    with pytest.raises(RegardError, match="nearest: grad_cam"):
        judge_methods(subject, sample, tmp_path, options(methods=("gradcam",)))
    with pytest.raises(RegardError, match="no metric"):
        judge_methods(subject, sample, tmp_path, options(metrics=("roar",)))
    several = AttentiveClassifier("compact", 3, attention=None, multi_label=True, input_size=(16, 16))
    with pytest.raises(RegardError, match="multi-label"):
        judge_methods(Subject("several", several, ("a", "b", "c")), sample, tmp_path, options())
    wide = Sample("wide", torch.rand(2, 3, 8, 8), torch.arange(2), ("a", "b"))
    with pytest.raises(RegardError, match="takes"):
        judge_methods(subject, wide, tmp_path, options())
    with pytest.raises(RegardError, match="another's pixels"):
        options(images=1)
    with pytest.raises(RegardError, match="at least 1"):
        options(steps=0)


def test_data_that_is_neither_folder_nor_set_is_named(tmp_path):
    with pytest.raises(RegardError, match="neither a folder nor"):
        open_sample("cluter", 4, (16, 16))
    with pytest.raises(RegardError, match="0 images"):
        open_sample(str(tmp_path), 4, (16, 16))


def test_forwards_are_counted_in_images_and_the_hook_is_removed(subject):
    with counting(subject.model) as cost:
        subject.model.predict(torch.rand(3, 3, 16, 16))
        subject.model.predict(torch.rand(2, 3, 16, 16))
    assert cost.forwards == 5
    assert cost.seconds > 0
    assert not any(m._forward_pre_hooks for m in subject.model.modules())


def test_a_score_without_a_defined_image_is_null_and_has_no_control(subject, sample, tmp_path, monkeypatch):
    """For example if every map is all zero: consistency has no image to count."""
    from regard.judge import measures
    from regard.metrics import Consistency

    def no_maps(predict, explain, images, *rest, **how):
        n = len(images)
        return Consistency(torch.ones(n), torch.full((n,), torch.nan))

    monkeypatch.setattr(measures.metrics, "consistency", no_maps)
    judge_methods(subject, sample, tmp_path, options(methods=("grad_cam",), metrics=("consistency",)))
    rows = table(tmp_path)["rows"]
    assert all(row["score"]["value"] is None for row in rows)
    assert all(r["role"] == "floor" for row in rows for r in row["score"]["references"])


SMALL = {"input_size": (16, 16), "backbone_options": {"widths": (4, 4, 6, 8)}}


@pytest.mark.parametrize(("attention", "gates"), [("gap", False), ("ltpa", True), ("cbam", True)])
def test_only_gates_are_frozen(attention: str, gates: bool) -> None:
    torch.manual_seed(0)
    model, images = AttentiveClassifier("compact", 4, attention=attention, **SMALL).eval(), torch.rand(5, 3, 16, 16)
    frozen = _frozen(model, images, 2)
    assert (frozen is not None) == gates
    if frozen is not None:
        rows = torch.tensor([3, 0])
        assert torch.allclose(frozen(images[rows], rows), model.predict(images[rows]), atol=1e-5)
        assert not torch.equal(frozen(images[rows], rows.flip(0)), frozen(images[rows], rows))
