"""The same numbers as torch-cam on maps without ties."""

import json

import pytest
import torch
from tests.metrics import torchcam_cases as cases

from regard.metrics.faithfulness import deletion, drop, insertion
from regard.metrics.perturbation import Removal
from regard.types import Map

KNOWN = json.loads(cases.FILE.read_text())
CLASSES = torch.tensor(cases.CLASSES)


def predict(images):
    return cases.Network()(images).softmax(1)


@pytest.mark.parametrize("name", cases.SIZES)
@pytest.mark.parametrize("base", ["black", "another"])
def test_deletion_and_insertion_agree(name, base):
    x, map = cases.images(name), Map(cases.maps(name)[:, None], "relevance")
    removal = Removal(steps=cases.STEPS[name], baseline=cases.baselines(name)[base], batch_size=7)
    deleted = deletion(predict, x, map, CLASSES, removal=removal)
    inserted = insertion(predict, x, map, CLASSES, removal=removal)
    for k in range(2):
        reference = KNOWN[f"{name}/{k}/{base}"]
        assert deleted.area[k].item() == pytest.approx(reference["deletion_auc"], abs=1e-6)
        assert inserted.area[k].item() == pytest.approx(reference["insertion_auc"], abs=1e-6)
        assert abs(reference["deletion_auc"] - reference["insertion_auc"]) > 1e-4, "a test that could not fail"


@pytest.mark.parametrize("name", cases.SIZES)
def test_average_drop_and_increase_agree(name):
    x = cases.images(name)
    result = drop(predict, x, Map(cases.maps(name)[:, None], "relevance"), CLASSES, baseline=torch.zeros_like(x))
    for k in range(2):
        reference = KNOWN[f"{name}/{k}/drop"]
        assert result.drop[k].item() == pytest.approx(reference["avg_drop"], abs=1e-6)
        assert result.increase[k].item() == reference["conf_increase"]


def test_the_cases_show_a_drop_and_an_increase():
    references = [reference for key, reference in KNOWN.items() if key.endswith("drop")]
    assert {reference["conf_increase"] for reference in references} == {0.0, 1.0}
    assert max(reference["avg_drop"] for reference in references) > 0.01
