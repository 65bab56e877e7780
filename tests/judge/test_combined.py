"""The recommended measure: the mean gap over its baselines, with floors, first in the table and named as such."""

import pytest
import torch

from regard.judge import JudgeOptions, judge_methods
from regard.judge.measures import METRICS
from regard.judge.page import recommended_line
from regard.judge.removal import COMBINED_KEY, RECOMMENDED
from regard.metrics import Removal, lerf_morf_gap


@pytest.fixture(scope="module")
def results(subject, sample, tmp_path_factory):
    folder = tmp_path_factory.mktemp("combined")
    how = JudgeOptions(methods=("input_gradient", "center"), metrics=("combined", "stability"), images=4, steps=4)
    return judge_methods(subject, sample, folder / "judged", how)


def test_it_is_the_mean_of_the_gaps(results, subject, sample):
    from regard.explain import explain

    classes = subject.model.predict(sample.images).argmax(1)
    map = explain(subject.model, sample.images, "input_gradient", target=classes)
    gaps = []
    for name in RECOMMENDED:
        baseline = torch.zeros_like(sample.images) if name == "black" else name
        how = Removal(steps=4, baseline=baseline)
        gaps.append(lerf_morf_gap(subject.model.predict, sample.images, map, classes, removal=how).gap.mean())
    score = results.scores(COMBINED_KEY)["input_gradient"]
    assert len(RECOMMENDED) > 1
    assert score.value == pytest.approx(float(torch.stack(gaps).mean()), abs=1e-6)
    assert [floor.label for floor in score.references] == ["random, same bandwidth", "centre map"]


def test_it_comes_first_and_says_that_it_is_recommended(results):
    assert next(iter(METRICS)) == "combined"
    assert results.measures[0].key == COMBINED_KEY
    assert results.measures[0].label.endswith("(recommended)")
    line = recommended_line(results)
    assert line.startswith("Read first: LeRF minus MoRF, mean of ")
    assert "docs/truth.md" in line


def test_nothing_is_said_where_it_was_not_measured(subject, sample, tmp_path):
    how = JudgeOptions(methods=("input_gradient",), metrics=("drop",), images=4, steps=2)
    assert recommended_line(judge_methods(subject, sample, tmp_path / "judged", how)) == ""
