"""The costs of metrics in docs/judging.md agree with the counted forwards."""

import json
import re
from pathlib import Path
from types import SimpleNamespace

import torch

from regard.data import TensorSplit
from regard.evaluation import sample_of
from regard.judge import METRICS, JudgeOptions, judge_methods
from regard.judge.case import Case
from regard.judge.measures import LEARNING_METRICS
from regard.types import Map

PAGE = Path(__file__).resolve().parents[2] / "docs" / "judging.md"


def documented():
    """Metric -> the last column of the table of metrics."""
    text = PAGE.read_text(encoding="utf-8").split("## The metrics")[1].split("\n## ")[0]
    return dict(re.findall(r"^\| `(\w+)` \|.*\| ([^|]+) \|$", text, re.MULTILINE))


def test_every_metric_is_in_the_table():
    assert set(documented()) == set(METRICS)


def test_forwards_are_as_the_table_says(subject, tmp_path):
    """On 16 images, all of them explained again, by a method with one forward per map."""
    count, costs = 16, {name: cost for name, cost in documented().items() if name not in ("labels", *LEARNING_METRICS)}
    generator = torch.Generator().manual_seed(0)
    images = torch.randint(0, 256, (count, 3, 16, 16), generator=generator, dtype=torch.uint8)
    boxes = torch.tensor([[2.0, 3.0, 9.0, 12.0]]).repeat(count, 1)
    sample = sample_of(
        TensorSplit("test", ("a", "b", "c"), images, torch.arange(count) % 3, boxes=boxes), "16", count, (16, 16)
    )
    judge_methods(
        subject, sample, tmp_path, JudgeOptions(methods=("input_gradient",), metrics=tuple(costs), images=count)
    )
    for metric, cost in costs.items():
        cell = json.loads((tmp_path / "cells" / "input_gradient" / f"{metric}.json").read_text())
        counted = cell["forwards"] / count
        if "to" in cost:
            low, high = map(int, cost.split(" to "))
            assert low <= counted <= high, metric
        else:
            terms = [int(part) for part in re.findall(r"\d+", cost)]
            assert abs(counted - sum(terms)) <= 0.1 * sum(terms), metric


def test_forwards_of_metrics_that_learn_are_as_the_table_says(subject, tmp_path):
    """Of the network for one, of the fine-tuned copy for the other."""
    shown = []

    def predict(images):
        shown.append(len(images))
        return torch.full((len(images), 3), 1 / 3)

    count = 4
    images = torch.rand(count, 3, 16, 16, generator=torch.Generator().manual_seed(0))
    map = Map(images[:, :1], "relevance")
    learner = SimpleNamespace(tuned=predict, fill=lambda x, _: 1 - x, cell=1)
    options = JudgeOptions(methods=("center",), metrics=LEARNING_METRICS, images=count)
    kept = dict.fromkeys(("explain", "on", "network", "twin", "frozen", "masks"))
    classes, index = torch.zeros(count, dtype=torch.long), torch.arange(count)
    case = Case(
        **kept, predict=predict, images=images, classes=classes, index=index, map=map, options=options, learner=learner
    )
    for metric in LEARNING_METRICS:
        shown.clear()
        METRICS[metric].run(case)
        expected = int(re.findall(r"[\d,]+", documented()[metric])[0].replace(",", ""))
        assert abs(sum(shown) / count - expected) <= 0.1 * expected, metric
