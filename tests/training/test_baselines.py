"""Baselines and matched controls from recipe to report: trained, resumed, opened, evaluated, explained."""

import json
from pathlib import Path

import pytest
import torch
from tests.training.test_run import same
from tests.training.tiny import metrics, tiny
from torchvision.transforms.functional import to_pil_image

from regard.backbones import create_backbone, size_of
from regard.cli import main
from regard.evaluation import evaluate
from regard.models import AttentiveClassifier
from regard.training import Recipe, load_run, train
from regard.training import run as running
from regard.training.build import build_model, check_choices, resolve_match
from regard.training.data_record import build_data
from regard.types import RegardError

BASELINES = {
    "gap": {"at": []},
    "ltpa": {"at": ["stage2", "stage3"], "attention_options": {"compatibility": "sigmoid"}},
    "abn": {"at": ["stage2"]},
    "cbam": {"at": ["stage1"]},
}
VIT = {
    "backbone": "vit_tiny_patch16_224",
    "backbone_options": {"depth": 1, "embed_dim": 12, "patch_size": 4, "class_token": False, "global_pool": "avg"},
    "attention_options": {"latent": 2, "hidden": 4},
    "at": [],
}


def recipe_of(baseline: str, **train_options: int) -> Recipe:
    model = VIT if baseline == "vit_ib" else BASELINES[baseline]
    return tiny(baseline, model={"attention": baseline, "latent": None, **model}, train={"epochs": 2, **train_options})


@pytest.mark.parametrize("baseline", [*BASELINES, "vit_ib"])
def test_a_baseline_from_recipe_to_report(baseline: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    recipe = recipe_of(baseline)
    folder = train(recipe, tmp_path / baseline, quiet=True)
    with monkeypatch.context() as broken:  # killed after the first epoch, then continued
        step = running.Task.training_step

        def dying(self: running.Task, batch: object, index: int) -> torch.Tensor:
            if self.current_epoch == 1 and index == 2:
                raise RuntimeError("killed")
            return step(self, batch, index)

        broken.setattr(running.Task, "training_step", dying)
        with pytest.raises(RuntimeError, match="killed"):
            train(recipe, tmp_path / "killed", quiet=True)
    again = train(recipe, tmp_path / "killed", quiet=True)
    assert same(again, folder)
    assert metrics(again) == metrics(folder)
    read, model, data = load_run(folder)
    assert read == recipe
    images = data.test.batch(range(5)).images
    saved = AttentiveClassifier.from_pretrained(folder / "model")
    torch.testing.assert_close(model.predict(images), saved.predict(images))  # a run is read in another memory layout
    result = json.loads(evaluate(folder).read_text())
    keys = {row["key"] for row in result["scores"]}
    assert {"accuracy_mean", "pointing"} <= keys
    assert ("accuracy_shuffled" in keys) == (baseline not in ("gap", "vit_ib"))
    assert result["map"]["unit"] == {"gap": "relevance", "vit_ib": "bits"}.get(baseline, "gate")
    assert result["map"]["meaning"]
    assert result["model"]["attention"] == baseline
    assert main(["report", str(folder)]) == 0
    assert baseline in (folder / "report.html").read_text()
    to_pil_image(images[0]).save(tmp_path / "a.png")
    assert main(["explain", str(tmp_path / "a.png"), "--run", str(folder), "--out", str(tmp_path / "maps")]) == 0
    assert list((tmp_path / "maps").iterdir())


@pytest.mark.parametrize("by", ["parameters", "flops"])
@pytest.mark.parametrize("baseline", [None, "abn"])
def test_a_matched_control_is_plain_and_as_large(baseline: str | None, by: str, tmp_path: Path) -> None:
    attention_fields = (
        {"attention": baseline, "at": ["stage2"], "latent": None} if baseline else {"attention": "aib", "latent": 64}
    )
    model = {**attention_fields, "match": by, "backbone_options": {"widths": [16, 16, 32, 48]}}
    recipe = tiny("matched", model=model)
    data = build_data(recipe)
    plain = resolve_match(recipe, data)
    assert plain == resolve_match(recipe, data)
    assert resolve_match(plain, data) == plain
    assert (plain.model.attention, plain.model.latent, plain.model.match, plain.twin) == (None, None, None, False)
    large = build_model(recipe, data)
    control = build_model(plain, data)
    assert abs(size_of(control, by, control.shape) / size_of(large, by, large.shape) - 1) < 0.03
    folder = train(recipe, tmp_path / "matched", quiet=True)
    assert load_run(folder)[0] == plain
    assert train(recipe, folder, quiet=True) == folder  # finished, and known again


def test_flops_are_those_of_the_convolutions() -> None:
    model = create_backbone("compact", 10, widths=(4, 6, 8, 10))
    stem, first = 2 * 16 * 16 * 25 * 3 * 4, 2 * 16 * 16 * 9 * 4 * 6
    second, third = 2 * 8 * 8 * 9 * (6 * 8 + 2 * 8 * 8), 2 * 4 * 4 * 9 * (8 * 10 + 2 * 10 * 10)
    assert size_of(model, "flops", (3, 32, 32)) == stem + first + second + third + 2 * 10 * 10


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        ({"attention": None, "latent": None}, r"model\.match needs"),
        ({"pretrained": "x.pth"}, "another width from scratch"),
        ({"freeze": "stem"}, "another width from scratch"),
    ],
)
def test_a_recipe_that_cannot_be_matched_is_refused(fields: dict, words: str) -> None:
    with pytest.raises(RegardError, match=words):
        check_choices(tiny(model={"match": "parameters", **fields}))


def test_a_hidden_layer_where_width_is_not_free_and_steps_too_coarse() -> None:
    other = {"match": "parameters", "backbone": "resnet18", "at": ["layer2"], "backbone_options": {}}
    recipe = tiny(model=other)
    plain = resolve_match(recipe, build_data(recipe))
    assert plain.model.backbone == "resnet18"
    assert plain.model.backbone_options["hidden"] > 0
    options = {"widths": [1, 1, 1, 2]}
    narrow = tiny(model={"match": "parameters", "attention": "aib", "backbone_options": options})
    with pytest.raises(RegardError, match="start from a wider network"):
        resolve_match(narrow, build_data(narrow))
