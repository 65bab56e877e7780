"""A run with an override map is evaluated with that map; other commands refuse it."""

import json
from dataclasses import replace

import pytest
import torch
from tests.training.gaze_data import clutter_with_gaze
from tests.training.tiny import tiny

from regard.evaluation import evaluate, observe
from regard.evaluation.changed_splits import ChangedSplit
from regard.evaluation.faithfulness import removed
from regard.judge.subject import open_subject
from regard.metrics import Removal, accuracy
from regard.models import AttentiveClassifier
from regard.report.runs import read_run
from regard.training import build_override_maps, data_record, load_run, open_run, train, with_map_override
from regard.training.recipe_model import ImposeRecipe
from regard.types import Map, ModelOutput, RegardError

MODEL = {"attention": "uniform", "latent": None}


@pytest.fixture
def data(monkeypatch):
    splits = clutter_with_gaze()
    monkeypatch.setattr(data_record, "open_data", lambda *_, **__: splits)
    return splits


def test_a_classifier_is_evaluated_with_its_override_map(data, tmp_path):
    recipe = tiny("human", model=MODEL, impose=ImposeRecipe(map="human"), train={"epochs": 2})
    folder = train(recipe, tmp_path / "human", quiet=True)
    evaluate(folder)
    evaluation = json.loads((folder / "evaluation.json").read_text())
    rows = {row["key"]: row for row in evaluation["scores"]}
    assert "an oracle, not a method" in evaluation["warnings"][0]
    assert evaluation["model"]["attention"] == "human map, imposed"
    _, model, _ = load_run(folder)
    batch = data.test.batch(range(35))
    maps = build_override_maps(recipe, data, model).of(batch)
    with torch.no_grad():
        probabilities = model(batch.images, samples=0, map_override=maps).probabilities()
    assert rows["accuracy_mean"]["value"] == pytest.approx(accuracy(probabilities, batch.labels).mean().item())
    observation = observe(model, with_map_override(recipe, data, model).test, seed=0, samples=(2,))
    assert torch.equal(observation.map.values, maps)
    assert torch.allclose(observation.averaged[2], probabilities, atol=1e-6)
    assert not torch.allclose(observe(model, data.test, seed=0).mean, probabilities, atol=1e-4), "the map does nothing"
    own = {line["key"]: line for line in evaluation["interventions"]}["own"]
    assert own["accuracy"]["value"] == pytest.approx(rows["accuracy_mean"]["value"])
    assert "deletion" in rows
    assert read_run(folder).provenance.imposed["map"] == "human"


class PredictsFromMap(AttentiveClassifier):
    """Predicts from its map only: deleting pixels changes nothing if every copy keeps the map of its image."""

    def forward(self, images, samples=0, map_override=None, stem=None):
        level = map_override.mean((1, 2, 3))
        return ModelOutput(torch.stack([level, 1 - level], 1).log()[None])


def test_deletion_gives_every_copy_its_images_map(data):
    maps = torch.rand(8, 1, 4, 4)
    split = ChangedSplit(data.test, lambda batch: replace(batch, map_override=maps[batch.index]))
    model = PredictsFromMap("compact", 2, attention=None, input_size=(16, 16))
    removal = Removal(steps=4)
    gaps = removed(model, split, torch.arange(8), Map(torch.rand(8, 1, 4, 4), "gate"), removal)
    level = maps.mean((1, 2, 3))
    probability = torch.maximum(level, 1 - level)
    assert gaps.gap.abs().max() < 1e-6
    assert torch.allclose(gaps.morf.probabilities, probability[:, None].expand(-1, 5), atol=1e-6)


def test_a_segmenter_is_evaluated_with_its_override_map(monkeypatch, tmp_path):
    data = clutter_with_gaze(without=(3, 4))
    monkeypatch.setattr(data_record, "open_data", lambda *_, **__: data)
    recipe = tiny("seg", task="segmentation", model=MODEL, impose=ImposeRecipe(map="human-shuffled"))
    folder = train(recipe, tmp_path / "seg", quiet=True)
    evaluate(folder)
    evaluation = json.loads((folder / "evaluation.json").read_text())
    assert "where people looked at another image" in evaluation["warnings"][0]
    assert evaluation["warnings"][1].startswith("Nobody looked at 2 of 35 test images")
    _, model, _ = open_run(folder)
    batch = with_map_override(recipe, data, model).test.batch(range(35))
    with torch.no_grad():
        probabilities = model(batch.images, samples=0, map_override=batch.map_override).probabilities
    expected = (probabilities - batch.masks.float()).abs().mean((1, 2, 3)).mean().item()
    mae = {row["key"]: row for row in evaluation["scores"]}["mae"]["value"]
    assert mae == pytest.approx(expected, abs=1e-5)


def test_other_commands_refuse_a_run_with_an_override_map(data, tmp_path):
    folder = train(tiny("run", model=MODEL, impose=ImposeRecipe(map="center")), tmp_path / "run", quiet=True)
    with pytest.raises(RegardError, match=r"given its map \(impose\.map=center\) and has none for other images"):
        open_subject(folder)
